import type { drift } from '@everloop/contracts';
import type { DriftStory, StoryWindow } from './story.ts';
import { element, label, path, tooltip } from './svg.ts';

const width = 1_080;
const margin = { left: 190, right: 24, top: 64 };
const qualityHeight = 180;
const decisionHeight = 58;
const rowHeight = 17;
const gap = 30;
/** Fields with a row of their own: those that drifted most. */
const fieldsMax = 30;
const colours = {
  served: '#1b6ca8',
  never: '#8a8f98',
  promotion: '#2e7d32',
  request: '#b71c1c',
  grid: '#e3e6ea',
  text: '#1f2933',
  muted: '#5f6b7a',
} as const;

interface Frame {
  readonly x: (timeMs: number) => number;
  readonly fromMs: number;
  readonly untilMs: number;
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const hour = 3_600_000;
const time = (ms: number): string => (ms % (24 * hour) === 0 ? day(ms) : new Date(ms).toISOString().slice(0, 16));
const fixed = (value: number | null): string => (value === null ? 'unknown' : value.toFixed(3));

function frameOf({ windows }: DriftStory): Frame {
  const fromMs = Math.min(...windows.map(({ startMs }) => startMs));
  const untilMs = Math.max(...windows.map(({ endMs }) => endMs));
  const scale = (width - margin.left - margin.right) / (untilMs - fromMs);
  return { fromMs, untilMs, x: (timeMs) => margin.left + (timeMs - fromMs) * scale };
}

/** First instants of the months, or of the days where there is less than a month. */
function ticks({ fromMs, untilMs }: Frame): readonly number[] {
  const months: number[] = [];
  const start = new Date(fromMs);
  for (let at = Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1); at < untilMs;) {
    months.push(at);
    const month = new Date(at);
    at = Date.UTC(month.getUTCFullYear(), month.getUTCMonth() + 1, 1);
  }
  if (months.length >= 2) return months;
  const days = Math.max(1, Math.ceil((untilMs - fromMs) / (24 * hour) / 12));
  const first = Math.ceil(fromMs / (24 * hour)) * 24 * hour;
  return Array.from({ length: 13 }, (_, i) => first + i * days * 24 * hour).filter((at) => at < untilMs);
}

function timeAxis(frame: Frame, top: number, bottom: number): string[] {
  return ticks(frame).flatMap((at) => [
    element('line', { x1: frame.x(at), x2: frame.x(at), y1: top, y2: bottom, stroke: colours.grid }),
    label(day(at), frame.x(at), bottom + 14, { 'text-anchor': 'middle', fill: colours.muted, 'font-size': 10 }),
  ]);
}

function qualityPanel({ windows, promotions }: DriftStory, frame: Frame, top: number): string[] {
  const known = windows.flatMap(({ quality: { aucServed, aucNeverRetrained } }) => [aucServed, aucNeverRetrained]);
  const values = known.filter((value) => value !== null);
  if (values.length === 0)
    return [label('no labels yet', margin.left + 8, top + 20, { fill: colours.muted, 'font-size': 12 })];
  const step = 0.05;
  const low = Math.floor(Math.min(...values) / step) * step;
  const high = Math.max(low + step, Math.ceil(Math.max(...values) / step) * step);
  const y = (auc: number): number => top + qualityHeight - ((auc - low) / (high - low)) * qualityHeight;
  const grid = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step).flatMap((at) => [
    element('line', { x1: margin.left, x2: width - margin.right, y1: y(at), y2: y(at), stroke: colours.grid }),
    label(at.toFixed(2), margin.left - 8, y(at) + 4, { 'text-anchor': 'end', fill: colours.muted, 'font-size': 11 }),
  ]);
  const middle = ({ startMs, endMs }: StoryWindow): number => frame.x((startMs + endMs) / 2);
  const line = (of: 'aucServed' | 'aucNeverRetrained', attributes: Record<string, string | number>): string[] => [
    path(
      windows.map((window) => {
        const value = window.quality[of];
        return value === null ? null : ([middle(window), y(value)] as const);
      }),
      attributes,
    ),
    ...windows.flatMap((window) => {
      const value = window.quality[of];
      if (value === null) return [];
      const about = `${time(window.startMs)} to ${time(window.endMs)}: AUC served ${fixed(window.quality.aucServed)}, never retrained ${fixed(window.quality.aucNeverRetrained)}, ${window.quality.rows} labelled`;
      return [
        element('circle', { cx: middle(window), cy: y(value), r: 2.5, fill: attributes['stroke'] ?? '' }, [
          tooltip(about),
        ]),
      ];
    }),
  ];
  const promoted = promotions
    .filter(({ atMs }) => atMs >= frame.fromMs && atMs <= frame.untilMs)
    .flatMap(({ version, atMs }) => [
      element('line', {
        ...{ x1: frame.x(atMs), x2: frame.x(atMs), y1: top, y2: top + qualityHeight },
        ...{ stroke: colours.promotion, 'stroke-dasharray': '2 3' },
      }),
      label(`v${version}`, frame.x(atMs) + 3, top + 10, { fill: colours.promotion, 'font-size': 10 }),
    ]);
  return [
    ...grid,
    ...promoted,
    ...line('aucNeverRetrained', { stroke: colours.never, 'stroke-width': 1.5, 'stroke-dasharray': '5 4' }),
    ...line('aucServed', { stroke: colours.served, 'stroke-width': 2 }),
  ];
}

