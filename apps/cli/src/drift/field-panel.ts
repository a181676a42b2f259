import type { drift } from '@everloop/contracts';
import { cellOf, colours, margin, side, time, type Frame } from './frame.ts';
import { heat, inkOn, unitOf } from './heat.ts';
import type { DriftStory, StoryWindow } from './story.ts';
import { element, label, tooltip } from './svg.ts';

const rowHeight = 17;
/** Fields with a row of their own: those that drifted most. */
const fieldsMax = 30;

/** Fields by how many windows they drifted in, then by their largest index. */
function fieldsOf(windows: readonly StoryWindow[]): readonly string[] {
  const known = new Map<string, { drifted: number; psi: number }>();
  for (const { field, psi, drifted } of windows.flatMap(({ fields }) => fields)) {
    const before = known.get(field) ?? { drifted: 0, psi: 0 };
    known.set(field, { drifted: before.drifted + (drifted ? 1 : 0), psi: Math.max(before.psi, psi) });
  }
  return [...known]
    .sort(([a, x], [b, y]) => y.drifted - x.drifted || y.psi - x.psi || (a < b ? -1 : 1))
    .map(([field]) => field);
}

function aboutCell(
  { startMs, endMs }: StoryWindow,
  { field, psi, ksStatistic, missingRatio, drifted }: drift.FieldDrift,
) {
  const ks = ksStatistic === undefined ? '' : `, KS ${ksStatistic.toFixed(3)}`;
  return `${field}, ${time(startMs)} to ${time(endMs)}: PSI ${psi.toFixed(3)}${ks}, missing ${(missingRatio * 100).toFixed(1)} %${drifted ? ', drifted' : ''}`;
}

/** Height of the panel of a story, pixels. */
export function fieldPanelHeight({ windows }: DriftStory): number {
  const count = fieldsOf(windows).length;
  return Math.min(count, fieldsMax) * rowHeight;
}

/** The stability index of each field in each window: what drifted has a dot. */
export function fieldPanel({ windows, psiLimits }: DriftStory, frame: Frame, top: number): string[] {
  const fields = fieldsOf(windows);
  const rows = fields.slice(0, fieldsMax).flatMap((field, row) => {
    const y = top + row * rowHeight;
    const cells = windows.flatMap((window) => {
      const found = window.fields.find((one) => one.field === field);
      if (found === undefined) return [];
      const place = cellOf(frame, window);
      const share = found.psi / unitOf(psiLimits);
      const rect = { ...place, y: y + 1, height: rowHeight - 2, fill: heat(share) };
      const about = tooltip(aboutCell(window, found));
      if (!found.drifted) return [element('rect', rect, [about])];
      const dot = { cx: place.x + place.width / 2, cy: y + rowHeight / 2, r: Math.min(2, place.width / 3) };
      return [element('g', {}, [about, element('rect', rect), element('circle', { ...dot, fill: inkOn(share) })])];
    });
    return [side(field, y + rowHeight - 5, colours.text), ...cells];
  });
  const more = fields.length - fieldsMax;
  if (more <= 0) return rows;
  const y = top + fieldsMax * rowHeight + 32;
  return [
    ...rows,
    label(`and ${more} fields that drifted less`, margin.left, y, { fill: colours.muted, 'font-size': 11 }),
  ];
}
