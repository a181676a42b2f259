import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slowModel } from '../src/fixtures.ts';
import type { ModelHost } from '../src/model-host.ts';

export interface SwapsOptions {
  readonly swaps: number;
  /** Callers that ask without a pause, each with the next call when it has its answer. */
  readonly callers: number;
  /** Constants of a model are 4 × width² bytes. */
  readonly width: number;
}

export interface SwapsResult {
  readonly calls: number;
  readonly failures: readonly string[];
  /** Resident memory of the process and all that it has started, after each swap, bytes. */
  readonly rssBytes: readonly number[];
  readonly slowestCallMs: number;
  readonly callMsP99: number;
}

const rows = 4;

/** Puts one model after another into service as the gateway does: load the next, send calls to it, unload the last when its calls have ended. */
export async function swapModels(host: ModelHost, { swaps, callers, width }: SwapsOptions): Promise<SwapsResult> {
  const folder = await mkdtemp(join(tmpdir(), 'everloop-swaps-'));
  const path = join(folder, 'model.onnx');
  const bytes = slowModel(width, 1);
  await writeFile(path, bytes);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const input = { rows, numeric: new Float32Array(rows * width).fill(1), categories: [] };
  const failures: string[] = [];
  const rssBytes: number[] = [];
  const tookMs: number[] = [];
  const running = new Map<string, Set<Promise<unknown>>>();
  let current = '';
  let isOver = false;

  async function put(version: number): Promise<void> {
    const last = current;
    await host.load(`m${version}`, path, digest);
    running.set(`m${version}`, new Set());
    current = `m${version}`;
    await Promise.allSettled([...(running.get(last) ?? [])]);
    running.delete(last);
    await host.unload(last);
    rssBytes.push(treeRssBytes(process.pid));
  }

  async function call(): Promise<void> {
    while (!isOver) {
      const key = current;
      const startedMs = performance.now();
      const run = host.run(key, input, { timeoutMs: 20_000 });
      running.get(key)?.add(run);
      await run.catch((error: unknown) => void failures.push(String(error)));
      running.get(key)?.delete(run);
      tookMs.push(performance.now() - startedMs);
    }
  }

  try {
    await put(0);
    const asking = Array.from({ length: callers }, call);
    for (let swap = 1; swap <= swaps; swap += 1) await put(swap);
    isOver = true;
    await Promise.all(asking);
  } finally {
    isOver = true;
    await rm(folder, { recursive: true, force: true });
  }
  const sorted = Float64Array.from(tookMs).sort();
  return {
    calls: sorted.length,
    failures,
    rssBytes,
    slowestCallMs: sorted.at(-1) ?? NaN,
    callMsP99: sorted[Math.floor(sorted.length * 0.99)] ?? NaN,
  };
}

/** Resident memory of a process and all its descendants, bytes; pages that they share count for each. Linux only. */
export function treeRssBytes(root: number): number {
  const children = new Map<number, number[]>();
  const rss = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
      rss.set(pid, Number(fields[21]) * 4_096);
    } catch {
      // It has ended since.
    }
  }
  const sum = (pid: number): number =>
    (children.get(pid) ?? []).reduce((bytes, child) => bytes + sum(child), rss.get(pid) ?? 0);
  return sum(root);
}
