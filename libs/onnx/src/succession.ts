import { errorText } from '@everloop/service';
import type { Call, ChildLink, EndReason } from './child-link.ts';
import type { HostReply, HostRequest, LoadedModel } from './host-protocol.ts';

/** A model file that the host has promised to run. */
export interface HeldModel {
  readonly path: string;
  readonly digest: string;
  readonly model: LoadedModel;
}

/** When a model process has given away so much memory that another one takes its place. */
export interface RecycleLimits {
  /** Models that were unloaded. */
  readonly unloads: number;
  /** Growth of its resident memory since its first unload, bytes. */
  readonly growthBytes: number;
}

/**
 * What unloading costs one model process. ONNX Runtime for Node keeps memory of a session that was released
 * (microsoft/onnxruntime#25325), so a process that has unloaded often is replaced.
 */
export class Wear {
  readonly #limits: RecycleLimits;
  #unloads = 0;
  #rssBytes: number | null = null;

  constructor(limits: RecycleLimits) {
    this.#limits = limits;
  }

  /** A model was unloaded; resident memory as it was before and is now. */
  unloaded(beforeBytes: number, nowBytes: number): void {
    this.#unloads += 1;
    // A process that has not answered yet does not know its memory.
    this.#rssBytes ??= beforeBytes > 0 ? beforeBytes : nowBytes;
  }

  isOver(nowBytes: number): boolean {
    const grown = this.#rssBytes === null ? 0 : nowBytes - this.#rssBytes;
    return this.#unloads >= this.#limits.unloads || grown > this.#limits.growthBytes;
  }
}

export interface Succession {
  /** The process that answers now. */
  readonly from: ChildLink;
  /** The one that shall; ready. */
  readonly to: ChildLink;
  /** Everything that is loaded; looked at once all that was asked of `from` so far is done. */
  readonly models: () => Iterable<readonly [string, HeldModel]>;
  readonly nextId: () => number;
  readonly timeoutMs: number;
}

/**
 * Brings every loaded model into the next process, where it is run once, so that no caller is the first. Nothing may be loaded or
 * unloaded meanwhile. Rejects when a process ends or a model does not load: then the old one goes on.
 */
export async function prepare({ from, to, models, nextId, timeoutMs }: Succession): Promise<void> {
  // Calls are answered in order: behind this one, which does nothing, every load and unload before is known.
  await ask(from, { kind: 'unload', id: nextId(), key: '' }, timeoutMs);
  for (const [key, { path, digest }] of models()) {
    const reply = await ask(to, { kind: 'load', id: nextId(), key, path, digest }, timeoutMs);
    if (reply.kind !== 'loaded')
      throw new Error(`model ${key} did not load${reply.kind === 'failed' ? `: ${reply.message}` : ''}`);
  }
}

function ask(link: ChildLink, request: HostRequest, timeoutMs: number): Promise<HostReply> {
  return new Promise((resolve, reject) => {
    const abandon = (why: EndReason): void => reject(new Error(`the process ${why.detail}`));
    const call: Call = { request, timeoutMs, isReload: true, settle: resolve, abandon };
    // A call that the process had not come to is not abandoned, but is not asked again either.
    link.closed.then(() => reject(new Error('the process ended')), reject);
    try {
      link.send(call);
    } catch (error) {
      reject(new Error(errorText(error)));
    }
  });
}
