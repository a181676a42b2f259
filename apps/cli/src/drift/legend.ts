import { colours, margin, width } from './frame.ts';
import { heat, heatMarks, unitOf } from './heat.ts';
import type { DriftStory } from './story.ts';
import { element, label } from './svg.ts';
import { triangle } from './window-panel.ts';

/** Pixels that a character of a legend takes at most. */
const characterWidth = 5.6;
const keyGap = 18;

interface Key {
  /** Drawn with its left end at x and its middle at y. */
  readonly draw: (x: number, y: number) => string;
  readonly width: number;
  readonly text: string;
}

const text = (words: string, x: number, y: number): string =>
  label(words, x, y + 4, { 'font-size': 11, fill: colours.muted });

const stroke = (colour: string, words: string, dash = ''): Key => ({
  ...{ width: 22, text: words },
  draw: (x, y) =>
    element('line', {
      ...{ x1: x, x2: x + 22, y1: y, y2: y, stroke: colour, 'stroke-width': 2 },
      ...(dash === '' ? {} : { 'stroke-dasharray': dash }),
    }),
});

const box = (fill: string, words: string, height = 10): Key => ({
  ...{ width: 14, text: words },
  draw: (x, y) => element('rect', { x, y: y - height / 2, width: 14, height, fill }),
});

const mark = (fill: string, words: string): Key => ({
  ...{ width: 11, text: words },
  draw: (x, y) => triangle(x + 5, y, fill),
});

/** Keys one after the other. */
function line(keys: readonly Key[], y: number): string[] {
  let x = margin.left;
  return keys.flatMap((key) => {
    const at = x;
    x += key.width + 5 + key.text.length * characterWidth + keyGap;
    return [key.draw(at, y), text(key.text, at + key.width + 5, y)];
  });
}

/** The scale of the indices, at the right end of both lines. */
function heatScale(limits: DriftStory['psiLimits'], y: number): string[] {
  const { least, most } = limits;
  const [first, last] = [heatMarks[0], heatMarks[heatMarks.length - 1] ?? 1];
  const limit = least === most ? `limit ${most}` : `limits ${least} to ${most}`;
  const [steps, each] = [40, 5];
  const from = width - margin.right - steps * each;
  const place = (share: number): number => from + (Math.log(share / first) / Math.log(last / first)) * steps * each;
  const cells = Array.from({ length: steps }, (_, i) => {
    const share = first * (last / first) ** ((i + 0.5) / steps);
    return element('rect', { x: from + i * each, y: y + 8, width: each, height: 8, fill: heat(share) });
  });
  const names = heatMarks.map((share) =>
    label(String(Number((share * unitOf(limits)).toPrecision(2))), place(share), y + 27, {
      ...{ 'text-anchor': 'middle', 'font-size': 10, fill: colours.muted },
    }),
  );
  const name = `PSI of a field (${limit}); a dot: drifted`;
  const attributes = { 'text-anchor': 'end', 'font-size': 11, fill: colours.muted };
  return [label(name, width - margin.right, y + 4, attributes), ...cells, ...names];
}

/** What colours, lines and marks mean: two lines of keys below the title, and the scale of the indices. */
export function legend({ psiLimits }: DriftStory): string[] {
  const lines = [
    stroke(colours.served, 'AUC of what was served'),
    stroke(colours.never, 'of version 1, never retrained', '5 4'),
    stroke(colours.promotion, 'a version promoted', '2 3'),
  ];
  const windows = [
    box(colours.drifted, 'drifted'),
    box(colours.stable, 'stable'),
    box(colours.insufficient, 'too few rows'),
    box(colours.alarm, 'alarm up', 4),
    mark(colours.request, 'retraining asked for'),
    mark('#ffffff', 'suppressed'),
    mark(colours.deferred, 'deferred'),
  ];
  return [...line(lines, 42), ...line(windows, 62), ...heatScale(psiLimits, 42)];
}
