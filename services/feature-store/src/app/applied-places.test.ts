import { expect, it } from 'vitest';

import { AppliedPlaces } from './applied-places.ts';

it('tells what was applied, to everyone who waits, and stops at the deadline', async () => {
  const places = new AppliedPlaces();
  const both = places.wait(['t/0/1', 't/0/2'], 10_000);
  const one = places.wait(['t/0/2'], 10_000);
  places.applied(['t/0/2', 't/0/9']);
  expect([...(await one)]).toEqual(['t/0/2']);
  places.applied(['t/0/1']);
  expect([...(await both)].sort()).toEqual(['t/0/1', 't/0/2']);
  expect((await places.wait(['t/0/3'], 1)).size).toBe(0);
  expect((await places.wait([], 10_000)).size).toBe(0);
});
