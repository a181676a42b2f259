import type { ModelSpec } from '@everloop/contracts';
import { createGate } from '../../services/gateway/src/domain/gate.ts';
import type { Column } from '../../services/gateway/src/domain/tensors.ts';
import type { BenchResult } from './result.ts';
import { median } from './quantiles.ts';

const fields = 20;
const calls = 200_000;
const rounds = 7;
/** Issue's limit of one check of 20 inputs, microseconds. */
const limitUs = 50;

const spec: Pick<ModelSpec, 'request' | 'joinKey' | 'gate'> = {
  request: Array.from({ length: fields }, (_, n) =>
    n % 4 === 0
      ? { name: `field_${n}`, type: 'string', values: Array.from({ length: 30 }, (__, value) => `c${value}`) }
      : { name: `field_${n}`, type: 'number', min: -1_000, max: 1_000, default: 0 },
  ),
  joinKey: 'field_0',
  gate: { missing: 'impute', notFinite: 'impute', outOfRange: 'default', unseen: 'flag' },
};

/** One row of every field; in a bad one each field has a value that the gate has to act on. */
function columnsOf(call: number, isBad: boolean): Column[] {
  return spec.request.map(({ name, type }, n) => {
    const text = isBad && n > 0 ? 'unseen' : `c${(call + n) % 30}`;
    const number = isBad ? (n % 2 === 0 ? Number.NaN : 5_000) : ((call * 7 + n) % 2_000) - 1_000;
    return type === 'string'
      ? { name, datatype: 'BYTES', values: [text] }
      : { name, datatype: 'FP64', values: [number] };
  });
}

/** CPU microseconds of one check, over `calls` checks of requests that were decoded before. */
function perCallUs(isBad: boolean): number {
  const gate = createGate(spec);
  const requests = Array.from({ length: 256 }, (_, call) => columnsOf(call, isBad));
  let accepted = 0;
  const from = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) if (gate.check(requests[call % 256] ?? [], 1).ok) accepted += 1;
  const { user, system } = process.cpuUsage(from);
  if (accepted !== calls) throw new Error(`the gate let ${accepted} of ${calls} requests through`);
  return (user + system) / calls;
}

/** CPU time of the gate for one row of 20 inputs, beside what it may cost. `ours` is the dearer case: every value of the row is bad. */
export async function benchGate(): Promise<BenchResult> {
  const runs = Array.from({ length: rounds }, () => ({ goodUs: perCallUs(false), badUs: perCallUs(true) }));
  const goodUs = median(runs.map((run) => run.goodUs));
  const badUs = median(runs.map((run) => run.badUs));
  const detail = { limit: 'what the gate may cost for 20 inputs', fields, calls, goodUs, runs };
  return { bench: 'gate', ours: badUs, limit: limitUs, ratio: badUs / limitUs, unit: 'CPU µs per check', detail };
}
