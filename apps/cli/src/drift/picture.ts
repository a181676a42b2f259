import { fieldPanel, fieldPanelHeight } from './field-panel.ts';
import { colours, frameOf, margin, side, timeAxis, width } from './frame.ts';
import { legend } from './legend.ts';
import { qualityHeight, qualityPanel } from './quality-panel.ts';
import type { DriftStory } from './story.ts';
import { element, label, tooltip } from './svg.ts';
import { windowPanel, windowPanelHeight } from './window-panel.ts';

const gap = 30;

function titleOf({ model, monitor, windows, requests }: DriftStory): string {
  const drifted = windows.filter(({ verdict }) => verdict === 'drifted').length;
  return `${model}, Monitor ${monitor}: ${windows.length} windows, ${drifted} drifted, ${requests.length} retrainings asked for by drift`;
}

/**
 * A picture of a model's drift: above how well it did (served, and the first version had it never been retrained), below which windows were drifted,
 * when the alarm was up, what was decided, and the population stability index of each field. Standalone SVG, the same bytes for the same story.
 */
export function driftPicture(story: DriftStory): string {
  const frame = frameOf(story.windows);
  const windowsTop = margin.top + qualityHeight + gap;
  const fieldsTop = windowsTop + windowPanelHeight;
  const fieldsBottom = fieldsTop + fieldPanelHeight(story);
  const height = fieldsBottom + 44;
  const title = titleOf(story);
  const body = [
    element('rect', { width, height, fill: '#ffffff' }),
    label(title, 16, 24, { 'font-size': 15, 'font-weight': 600, fill: colours.text }),
    ...legend(story),
    side('AUC', margin.top - 10),
    ...timeAxis(frame, margin.top, margin.top + qualityHeight),
    ...qualityPanel(story, frame, margin.top),
    ...windowPanel(story, frame, windowsTop),
    ...timeAxis(frame, fieldsTop, fieldsBottom),
    ...fieldPanel(story, frame, fieldsTop),
  ];
  const attributes = {
    ...{ xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' },
    'font-family': 'system-ui, sans-serif',
  };
  return `${element('svg', attributes, [tooltip(title), ...body])}\n`;
}
