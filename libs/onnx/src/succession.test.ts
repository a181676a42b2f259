import { expect, it } from 'vitest';
import { Wear } from './succession.ts';

const mib = 1024 ** 2;
const limits = { unloads: 3, growthBytes: 10 * mib };

it.each([
  ['nothing was unloaded, however large it is', [], 900 * mib, false],
  ['fewer unloads than the limit', [100, 100], 100 * mib, false],
  ['as many unloads as the limit', [100, 100, 100], 100 * mib, true],
  ['growth up to the limit', [100], 110 * mib, false],
  ['more growth than that since the first unload', [100, 109], 111 * mib, true],
  ['a process that does not know its memory before the first unload', [0], 110 * mib, false],
])('is over: %s', (_name, beforeMib, nowBytes, expected) => {
  const wear = new Wear(limits);
  for (const before of beforeMib) wear.unloaded(before * mib, 105 * mib);
  expect(wear.isOver(nowBytes)).toBe(expected);
});
