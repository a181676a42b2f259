import { expect, test } from 'vitest';
import { normalCdf, normalQuantile } from './normal.ts';

// SciPy 1.17.1: scipy.stats.norm.cdf, .ppf.
test.each([
  [-1.959963984540054, 0.025],
  [0, 0.5],
  [0.25, 0.5987063256829237],
  [3, 0.9986501019683699],
])('the normal law at %d', (z, p) => {
  expect(normalCdf(z)).toBeCloseTo(p, 12);
  expect(normalQuantile(p)).toBeCloseTo(z, 9);
});
