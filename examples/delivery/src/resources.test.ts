import { join } from 'node:path';

import { findResource, loadResources } from '@everloop/contracts';
import { applyEvent, catalogOf, encodeRow, lookup, newRow, planLookup, rowKeys, viewEvent } from '@everloop/features';
import { describe, expect, it } from 'vitest';

const { resources } = await loadResources(join(import.meta.dirname, '../resources'));
const plan = planLookup(findResource(resources, 'Model', 'late-parcels').spec, catalogOf(resources));
const nowMs = Date.UTC(2024, 4, 1, 12);

/** A courier's online row after deliveries of these lengths. */
function rowOf(courier: string, kilometres: readonly number[]): Map<string, Buffer> {
  const [binding] = plan.bindings;
  if (binding === undefined) throw new Error('the model binds no view');
  const row = newRow(binding.view);
  kilometres.forEach((distance_km, offset) => {
    const at = nowMs - 3_600_000 + offset;
    const fields = { parcel_id: String(offset), courier, distance_km, minutes_late: 5, at };
    const event = viewEvent(binding.view, fields, { offset, recordedMs: at });
    if (event !== null) applyEvent(binding.view, row, event);
  });
  return new Map(rowKeys(binding.view, courier).map((key) => [key, Buffer.from(encodeRow(binding.view, row))]));
}

async function inputs(request: Record<string, string | number>, rows = new Map<string, Buffer>()) {
  const { names, values } = await lookup(plan, request, nowMs, async (keys) =>
    keys.map((key) => rows.get(key) ?? null),
  );
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

describe('the inputs of late-parcels', () => {
  it('hold the way of the parcel as a multiple of the usual one', async () => {
    const request = { parcel_id: 'p', courier: 'c', distance_km: 9, weight_kg: 21 };
    expect(await inputs(request, rowOf('c', [2, 4]))).toEqual({
      ...{ distance_km: 9, mean_late_1d: 5, distance_ratio: 3, is_heavy: 1 },
    });
  });

  it('are missing for a courier who brought nothing yet, and the rest is there', async () => {
    const request = { parcel_id: 'p', courier: 'new', distance_km: 9, weight_kg: 1 };
    expect(await inputs(request)).toEqual({
      ...{ distance_km: 9, mean_late_1d: null, distance_ratio: null, is_heavy: 0 },
    });
  });

  it('are missing rather than infinite when all ways were nothing', async () => {
    const request = { parcel_id: 'p', courier: 'c', distance_km: 9, weight_kg: 1 };
    expect(await inputs(request, rowOf('c', [0, 0]))).toMatchObject({ distance_ratio: null });
  });
});
