import fc from 'fast-check';
import { expect, it } from 'vitest';
import { heat, inkOn, unitOf } from './heat.ts';

it.each<[string, number, string]>([
  ['nothing', 0, 'rgb(247,247,245)'],
  ['no number', NaN, 'rgb(247,247,245)'],
  ['a tenth of the limit', 0.1, 'rgb(247,247,245)'],
  ['the limit', 1, 'rgb(253,212,158)'],
  ['halfway to three times the limit, by the logarithm', Math.sqrt(3), 'rgb(253,177,124)'],
  ['ten times the limit', 10, 'rgb(215,48,31)'],
  ['beyond the scale', 1e9, 'rgb(97,0,22)'],
  ['without end', Infinity, 'rgb(97,0,22)'],
])('the colour of %s', (_, share, colour) => {
  expect(heat(share)).toBe(colour);
});

it.each([
  ['the usual limit', { usual: 0.005, most: 0.1 }, 0.005],
  ['the largest where most have none', { usual: 0, most: 0.2 }, 0.2],
  ['a tenth where nobody has one', { usual: 0, most: 0 }, 0.1],
])('the unit is %s', (_, limits, unit) => {
  expect(unitOf(limits)).toBe(unit);
});

/** Relative luminance of a colour in sRGB (WCAG 2.1). */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/[0-9a-f]{2}(?=[0-9a-f]*$)|\d+/gi) ?? [])
    .map((part) => (colour.startsWith('#') ? parseInt(part, 16) : Number(part)) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

it('gets darker with the index, and a dot can be told from it everywhere', () => {
  const share = fc.double({ min: 0.001, max: 1_000, noNaN: true });
  fc.assert(
    fc.property(share, share, (a, b) => {
      expect(luminance(heat(Math.min(a, b)))).toBeGreaterThanOrEqual(luminance(heat(Math.max(a, b))) - 0.01);
      const [ink, cell] = [luminance(inkOn(a)), luminance(heat(a))].sort((x, y) => y - x);
      expect(((ink ?? 0) + 0.05) / ((cell ?? 0) + 0.05)).toBeGreaterThan(3);
    }),
  );
});
