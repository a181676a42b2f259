import { fileURLToPath } from 'node:url';
import type { ErrorEntry } from './errors.ts';
import type { MetricEntry } from './metrics.ts';
import type { TopicEntry } from './topics.ts';

/** One variable of the environment. */
export interface VariableEntry {
  readonly env: string;
  readonly type: string;
  readonly unit?: string;
  readonly default?: unknown;
  readonly defaultByService?: Readonly<Record<string, unknown>>;
  readonly min?: number;
  readonly max?: number;
  readonly oneOf?: readonly string[];
  readonly why: string;
  readonly services: readonly string[];
}

const made = 'Made by `npm run reference`; `npm test` checks that it is what the program says.';

export function errorsPage(errors: readonly ErrorEntry[]): string {
  const lines = errors.map(({ code, kind, message, file }) => {
    const about = [kind ?? [], owner(file)].flat().join(', ');
    return `- \`${code}\` (${about})${message === '' ? '' : `: ${escape(message)}`}`;
  });
  const about =
    'Every error that a person can meet has a code that is never used for another meaning. `retryable`: the same call may succeed later. `terminal`: this input can never succeed; it is put aside ' +
    'and the rest goes on. `bug`: the program is wrong and stops. `…` stands for what is filled in.';
  return [`# Error codes`, '', about, '', made, '', ...lines, ''].join('\n');
}

export function metricsPage(metrics: readonly MetricEntry[]): string {
  const rows = metrics.map(({ name, kind, help, labels, file }) => [
    `\`${name}\``,
    kind,
    labels.join(', '),
    escape(help),
    owner(file),
  ]);
  const about =
    'Prometheus scrapes `/metrics` at the HTTP port of each service. Alert rules over them: `deploy/prometheus`. Each service also exports the metrics of Node.js itself.';
  return page('Metrics', about, ['metric', 'kind', 'labels', 'meaning', 'from'], rows);
}

export function topicsPage(topics: readonly TopicEntry[]): string {
  const about =
    'Topics that Everloop owns. Those of producers are named by their `Source`; beside each source topic stand `<topic>.valid`, `<topic>.quarantine` and `<topic>.quality`.';
  return page(
    'Topics',
    about,
    ['topic', 'holds'],
    topics.map(({ name, about: text }) => [`\`${name}\``, escape(text)]),
  );
}

export function configurationPage(variables: readonly VariableEntry[]): string {
  const rows = variables.map((each) => [
    `\`${each.env}\``,
    each.services.join(', '),
    defaultText(each),
    allowedText(each),
    escape(each.why),
  ]);
  const about =
    'Variables of the environment. A service that finds one wrong names every wrong one and does not start. Durations are written `250ms`, `5s`, `2m`, `1h`, `1d`.';
  return page('Configuration', about, ['variable', 'services', 'default', 'allowed', 'what for'], rows);
}

function page(title: string, about: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [`# ${title}`, '', about, '', made, '', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join(
    '\n',
  );
}

/** `services/validator/src/…` → `validator`. */
function owner(file: string): string {
  return file.split('/')[1] ?? file;
}

function escape(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('<', '&lt;')
    .replaceAll('*', '\\*')
    .replaceAll('_', '\\_')
    .trim();
}

const root = fileURLToPath(new URL('../../', import.meta.url));

function defaultText({ default: value, defaultByService, type }: VariableEntry): string {
  if (value === null) return 'none';
  if (value === undefined) {
    const all = Object.entries(defaultByService ?? {}).map(([service, each]) => `${service} ${String(each)}`);
    return all.length === 0 ? '**must be set**' : all.join(', ');
  }
  if (type === 'duration' && typeof value === 'number') return durationText(value);
  const text = Array.isArray(value) ? value.join(',') : JSON.stringify(value).replaceAll('"', '');
  // A default below the repository is written from there: the page is the same wherever the repository lies.
  return `\`${text.startsWith(root) ? text.slice(root.length) : text}\``;
}

function durationText(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
    [1_000, 's'],
  ];
  const [size, unit] = units.find(([each]) => ms > 0 && ms % each === 0) ?? [1, 'ms'];
  return `\`${ms / size}${unit}\``;
}

function allowedText({ type, unit, min, max, oneOf }: VariableEntry): string {
  const write = (value: number): string => (type === 'duration' ? durationText(value) : String(value));
  const range = [min === undefined ? [] : [`from ${write(min)}`], max === undefined ? [] : [`to ${write(max)}`]].flat();
  const allowed = oneOf === undefined ? [type, ...range].join(' ') : oneOf.join(', ');
  return unit === undefined ? allowed : `${allowed}; ${escape(unit)}`;
}
