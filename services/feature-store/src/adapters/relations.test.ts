import { planLookup, type LookupPlan } from '@everloop/features';
import { beforeEach, describe, expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import { createHistoryWorld, type HistoryWorld } from '../../test/history-world.ts';
import { punctualSources, viewRelations } from './relations.ts';

let world: HistoryWorld;
let plan: LookupPlan;
beforeEach(async () => {
  world = await createHistoryWorld(tripResources('t'));
  const spec = world.topology.models.get('late');
  if (spec === undefined) throw new Error('the fixtures have no model');
  plan = planLookup(spec, world.topology.catalog);
  return () => world.close();
});

const arrival = (timeMs: number, knownMs = timeMs, partition = 0) => ({
  ...{ source: 'arrived', partition, timeMs, knownMs },
  fields: { trip: 'a', origin: 'o', delay: timeMs, at: timeMs },
});
const punctual = () => world.tables.exclusive(() => punctualSources(world.tables, plan));
const total = async (asOfMs: number): Promise<unknown> => {
  const request = { origin: { kind: { $case: 'text' as const, value: 'o' } } };
  const [row] = await world.history.pointInTime(plan, [{ asOfMs, request }]);
  const value = row?.values[plan.names.indexOf('total_short')]?.kind;
  return value?.$case === 'number' ? value.value : null;
};

describe('sources that are punctual', () => {
  it('are those without a late record, in files or in memory, in any partition', async () => {
    expect(await punctual()).toEqual(new Set(['planned', 'arrived']));
    await world.add([arrival(100), arrival(110, 110, 1)]);
    await world.history.flush();
    expect(await punctual()).toEqual(new Set(['planned', 'arrived']));
    await world.add([arrival(105, 130, 1)]);
    expect(await punctual()).toEqual(new Set(['planned']));
    await world.history.flush();
    expect(await punctual()).toEqual(new Set(['planned']));
  });

  it('answer as before when a late record makes them others', async () => {
    await world.add([arrival(100), arrival(110)]);
    expect(await total(120)).toBe(210);
    await world.add([arrival(105, 130)]);
    expect(await total(120)).toBe(210);
    expect(await total(131)).toBe(315);
  });
});

describe('the history before some offsets', () => {
  it('has the records before them, and none of what is not named', async () => {
    await world.add([arrival(100), arrival(110), arrival(111, 111, 1)]);
    const count = async (until?: ReadonlyMap<string, readonly number[]>): Promise<number> =>
      world.tables.exclusive(async () => {
        const relation = (await viewRelations(world.tables, plan, until)).get('arrived') ?? '';
        const [row] = await world.duck.all(`SELECT count(*) AS n FROM ${relation}`);
        return Number(row?.['n']);
      });
    expect(await count()).toBe(3);
    expect(await count(new Map([['t.arrived.valid', [1, 1]]]))).toBe(2);
    expect(await count(new Map([['t.arrived.valid', [2]]]))).toBe(2);
    expect(await count(new Map())).toBe(0);
  });
});
