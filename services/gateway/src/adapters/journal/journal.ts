import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writevSync,
} from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { deferred } from '@everloop/service';
import { gatewayError } from '../../errors.ts';
import { decodeFrames, encodeFrame, firstFrameBytes, frameBytesMax, type JournalRecord } from './frames.ts';
import { lockFolder } from './folder-lock.ts';
import type { Position, Read } from './position.ts';
import { JournalTail } from './tail.ts';
import { Wakeable } from './wakeable.ts';

export interface JournalOptions {
  readonly folder: string;
  /** A segment is closed when it is so long, bytes; what Kafka has is removed by segments. */
  readonly segmentBytes: number;
  /** Records that were written are forced to the disk so often, milliseconds: what a machine, not a process, may lose. */
  readonly syncEveryMs: number;
  readonly onDamaged: (segment: number, atByte: number) => void;
}

/** Sizes of the closed segments and of the one that is written, in ascending order. */
interface Segments {
  readonly sizes: Map<number, number>;
  current: number;
  file: number;
}

const readBytes = 1024 * 1024;

/**
 * Records on disk until Kafka has them. Written in the order of `append`; a record outlives this process once `written` has resolved.
 * A write that was cut off ends its segment: what came before counts, nothing after it was ever promised.
 */
export class Journal {
  /** Names this folder for ever. */
  readonly id: string;
  readonly #options: JournalOptions;
  readonly #unlock: () => void;
  readonly #segments: Segments;
  readonly #sync: NodeJS.Timeout;
  readonly #more = new Wakeable();
  readonly #tail = new JournalTail();
  #frames: Buffer[] = [];
  #records: JournalRecord[] = [];
  #bufferedBytes = 0;
  /** In all segments that are there. */
  #keptBytes = 0;
  /** The current segment may end in what was never promised, and could not be cut: nothing more may be written to it. */
  #isSpoilt = false;
  #isScheduled = false;
  #isDirty = false;
  #written = deferred();
  #released: Position;
  #reading: { readonly segment: number; readonly file: FileHandle } | null = null;

  constructor(options: JournalOptions) {
    const { folder, syncEveryMs } = options;
    this.#options = options;
    mkdirSync(folder, { recursive: true });
    this.#unlock = lockFolder(folder);
    this.id = idOf(folder);
    const sizes = new Map(segmentsIn(folder).map((segment) => [segment, statSync(fileOf(folder, segment)).size]));
    // Always a new one: a segment that another life left behind is never written again, so its end is known. By the time of day, so that
    // no number comes twice, also where somebody has emptied the folder: Kafka may know a position in it. In units of 10 µs, since two lives may begin in one millisecond.
    const now = Math.floor((performance.timeOrigin + performance.now()) * 100);
    const current = Math.max(now, ([...sizes.keys()].at(-1) ?? 0) + 1);
    this.#segments = { sizes, current, file: openSync(fileOf(folder, current), 'ax') };
    sizes.set(current, 0);
    for (const size of sizes.values()) this.#keptBytes += size;
    this.#released = this.begin;
    this.#written.promise.catch(() => undefined);
    this.#sync = setInterval(() => this.#force(), syncEveryMs);
    this.#sync.unref();
  }

