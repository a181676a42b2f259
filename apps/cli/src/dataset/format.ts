import type { CheckResult, ColumnSummary, DatasetDiff, DatasetManifest, datasets } from '@everloop/contracts';
import { table } from '../table.ts';

/** Digits of an id that are shown: enough to name one of a great many. */
const shownDigits = 12;
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const short = (id: string): string => (id === '' ? '-' : id.slice(0, shownDigits));
const count = (value: number): string => value.toLocaleString('en-US');

/** Snapshots, one a line. */
export function datasetTable(entries: readonly datasets.DatasetEntry[]): string {
  if (entries.length === 0)
    return 'There is no dataset yet: the trainer makes one for each training, "everloop dataset create <model>" makes one now.';
  return table(
    ['ID', 'MODEL', 'CREATED', 'BY', 'ROWS', 'IN VAULT', 'FROM', 'UNTIL', 'CHECKS', 'TAGS'],
    entries.map((entry) => [
      ...[short(entry.id), entry.model, day(entry.createdAtMs), entry.createdBy === '' ? '-' : entry.createdBy],
      ...[count(entry.rows), count(entry.vaultRows), day(entry.fromMs), day(entry.untilMs), entry.verdict],
      entry.tags.length === 0 ? '-' : entry.tags.join(', '),
    ]),
  );
}

/** Everything about one snapshot. */
export function datasetText(answer: datasets.GetDatasetResponse): string {
  const entry = answer.dataset;
  if (entry === undefined) return '';
  const manifest = JSON.parse(answer.manifestJson) as DatasetManifest;
  const { request, split, vault } = manifest;
  const facts: [string, string][] = [
    ['id', entry.id],
    ['model', entry.model],
    [
      'created',
      `${day(entry.createdAtMs)} UTC by ${entry.createdBy === '' ? 'somebody unnamed' : entry.createdBy}${entry.reason === '' ? '' : `: ${entry.reason}`}`,
    ],
    ['parent', short(entry.parent)],
    ['tags', entry.tags.length === 0 ? '-' : entry.tags.join(', ')],
    [
      'rows',
      `${count(manifest.rows)}, ${count(vault?.rows ?? 0)} of them sealed in the vault${vault === null ? '' : ` (key ${vault.keyId})`}`,
    ],
    ['content hash', manifest.contentHash],
    ['predictions', `from ${day(request.fromMs)} until ${day(request.untilMs)}`],
    [
      'as of',
      `${day(request.asOfMs)}, ${request.known === 'latest' ? 'by what is known today' : 'by what was known then'}`,
    ],
    [
      'left out',
      request.exclude.length === 0
        ? 'nothing'
        : request.exclude.map(({ fromMs, untilMs }) => `${day(fromMs)} to ${day(untilMs)}`).join(', '),
    ],
    ['fixed holdout', `${split.fixedHoldoutPercent} % by hash, salt "${split.fixedHoldoutSalt}"`],
    ['split', splitText(manifest)],
  ];
  const parts = Object.entries(manifest.parts).filter(([, rows]) => rows > 0);
  return [
    facts.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n'),
    section(
      'Rows by part',
      table(
        ['PART', 'ROWS'],
        parts.map(([part, rows]) => [partName(part), count(rows)]),
      ),
    ),
    section('Checks', checksText(manifest.checks)),
    section(
      'Columns',
      table(
        ['COLUMN', 'TYPE', 'MISSING', 'DISTINCT', 'MIN', 'MEAN', 'MAX', 'MOST FREQUENT'],
        manifest.columns.map(columnRow),
      ),
    ),
    section(
      'Made of these definitions',
      table(
        ['RESOURCE', 'REVISION', 'DIGEST'],
        manifest.definitions.map((each) => [`${each.kind}/${each.name}`, String(each.revision), short(each.digest)]),
      ),
    ),
    section(
      'and of these records',
      table(
        ['TOPIC', 'PARTITION', 'FIRST OFFSET', 'LAST OFFSET'],
        manifest.offsets.map((each) => [each.topic, String(each.partition), String(each.start), String(each.end - 1)]),
      ),
    ),
    ...(answer.tagHistory.length === 0
      ? []
      : [section('Tags came and went', answer.tagHistory.map(moveText).join('\n'))]),
  ].join('\n\n');
}

export function moveText(move: datasets.TagMove): string {
  const what =
    move.id === ''
      ? `removed from ${short(move.previousId)}`
      : `${move.previousId === '' ? '' : `moved from ${short(move.previousId)} `}to ${short(move.id)}`;
  return `${day(move.atMs)}  ${move.tag} ${what} by ${move.by === '' ? 'somebody unnamed' : move.by}${move.reason === '' ? '' : `: ${move.reason}`}`;
}

function section(title: string, text: string): string {
  return `${title}\n${text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}`;
}

function splitText({ split }: DatasetManifest): string {
  const { inner, timeHoldout } = split;
  const recent = `newest rows from ${day(timeHoldout.fromMs)} test`;
  if (inner === undefined) return `${recent}; the recipe chooses its validation rows`;
  if (inner.by === 'time')
    return `${recent}; validation from ${day(inner.validationFromMs)}, gap ${inner.gapMs / 3_600_000} h`;
  const by = inner.column ?? 'join key';
  const strict = inner.strict ? ', of groups that were not trained on' : '';
  return `${recent}${strict}; by ${inner.by} (${by}, salt "${inner.salt}") ${inner.validationPercent} % validate, ${inner.testPercent} % test`;
}

const partNames: Readonly<Record<string, string>> = {
  timeHoldout: 'time holdout (test)',
  fixedHoldout: 'fixed holdout (vault)',
};
function partName(part: string): string {
  return partNames[part] ?? part;
}

