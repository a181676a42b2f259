import { cellOf, colours, side, time, type Frame } from './frame.ts';
import type { DriftStory, StoryWindow } from './story.ts';
import { element, tooltip } from './svg.ts';

export const windowPanelHeight = 66;
const bandHeight = 20;

const shades: Readonly<Record<string, string>> = {
  ...{ drifted: colours.drifted, stable: colours.stable, insufficient: colours.insufficient },
};

/** How an outcome is marked; one to do nothing is not. */
const marks: Readonly<Record<string, string>> = {
  ...{ requested: colours.request, deferred: colours.deferred, suppressed: '#ffffff' },
};

/** A triangle around a place. */
export function triangle(x: number, y: number, fill: string): string {
  const points = `${Math.round(x - 5)},${y + 5} ${Math.round(x + 5)},${y + 5} ${Math.round(x)},${y - 5}`;
  return element('polygon', { points, fill, stroke: colours.request });
}

/** What was found and what was decided; the reason of a decision mostly has what was found. */
function aboutWindow({ startMs, endMs, rows, reason, decision }: StoryWindow): string {
  const said = decision?.reason ?? '';
  const texts = said.includes(reason) ? [said] : [reason, ...(said === '' ? [] : [said])];
  return `${time(startMs)} to ${time(endMs)}, ${rows} rows: ${texts.join('. ')}`;
}

function windowMarks(window: StoryWindow, frame: Frame, top: number): string {
  const { decision, verdict } = window;
  const cell = cellOf(frame, window);
  const band = element('rect', { ...cell, y: top, height: bandHeight, fill: shades[verdict] ?? '#ffffff' });
  const alarm = element('rect', {
    ...{ x: frame.x(window.startMs), y: top + bandHeight + 8, height: 4, fill: colours.alarm },
    width: frame.x(window.endMs) - frame.x(window.startMs),
  });
  const mark = marks[decision?.outcome ?? ''];
  return element('g', {}, [
    tooltip(aboutWindow(window)),
    band,
    ...(decision?.isAlarm === true ? [alarm] : []),
    ...(mark === undefined ? [] : [triangle(cell.x + cell.width / 2, top + 48, mark)]),
  ]);
}

/** Each window's verdict, whether the alarm was up after it, and what was decided. */
export function windowPanel({ windows }: DriftStory, frame: Frame, top: number): string[] {
  return [
    ...[side('window', top + 14), side('alarm', top + 34), side('decision', top + 52)],
    ...windows.map((window) => windowMarks(window, frame, top)),
  ];
}
