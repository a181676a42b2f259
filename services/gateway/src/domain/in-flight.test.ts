import { describe, expect, it } from 'vitest';
import { InFlight } from './in-flight.ts';

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending');
  // Two turns of the microtask queue are more than the chain of a settled promise needs.
  const later = Promise.resolve()
    .then(() => Promise.resolve())
    .then(() => Promise.resolve())
    .then(() => pending);
  return (await Promise.race([promise, later])) !== pending;
}

describe('InFlight', () => {
  it('is settled when nothing was begun', async () => {
    await new InFlight().settled();
  });

  it('waits for what was begun before, not for what comes after', async () => {
    const work = new InFlight();
    const before = work.begin();
    const settled = work.settled();
    const after = work.begin();
    expect(await isSettled(settled)).toBe(false);
    expect(work.count).toBe(2);
    work.end(before);
    await settled;
    expect(work.count).toBe(1);
    work.end(after);
    await work.settled();
  });

  it('makes a later question wait for everything earlier too', async () => {
    const work = new InFlight();
    const first = work.begin();
    const one = work.settled();
    const second = work.begin();
    const two = work.settled();
    work.end(second);
    expect(await isSettled(two)).toBe(false);
    work.end(first);
    await Promise.all([one, two]);
  });
});
