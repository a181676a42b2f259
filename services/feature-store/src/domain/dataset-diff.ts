import {
  canonicalJson,
  type ColumnShift,
  type ColumnSummary,
  type DatasetDiff,
  type DatasetManifest,
  type NumberSummary,
  type TextSummary,
} from '@everloop/contracts';
import { groupBins, ksFromBins, psi, sumByGroup } from '@everloop/stats';

const psiGroups = 10;

/** What differs in what the manifests say, without a look at the rows. `counts` are the second snapshot's values in the first one's bins. */
export function diffManifests(
  from: { readonly id: string; readonly manifest: DatasetManifest },
  to: { readonly id: string; readonly manifest: DatasetManifest },
  counts: ReadonlyMap<string, readonly number[]>,
): Omit<DatasetDiff, 'rows'> {
  const [a, b] = [from.manifest, to.manifest];
  const before = new Map(a.columns.map((column) => [column.name, column]));
  const after = new Map(b.columns.map((column) => [column.name, column]));
  const both = a.columns.filter(({ name }) => after.has(name));
  return {
    ...{ from: from.id, to: to.id, equal: a.contentHash === b.contentHash },
    columns: {
      added: b.columns.map(({ name }) => name).filter((name) => !before.has(name)),
      removed: a.columns.map(({ name }) => name).filter((name) => !after.has(name)),
      retyped: both.flatMap(({ name, type }) => {
        const now = after.get(name)?.type ?? type;
        return now === type ? [] : [{ name, from: type, to: now }];
      }),
    },
    distributions: both
      .flatMap((column) => {
        const other = after.get(column.name);
        return other === undefined ? [] : [shiftOf(column, other, counts.get(column.name) ?? null)];
      })
      .sort((x, y) => (y.psi ?? -1) - (x.psi ?? -1) || (x.name < y.name ? -1 : 1)),
    parts: Object.keys(a.parts)
      .map((part) => ({ part, from: a.parts[part as keyof typeof a.parts], to: b.parts[part as keyof typeof a.parts] }))
      .filter((row) => row.from > 0 || row.to > 0),
    definitions: pairs(
      a.definitions.map((each) => [
        `${each.kind}/${each.name}`,
        `revision ${each.revision} ${each.digest.slice(0, 12)}`,
      ]),
      b.definitions.map((each) => [
        `${each.kind}/${each.name}`,
        `revision ${each.revision} ${each.digest.slice(0, 12)}`,
      ]),
    ).map(({ key, ...rest }) => ({ name: key, ...rest })),
    offsets: pairs(
      a.offsets.map((each) => [`${each.topic}/${each.partition}`, `[${each.start}, ${each.end})`]),
      b.offsets.map((each) => [`${each.topic}/${each.partition}`, `[${each.start}, ${each.end})`]),
    ).map(({ key, ...rest }) => ({ partition: key, ...rest })),
    exclude: excludes(a, b),
    request: requests(a, b),
  };
}

function shiftOf(from: ColumnSummary, to: ColumnSummary, counts: readonly number[] | null): ColumnShift {
  const share = (column: ColumnSummary): number => (column.rows === 0 ? 0 : column.missing / column.rows);
  const mean = (column: ColumnSummary): number | null => (column.type === 'number' ? column.mean : null);
  const shared = {
    name: from.name,
    missingShare: [share(from), share(to)],
    mean: [mean(from), mean(to)],
    distinct: [from.distinct, to.distinct],
  } as const;
  if (from.type === 'number' && to.type === 'number' && counts !== null)
    return { ...shared, ...numberShift(from, to, counts) };
  if (from.type === 'string' && to.type === 'string') return { ...shared, psi: textShift(from, to), ks: null };
  return { ...shared, psi: null, ks: null };
}

function numberShift(
  from: NumberSummary,
  to: NumberSummary,
  counts: readonly number[],
): { psi: number | null; ks: number | null } {
  const groups = groupBins(from.counts, psiGroups);
  const withMissing = (sums: readonly number[], missing: number): readonly number[] =>
    from.missing + to.missing === 0 ? sums : [...sums, missing];
  return {
    psi: finite(
      psi(
        withMissing(sumByGroup(from.counts, groups), from.missing),
        withMissing(sumByGroup(counts, groups), to.missing),
      ),
    ),
    ks: finite(ksFromBins(from.counts, counts)),
  };
}

function textShift(from: TextSummary, to: TextSummary): number | null {
  const values = from.top.map(([value]) => value);
  const countsOf = ({ top, other, missing }: TextSummary): readonly number[] => {
    const known = new Map(top);
    const named = values.map((value) => known.get(value) ?? 0);
    const rest = top.reduce((sum, [value, count]) => sum + (values.includes(value) ? 0 : count), other);
    return [...named, rest, missing];
  };
  const [a, b] = [countsOf(from), countsOf(to)];
  const kept = a.map((_, index) => index).filter((index) => (a[index] ?? 0) + (b[index] ?? 0) > 0);
  return finite(
    psi(
      kept.map((index) => a[index] ?? 0),
      kept.map((index) => b[index] ?? 0),
    ),
  );
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function pairs(
  from: readonly (readonly [string, string])[],
  to: readonly (readonly [string, string])[],
): { readonly key: string; readonly from: string | null; readonly to: string | null }[] {
  const [before, after] = [new Map(from), new Map(to)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((key) => ({ key, from: before.get(key) ?? null, to: after.get(key) ?? null }))
    .filter((pair) => pair.from !== pair.to);
}

function excludes(a: DatasetManifest, b: DatasetManifest): DatasetDiff['exclude'] {
  const texts = ({ request }: DatasetManifest): string[] =>
    request.exclude.map(
      ({ fromMs, untilMs }) => `${new Date(fromMs).toISOString()} to ${new Date(untilMs).toISOString()}`,
    );
  const [before, after] = [texts(a), texts(b)];
  return {
    added: after.filter((range) => !before.includes(range)),
    removed: before.filter((range) => !after.includes(range)),
  };
}

function requests(a: DatasetManifest, b: DatasetManifest): DatasetDiff['request'] {
  const texts = ({ model, request, split }: DatasetManifest): readonly (readonly [string, string])[] => [
    ['model', model],
    ...(['fromMs', 'untilMs', 'asOfMs'] as const).map(
      (name) => [name.slice(0, -2), new Date(request[name]).toISOString()] as const,
    ),
    ['known', request.known],
    [
      'split',
      canonicalJson({
        ...split,
        train: undefined,
        timeHoldout: undefined,
        inner: { ...split.inner, validationFromMs: undefined },
      }),
    ],
  ];
  return pairs(texts(a), texts(b)).map(({ key, from, to }) => ({ name: key, from: from ?? '', to: to ?? '' }));
}
