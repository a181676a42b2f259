import { createModelHost } from '@everloop/onnx';
import { createLogger } from '@everloop/service';
import { swapModels, type SwapsResult } from '../../libs/onnx/test/swaps.ts';
import type { BenchResult } from './result.ts';

/** A model of 600 × 600 constants is a file of 1.4 MB. */
const load = { swaps: 1_000, callers: 4, width: 600 };
const window = 200;
const mib = 1024 ** 2;

/** Highest resident memory of all processes within each window of swaps, MiB. */
function peaksMib({ rssBytes }: SwapsResult): number[] {
  const windows = Math.floor(rssBytes.length / window);
  return Array.from({ length: windows }, (_, at) =>
    Math.round(Math.max(...rssBytes.slice(at * window, (at + 1) * window)) / mib),
  );
}

async function run(unloads: number) {
  const host = createModelHost({
    name: 'swaps',
    logger: createLogger({ service: 'bench', level: 'warn' }),
    recycle: { unloads, growthBytes: unloads === Infinity ? Infinity : 256 * mib },
  });
  await host.start();
  const result = await swapModels(host, load);
  const { recycles } = host.status();
  await host.stop();
  const { calls, failures, callMsP99, slowestCallMs } = result;
  return { peaksMib: peaksMib(result), recycles, calls, failed: failures.length, callMsP99, slowestCallMs };
}

/**
 * Memory of the process and its model process after 1,000 swaps, `ours` the peak of the last 200 and `limit` that of the first 200. A run
 * without recycling beside it. A failed call fails the benchmark.
 */
export async function benchSwaps(): Promise<BenchResult> {
  const recycled = await run(50);
  const kept = await run(Infinity);
  if (recycled.failed > 0) throw new Error(`${recycled.failed} of ${recycled.calls} calls failed`);
  const [limit = NaN] = recycled.peaksMib;
  const ours = recycled.peaksMib.at(-1) ?? NaN;
  const detail = { limit: 'the peak of the first 200 swaps', ...load, window, recycled, withoutRecycling: kept };
  return { bench: 'swaps', ours, limit, ratio: ours / limit, unit: 'MiB resident', detail };
}