export function checksText(checks: readonly Pick<CheckResult, 'check' | 'verdict' | 'detail' | 'examples'>[]): string {
  return checks
    .flatMap(({ check, verdict, detail, examples }) => [
      `${verdict.padEnd(4)}  ${check.padEnd(12)}  ${detail}`,
      ...examples.map((row) => `        ${row}`),
    ])
    .join('\n');
}

function columnRow(column: ColumnSummary): string[] {
  const missing = column.rows === 0 ? '-' : `${((column.missing / column.rows) * 100).toFixed(1)} %`;
  const shared = [column.name, column.type, missing, count(column.distinct)];
  if (column.type === 'number') return [...shared, number(column.min), number(column.mean), number(column.max), ''];
  const top =
    column.distinct > column.rows / 2
      ? ''
      : column.top
          .slice(0, 3)
          .map(([value, rows]) => `${value} (${count(rows)})`)
          .join(', ');
  return [...shared, '', '', '', top];
}

function number(value: number | null): string {
  if (value === null) return '-';
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}

/** What differs, the most important first. */
export function diffText(diff: DatasetDiff): string {
  if (diff.equal && diff.definitions.length + diff.offsets.length + diff.request.length === 0)
    return `${short(diff.from)} and ${short(diff.to)} are equal: the same rows, definitions and offsets`;
  const parts = [
    `${short(diff.from)} → ${short(diff.to)}${diff.equal ? ': the rows are equal' : ''}`,
    section('Rows', rowsText(diff)),
  ];
  const columns = [
    ...diff.columns.added.map((name) => `added    ${name}`),
    ...diff.columns.removed.map((name) => `removed  ${name}`),
    ...diff.columns.retyped.map(({ name, from, to }) => `retyped  ${name}: ${from} → ${to}`),
  ];
  if (columns.length > 0) parts.push(section('Columns', columns.join('\n')));
  const moved = diff.distributions.filter(
    ({ psi, missingShare, mean }) => (psi ?? 0) > 0 || missingShare[0] !== missingShare[1] || mean[0] !== mean[1],
  );
  if (moved.length > 0)
    parts.push(
      section(
        `Distributions: ${moved.length} of ${diff.distributions.length} columns differ, ${moved.filter(({ psi }) => (psi ?? 0) > 0.1).length} by a PSI above 0.1 (a change; above 0.25 a large one)`,
        shiftTable(moved),
      ),
    );
  if (diff.parts.some(({ from, to }) => from !== to))
    parts.push(
      section(
        'Parts of the split',
        table(
          ['PART', 'FROM', 'TO'],
          diff.parts.map((row) => [partName(row.part), count(row.from), count(row.to)]),
        ),
      ),
    );
  const changed = (
    title: string,
    rows: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[],
  ): void => {
    if (rows.length > 0)
      parts.push(
        section(
          title,
          table(
            ['', 'FROM', 'TO'],
            rows.map(({ name, from, to }) => [name, from ?? '-', to ?? '-']),
          ),
        ),
      );
  };
  changed('Asked', diff.request);
  changed('Definitions', diff.definitions);
  changed(
    'Records',
    diff.offsets.map(({ partition, ...rest }) => ({ name: partition, ...rest })),
  );
  const ranges = [
    ...diff.exclude.added.map((range) => `now left out      ${range}`),
    ...diff.exclude.removed.map((range) => `no more left out  ${range}`),
  ];
  if (ranges.length > 0) parts.push(section('Left out', ranges.join('\n')));
  return parts.join('\n\n');
}

function rowsText({ rows }: DatasetDiff): string {
  const { examples } = rows;
  const row = ({ joinKey, timeMs }: { readonly joinKey: string; readonly timeMs: number }): string =>
    `${joinKey} at ${day(timeMs)}`;
  const columns = Object.entries(rows.changedByColumn).sort(([, a], [, b]) => b - a);
  return [
    `${count(rows.from)} → ${count(rows.to)}: ${count(rows.added)} added, ${count(rows.removed)} removed, ${count(rows.changed)} changed, by join key and time; ` +
      `in the vault ${count(rows.vault[0])} → ${count(rows.vault[1])}, ${rows.vaultEqual ? 'the same' : 'others'}`,
    ...examples.added.map((each) => `+ ${row(each)}`),
    ...examples.removed.map((each) => `- ${row(each)}`),
    ...examples.changed.map((each) => {
      const changes = Object.entries(each.changes ?? {}).map(
        ([name, [from, to]]) => `${name} ${String(from ?? 'missing')} → ${String(to ?? 'missing')}`,
      );
      return `~ ${row(each)}: ${changes.slice(0, 5).join(', ')}${changes.length > 5 ? `, and ${changes.length - 5} more` : ''}`;
    }),
    ...(columns.length === 0
      ? []
      : [`changed values: ${columns.map(([name, changed]) => `${name} in ${count(changed)} rows`).join(', ')}`]),
  ].join('\n');
}

function shiftTable(shifts: DatasetDiff['distributions']): string {
  const share = (value: number): string => `${(value * 100).toFixed(1)} %`;
  const figure = (value: number | null): string => (value === null ? '-' : value.toFixed(4));
  return table(
    ['COLUMN', 'PSI', 'KS', 'MISSING', 'MEAN', 'DISTINCT'],
    shifts.map((shift) => [
      ...[shift.name, figure(shift.psi), figure(shift.ks), shift.missingShare.map(share).join(' → ')],
      shift.mean[0] === null && shift.mean[1] === null ? '' : shift.mean.map(number).join(' → '),
      shift.distinct.map(count).join(' → '),
    ]),
  );
}
