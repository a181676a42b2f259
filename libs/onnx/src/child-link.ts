import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { deferred, errorText } from '@everloop/service';
import type { HostReply, HostRequest } from './host-protocol.ts';
import { encodeRequest, FrameReader } from './host-wire.ts';
import { environmentFor, type Provider } from './providers.ts';

/** A request on its way to the child, with whoever waits for it. */
export interface Call {
  readonly request: HostRequest;
  /** Longest time as the oldest unanswered call, milliseconds. */
  readonly timeoutMs: number;
  /** Made by the host itself to bring a model back; never asked again, since every new process gets its own. */
  readonly isReload: boolean;
  settle(reply: HostReply): void;
  /** The child hung, ran out of memory or died while this call was the oldest one. */
  abandon(why: EndReason): void;
}

export interface EndReason {
  readonly kind: 'timeout' | 'memory' | 'crash' | 'stop';
  /** In words, with numbers. */
  readonly detail: string;
}

export interface LinkOptions {
  readonly oldSpaceMib: number;
  readonly rssBytesMax: number;
  readonly readyMs: number;
  readonly providers: readonly Provider[];
  /** `trouble`: why this process can run no model. */
  readonly onReady: (runtimeVersion: string, trouble: string | null) => void;
  /** The child is gone. `innocent` are the calls it had not come to yet, in order. */
  readonly onEnd: (why: EndReason, innocent: readonly Call[]) => void;
}

const entry = fileURLToPath(new URL('./host-process.ts', import.meta.url));
const flags = ['--disable-warning=ExperimentalWarning'];
const pageBytes = 4096;
const memoryPollMs = 250;
const stderrCharsMax = 2_000;

/** One life of the child process: calls go out in order, the oldest unanswered one is timed. */
export class ChildLink {
  readonly #options: LinkOptions;
  readonly #child: ChildProcess;
  readonly #stream: Duplex;
  readonly #calls: Call[] = [];
  readonly #closed = deferred();
  #timer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #why: EndReason | undefined;
  #ended = false;
  #isRecycled = false;
  #isRetiring = false;
  #stderr = '';
  rssBytes = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    const args = [...flags, `--max-old-space-size=${options.oldSpaceMib}`, entry, options.providers.join(',')];
    this.#child = spawn(process.execPath, args, {
      // Nothing of this process's environment is the model's business.
      env: environmentFor(options.providers, process.env),
      // The fourth carries the frames both ways: a library that prints something must not end up among them.
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const frames = new FrameReader<HostReply>();
    // spawn makes a duplex stream of every pipe beyond the first three.
    this.#stream = this.#child.stdio[3] as Duplex;
    this.#stream.on('data', (chunk: Buffer) => this.#read(frames, chunk));
    // The end of the process says what is wrong with a stream that breaks.
    this.#stream.on('error', () => undefined);
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-stderrCharsMax);
    });
    this.#child.on('error', (error) => this.#end({ kind: 'crash', detail: error.message }));
    this.#child.on('exit', (code, signal) => this.#onExit(code, signal));
    this.#timer = setTimeout(
      () => void this.kill({ kind: 'timeout', detail: `was not ready after ${options.readyMs} ms` }),
      options.readyMs,
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get inFlight(): number {
    return this.#calls.length;
  }

  send(call: Call): void {
    this.#calls.push(call);
    if (this.#calls.length === 1) this.#watchOldest();
    this.#stream.write(encodeRequest(call.request));
  }

  /** Resolves when the process is gone, whatever it ended by. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Ends the process behind its last answer; nothing may be sent any more. */
  retire(): void {
    this.#isRetiring = true;
    if (this.#calls.length === 0) void this.kill({ kind: 'stop', detail: 'has handed over' });
  }

  /** Resolves when the process is gone. */
  kill(why: EndReason): Promise<void> {
    this.#why ??= why;
    this.#child.kill('SIGKILL');
    return this.#closed.promise;
  }

  #read(frames: FrameReader<HostReply>, chunk: Buffer): void {
    try {
      for (const reply of frames.take(chunk)) this.#receive(reply);
    } catch (error) {
      void this.kill({ kind: 'crash', detail: `answered with a damaged frame: ${errorText(error)}` });
    }
  }

  #receive(reply: HostReply): void {
    if (reply.kind === 'ready') {
      clearTimeout(this.#timer);
      this.#options.onReady(reply.runtimeVersion, reply.trouble);
      return;
    }
    this.rssBytes = reply.rssBytes;
    const call = this.#calls.shift();
    if (call === undefined || call.request.id !== reply.id) {
      void this.kill({ kind: 'crash', detail: `answered call ${reply.id} out of turn` });
      if (call !== undefined) this.#calls.unshift(call);
      return;
    }
    this.#watchOldest();
    if (this.rssBytes <= this.#options.rssBytesMax) {
      call.settle(reply);
      if (this.#isRetiring) this.retire();
      return;
    }
    // A model that does not fit is refused, or every new process would outgrow its memory too; a run has its answer. The calls
    // that follow are not to blame.
    if (reply.kind === 'loaded') call.abandon(this.#tooLarge());
    else call.settle(reply);
    this.#isRecycled = true;
    void this.kill(this.#tooLarge());
  }

  #watchOldest(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#poll);
    const oldest = this.#calls[0];
    if (oldest === undefined) return;
    this.#timer = setTimeout(
      () => void this.kill({ kind: 'timeout', detail: `gave no answer in ${oldest.timeoutMs} ms` }),
      oldest.timeoutMs,
    );
    // A run that allocates without end never answers, so its memory is looked at from outside.
    this.#poll = setInterval(() => {
      this.rssBytes = residentBytes(this.#child.pid) ?? this.rssBytes;
      if (this.rssBytes > this.#options.rssBytesMax) void this.kill(this.#tooLarge());
    }, memoryPollMs);
  }

  #tooLarge(): EndReason {
    const limit = this.#options.rssBytesMax;
    return { kind: 'memory', detail: `used ${this.rssBytes} bytes of memory, at most ${limit} are allowed` };
  }

  #onExit(code: number | null, signal: string | null): void {
    const said = this.#stderr.trim();
    this.#end({ kind: 'crash', detail: `ended with ${signal ?? `code ${code}`}${said === '' ? '' : `: ${said}`}` });
  }

  #end(why: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    clearInterval(this.#poll);
    const reason = this.#why ?? why;
    if (!this.#isRecycled) this.#calls.shift()?.abandon(reason);
    this.#options.onEnd(reason, this.#calls.splice(0));
    this.#closed.resolve();
  }
}

/** Resident memory of a process; undefined where there is no /proc. */
function residentBytes(pid: number | undefined): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes;
  } catch {
    return undefined;
  }
}