const decisionMarks: Readonly<Record<string, { readonly fill: string; readonly about: string }>> = {
  requested: { fill: colours.request, about: 'retraining requested' },
  deferred: { fill: '#f9a825', about: 'deferred' },
  suppressed: { fill: '#ffffff', about: 'alarm, not retrained' },
};

function decisionPanel({ windows }: DriftStory, frame: Frame, top: number): string[] {
  return windows.flatMap((window) => {
    const { decision } = window;
    const shades: Readonly<Record<string, string>> = { drifted: '#f6c4c0', stable: '#e3f1e4', insufficient: '#eceff1' };
    const x = frame.x(window.startMs);
    const about = `${time(window.startMs)} to ${time(window.endMs)}, ${window.rows} rows: ${window.reason}${decision === null ? '' : `. ${decision.reason}`}`;
    const band = element(
      'rect',
      {
        ...{ x: x + 0.5, y: top, width: Math.max(1, frame.x(window.endMs) - x - 1), height: 22 },
        fill: shades[window.verdict] ?? '#ffffff',
      },
      [tooltip(about)],
    );
    const mark = decisionMarks[decision?.outcome ?? ''];
    if (mark === undefined) return [band];
    const [cx, cy] = [frame.x(window.endMs) - 5, top + 36];
    const points = `${Math.round(cx - 5)},${cy + 5} ${Math.round(cx + 5)},${cy + 5} ${Math.round(cx)},${cy - 5}`;
    const attributes = { points, fill: mark.fill, stroke: colours.request };
    return [band, element('polygon', attributes, [tooltip(about)])];
  });
}

/** Shares of the limit from white to red: what is at its limit is orange. */
function heat(share: number): string {
  const at = Math.min(1, Math.max(0, share / 2.5));
  const channel = (from: number, to: number): number => Math.round(from + (to - from) * Math.sqrt(at));
  return `rgb(${channel(250, 198)},${channel(250, 40)},${channel(248, 32)})`;
}

function worst(windows: readonly StoryWindow[]): readonly string[] {
  const highest = new Map<string, number>();
  for (const { fields } of windows)
    for (const { field, psi } of fields) highest.set(field, Math.max(highest.get(field) ?? 0, psi));
  return [...highest]
    .sort(([a, psi], [b, other]) => other - psi || (a < b ? -1 : 1))
    .slice(0, fieldsMax)
    .map(([field]) => field);
}

