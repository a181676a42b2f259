import { colours, margin, side, time, width, type Frame } from './frame.ts';
import type { DriftStory, StoryWindow } from './story.ts';
import { element, label, path, tooltip, type Attributes } from './svg.ts';

export const qualityHeight = 180;
const step = 0.05;
const fixed = (value: number | null): string => (value === null ? 'unknown' : value.toFixed(3));

interface Scale {
  readonly low: number;
  readonly high: number;
  readonly y: (auc: number) => number;
}

function scaleOf(values: readonly number[], top: number): Scale {
  const low = Math.floor(Math.min(...values) / step) * step;
  const high = Math.max(low + step, Math.ceil(Math.max(...values) / step) * step);
  return { low, high, y: (auc) => top + qualityHeight - ((auc - low) / (high - low)) * qualityHeight };
}

function grid({ low, high, y }: Scale): string[] {
  return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step).flatMap((at) => [
    element('line', { x1: margin.left, x2: width - margin.right, y1: y(at), y2: y(at), stroke: colours.grid }),
    side(at.toFixed(2), y(at) + 4),
  ]);
}

type Curve = 'aucServed' | 'aucNeverRetrained';

interface Drawing {
  readonly at: (window: StoryWindow, auc: number) => readonly [number, number];
  /** Of a dot, pixels. */
  readonly radius: number;
  readonly attributes: Attributes;
}

function curve(windows: readonly StoryWindow[], of: Curve, { at, radius, attributes }: Drawing): string[] {
  const places = windows.map((window) => {
    const value = window.quality[of];
    return { window, at: value === null ? null : at(window, value) };
  });
  const dots = places.flatMap(({ window, at: place }) => {
    if (place === null) return [];
    const { aucServed, aucNeverRetrained, rows } = window.quality;
    const about = `${time(window.startMs)} to ${time(window.endMs)}: AUC served ${fixed(aucServed)}, never retrained ${fixed(aucNeverRetrained)}, ${rows} labelled`;
    const dot = { cx: place[0], cy: place[1], r: radius, fill: attributes['stroke'] ?? '' };
    return [element('circle', dot, [tooltip(about)])];
  });
  return [
    path(
      places.map((place) => place.at),
      attributes,
    ),
    ...dots,
  ];
}

function promoted({ promotions }: DriftStory, { x, fromMs, untilMs }: Frame, top: number): string[] {
  return promotions
    .filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs)
    .flatMap(({ version, atMs }) => [
      element('line', {
        ...{ x1: x(atMs), x2: x(atMs), y1: top, y2: top + qualityHeight },
        ...{ stroke: colours.promotion, 'stroke-dasharray': '2 3' },
      }),
      label(`v${version}`, x(atMs) + 3, top + 10, { fill: colours.promotion, 'font-size': 10 }),
    ]);
}

/** How well the model did in each window, as served and had it never been retrained, with the promotions of versions. */
export function qualityPanel(story: DriftStory, frame: Frame, top: number): string[] {
  const { windows } = story;
  const values = windows
    .flatMap(({ quality }) => [quality.aucServed, quality.aucNeverRetrained])
    .filter((value) => value !== null);
  if (values.length === 0)
    return [label('no labels yet', margin.left + 8, top + 20, { fill: colours.muted, 'font-size': 12 })];
  const scale = scaleOf(values, top);
  const at = ({ startMs, endMs }: StoryWindow, auc: number): readonly [number, number] => [
    frame.x((startMs + endMs) / 2),
    scale.y(auc),
  ];
  // Dots of many windows touch each other and no more.
  const radius = Math.min(2.5, (width - margin.left - margin.right) / windows.length / 2);
  const never = { stroke: colours.never, 'stroke-width': 1.5, 'stroke-dasharray': '5 4' };
  return [
    ...grid(scale),
    ...promoted(story, frame, top),
    ...curve(windows, 'aucNeverRetrained', { at, radius, attributes: never }),
    ...curve(windows, 'aucServed', { at, radius, attributes: { stroke: colours.served, 'stroke-width': 2 } }),
  ];
}