  /** Bytes that Kafka does not have yet. */
  get bytes(): number {
    return Math.max(0, this.#keptBytes + this.#bufferedBytes - this.#released.byte);
  }

  /** Before the oldest record that is kept. */
  get begin(): Position {
    const [first = this.#segments.current] = this.#segments.sizes.keys();
    return { segment: first, byte: 0 };
  }

  /** Behind the newest record, also where that is not on disk yet. */
  get end(): Position {
    const { current, sizes } = this.#segments;
    return { segment: current, byte: (sizes.get(current) ?? 0) + this.#bufferedBytes };
  }

  /** A record has at most `frameBytesMax` bytes. */
  append(record: JournalRecord): void {
    const frame = encodeFrame(record);
    this.#frames.push(frame);
    this.#records.push(record);
    this.#bufferedBytes += frame.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#write());
  }

  /** Resolves when everything that was appended before is on disk. Rejects with EVL_GATEWAY_JOURNAL_FAILED. */
  written(): Promise<void> {
    return this.#isScheduled ? this.#written.promise : Promise.resolve();
  }

  /** Resolves with whether there is something behind a position: at once if there is, else when something comes, but after `waitMs` or an abort. */
  async available(after: Position, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#hasMore(after)) await this.#more.wait(waitMs, signal);
    return this.#hasMore(after);
  }

  /** Ends the waiting of `available`. */
  wake(): void {
    this.#more.wake();
  }

  /** The records behind a position, some of them where there are many; none at the end. */
  async read(from: Position): Promise<Read> {
    const kept = this.#tail.take(from);
    if (kept !== null) return kept;
    let { segment, byte } = from;
    for (;;) {
      const size = this.#segments.sizes.get(segment);
      if (size !== undefined && byte < size) {
        const frames = await this.#frame(segment, byte, size);
        if (frames.records.length > 0) return { records: frames.records, next: { segment, byte: byte + frames.bytes } };
        this.#options.onDamaged(segment, byte);
      }
      const following = this.#following(segment);
      if (following === null) return { records: [], next: { segment, byte } };
      [segment, byte] = [following, 0];
    }
  }

  /** Forgets what lies before a position. */
  release(before: Position): void {
    this.#released = before;
    const { sizes, current } = this.#segments;
    for (const [segment, size] of sizes) {
      if (segment >= before.segment || segment === current) return;
      rmSync(fileOf(this.#options.folder, segment), { force: true });
      sizes.delete(segment);
      this.#keptBytes -= size;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#sync);
    if (this.#isScheduled) this.#write();
    fsyncSync(this.#segments.file);
    closeSync(this.#segments.file);
    await this.#reading?.file.close();
    this.#reading = null;
    this.#unlock();
  }

  #hasMore({ segment, byte }: Position): boolean {
    for (const [one, size] of this.#segments.sizes)
      if (one > segment ? size > 0 : one === segment && size > byte) return true;
    return false;
  }

  /** Everything that was appended in this turn of the event loop, in one write: to the memory of the system, which outlives this process. */
  #write(): void {
    const [frames, records, bytes, written] = [this.#frames, this.#records, this.#bufferedBytes, this.#written];
    if (!this.#isScheduled) return;
    this.#isScheduled = false;
    this.#frames = [];
    this.#records = [];
    this.#bufferedBytes = 0;
    this.#written = deferred();
    this.#written.promise.catch(() => undefined);
    try {
      const { sizes, current } = this.#segments;
      if (this.#isSpoilt || (sizes.get(current) ?? 0) >= this.#options.segmentBytes) this.#next();
      const segment = this.#segments.current;
      const byte = this.#segments.sizes.get(segment) ?? 0;
      this.#writeFrames(frames, bytes);
      this.#tail.push({ segment, byte }, bytes, records);
      written.resolve();
    } catch (error) {
      written.reject(
        gatewayError(
          'EVL_GATEWAY_JOURNAL_FAILED',
          `predictions cannot be written to ${this.#options.folder}: give it room, or a folder that can be written (EVL_DATA_DIR)`,
          error,
        ),
      );
    }
    this.#more.wake();
  }

  #writeFrames(frames: readonly Buffer[], bytes: number): void {
    const { sizes, current, file } = this.#segments;
    const size = sizes.get(current) ?? 0;
    try {
      const done = writevSync(file, frames);
      if (done !== bytes) throw new Error(`${done} of ${bytes} bytes were written`);
    } catch (error) {
      // What may be on disk of it was not promised; without it the segment can go on.
      this.#isSpoilt = true;
      ftruncateSync(file, size);
      this.#isSpoilt = false;
      throw error;
    }
    sizes.set(current, size + bytes);
    this.#keptBytes += bytes;
    this.#isDirty = true;
  }

  #next(): void {
    const segments = this.#segments;
    // First, so that nothing has changed where it fails.
    const file = openSync(fileOf(this.#options.folder, segments.current + 1), 'ax');
    const full = segments.file;
    segments.current += 1;
    segments.file = file;
    segments.sizes.set(segments.current, 0);
    this.#isSpoilt = false;
    this.#isDirty = false;
    try {
      fsyncSync(full);
    } finally {
      closeSync(full);
    }
  }

  /** The segment behind one; null at the last. */
  #following(segment: number): number | null {
    for (const one of this.#segments.sizes.keys()) if (one > segment) return one;
    return null;
  }

  #force(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    // A segment that was closed meanwhile was forced when it was.
    fdatasync(this.#segments.file, () => undefined);
  }

  async #frame(segment: number, byte: number, size: number): Promise<ReturnType<typeof decodeFrames>> {
    const file = await this.#fileOf(segment);
    const read = async (length: number): Promise<Buffer> => {
      const buffer = Buffer.allocUnsafe(Math.min(length, size - byte));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, byte);
      return buffer.subarray(0, bytesRead);
    };
    const some = await read(readBytes);
    const needed = firstFrameBytes(some);
    return decodeFrames(needed > some.length && needed <= frameBytesMax ? await read(needed) : some);
  }

  async #fileOf(segment: number): Promise<FileHandle> {
    if (this.#reading?.segment === segment) return this.#reading.file;
    await this.#reading?.file.close();
    this.#reading = null;
    const file = await open(fileOf(this.#options.folder, segment), 'r');
    this.#reading = { segment, file };
    return file;
  }
}

function fileOf(folder: string, segment: number): string {
  return path.join(folder, `${String(segment).padStart(15, '0')}.journal`);
}

function segmentsIn(folder: string): readonly number[] {
  const found = readdirSync(folder).filter((name) => /^\d{15}\.journal$/.test(name));
  return found.sort().map((name) => Number(name.slice(0, 15)));
}

function idOf(folder: string): string {
  const file = path.join(folder, 'id');
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, randomUUID(), { flush: true });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, 'utf8').trim();
}