function cell(window: StoryWindow, found: drift.FieldDrift, limit: number, frame: Frame, y: number): string {
  const x = frame.x(window.startMs);
  const ks = found.ksStatistic === undefined ? '' : `, KS ${found.ksStatistic.toFixed(3)}`;
  const about = `${found.field}, ${time(window.startMs)} to ${time(window.endMs)}: PSI ${found.psi.toFixed(3)}${ks}, missing ${(found.missingRatio * 100).toFixed(1)} %${found.drifted ? ', drifted' : ''}`;
  const outline = found.drifted ? { stroke: colours.text, 'stroke-width': 1.2 } : {};
  return element(
    'rect',
    {
      ...{ x: x + 0.5, y: y + 1, width: Math.max(1, frame.x(window.endMs) - x - 1), height: rowHeight - 2 },
      ...{ fill: heat(found.psi / Math.max(limit, 1e-9)), ...outline },
    },
    [tooltip(about)],
  );
}

function fieldPanel({ windows, psiLimit }: DriftStory, frame: Frame, top: number): string[] {
  return worst(windows).flatMap((field, row) => {
    const y = top + row * rowHeight;
    const cells = windows.flatMap((window) => {
      const found = window.fields.find((one) => one.field === field);
      return found === undefined ? [] : [cell(window, found, psiLimit, frame, y)];
    });
    const name = label(field, margin.left - 8, y + rowHeight - 5, {
      ...{ 'text-anchor': 'end', fill: colours.text, 'font-size': 11 },
    });
    return [name, ...cells];
  });
}

function legend(story: DriftStory): string[] {
  const at = (x: number) => ({ x, y: 44, 'font-size': 11, fill: colours.muted });
  const swatch = (x: number, fill: string): string =>
    element('rect', { x, y: 36, width: 12, height: 9, fill, stroke: colours.muted, 'stroke-width': 0.4 });
  const stroke = (x: number, colour: string, dash: string): string =>
    element('line', {
      ...{ x1: x, x2: x + 22, y1: 40, y2: 40, stroke: colour, 'stroke-width': 2 },
      ...(dash === '' ? {} : { 'stroke-dasharray': dash }),
    });
  const text = (words: string, x: number): string => element('text', at(x), [words]);
  return [
    stroke(margin.left, colours.served, ''),
    text('AUC of what was served', margin.left + 27),
    stroke(margin.left + 165, colours.never, '5 4'),
    text('of version 1, never retrained', margin.left + 192),
    stroke(margin.left + 352, colours.promotion, '2 3'),
    text('promoted', margin.left + 379),
    swatch(margin.left + 440, heat(1)),
    text(`PSI at its limit (${String(story.psiLimit)})`, margin.left + 457),
    swatch(margin.left + 590, heat(2.5)),
    text('2.5 times; outlined: drifted', margin.left + 607),
  ];
}

/**
 * A picture of a model's drift: above how well it did (served, and the first version had it never been retrained), below which windows were drifted,
 * what was decided on them, and the population stability index of each field. Standalone SVG, the same bytes for the same story.
 */
export function driftPicture(story: DriftStory): string {
  const frame = frameOf(story);
  const decisionsTop = margin.top + qualityHeight + gap;
  const fieldsTop = decisionsTop + decisionHeight;
  const fieldsBottom = fieldsTop + worst(story.windows).length * rowHeight;
  const height = fieldsBottom + 30;
  const drifted = story.windows.filter(({ verdict }) => verdict === 'drifted').length;
  const title = `${story.model}: ${story.windows.length} windows, ${drifted} drifted, ${story.requests.length} retrainings asked for by drift`;
  const side = (text: string, y: number): string =>
    label(text, margin.left - 8, y, { 'text-anchor': 'end', fill: colours.muted, 'font-size': 11 });
  const body = [
    element('rect', { width, height, fill: '#ffffff' }),
    label(title, 16, 24, { 'font-size': 15, 'font-weight': 600, fill: colours.text }),
    ...legend(story),
    side('AUC', margin.top - 8),
    ...timeAxis(frame, margin.top, margin.top + qualityHeight),
    ...qualityPanel(story, frame, margin.top),
    side('window', decisionsTop + 15),
    side('decision', decisionsTop + 40),
    ...decisionPanel(story, frame, decisionsTop),
    ...timeAxis(frame, fieldsTop, fieldsBottom),
    ...fieldPanel(story, frame, fieldsTop),
  ];
  return `${element(
    'svg',
    {
      ...{ xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' },
      'font-family': 'system-ui, sans-serif',
    },
    [tooltip(title), ...body],
  )}\n`;
}
