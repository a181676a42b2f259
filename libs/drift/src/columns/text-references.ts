import { drift } from '@everloop/contracts';
import { buildFieldReference, type FieldKind, type FieldValue } from '@everloop/stats';
import { encodingClass, ngramBuckets, wordsOf } from './text.ts';

/** Rows of the training snapshot that are looked at, evenly spread. */
const sampledRowsMax = 50_000;
/** Words that are remembered. */
const vocabularyMax = 4_000;
/** Buckets of 3-grams: enough to tell languages apart, few enough for a window of some hundred texts. */
const ngramBucketCount = 128;

/** What a value is as text; null: missing. */
function textOf(value: FieldValue): string | null {
  if (value === null || value === undefined || value === '' || Number.isNaN(value)) return null;
  return String(value);
}

interface Vocabulary {
  readonly words: readonly string[];
  /** Rows that a word must come in; a word of the row itself must come in one more, so that it would be known without that row. */
  readonly rowsMin: number;
  readonly rowsOf: ReadonlyMap<string, number>;
}

/** The words that come in most rows, at most `vocabularyMax`, each in at least two: by number of rows, so that the order of rows does not matter. */
function vocabularyOf(texts: readonly (readonly string[])[]): Vocabulary {
  const rowsOf = new Map<string, number>();
  for (const words of texts) for (const word of new Set(words)) rowsOf.set(word, (rowsOf.get(word) ?? 0) + 1);
  const falling = Float64Array.from(rowsOf.values()).sort().reverse();
  const rowsMin = Math.max(2, (falling[vocabularyMax] ?? 0) + 1);
  const words = [...rowsOf].filter(([, rows]) => rows >= rowsMin).map(([word]) => word);
  return { words: words.sort(), rowsMin, rowsOf };
}

function unknownShares(texts: readonly (readonly string[])[], { rowsMin, rowsOf }: Vocabulary): readonly number[] {
  return texts.map((words) => {
    const unknown = words.filter((word) => (rowsOf.get(word) ?? 0) < rowsMin + 1);
    return words.length === 0 ? 0 : unknown.length / words.length;
  });
}

interface NgramCounts {
  readonly counts: number[];
  readonly repeatEffect: number;
}

/**
 * Counts of buckets over all texts, and how many of them are worth one independent count: the mean of the buckets' design effects
 * when each text is a cluster, Σ (1 - p) d / (J - 1), by which χ² is divided to have its law again.
 *
 * Source: J. N. K. Rao and A. J. Scott (1981), JASA 76, 221-230, section 3; the variance of a ratio over clusters: W. G. Cochran (1977), Sampling
 * Techniques, section 9A.
 */
function ngramCountsOf(texts: readonly string[], buckets: number): NgramCounts {
  const [counts, squares, products] = [0, 1, 2].map(() => new Float64Array(buckets)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let [total, squaredSizes] = [0, 0];
  for (const text of texts) {
    const found = ngramBuckets(text, buckets);
    const own = new Map<number, number>();
    for (const bucket of found) own.set(bucket, (own.get(bucket) ?? 0) + 1);
    for (const [bucket, count] of own) {
      counts[bucket] = (counts[bucket] ?? 0) + count;
      squares[bucket] = (squares[bucket] ?? 0) + count * count;
      products[bucket] = (products[bucket] ?? 0) + count * found.length;
    }
    total += found.length;
    squaredSizes += found.length * found.length;
  }
  let [effects, used] = [0, 0];
  for (let j = 0; j < buckets; j += 1) {
    const share = (counts[j] ?? 0) / Math.max(1, total);
    if (share === 0) continue;
    used += 1;
    effects += ((squares[j] ?? 0) - 2 * share * (products[j] ?? 0) + share * share * squaredSizes) / (share * total);
  }
  const finite = texts.length < 2 || used < 2 ? 1 : (texts.length / (texts.length - 1)) * (effects / (used - 1));
  return { counts: [...counts], repeatEffect: Math.max(1, finite) };
}

/**
 * Columns of a text: `<name>.length`, `<name>.encoding`, `<name>.unknownWords` and `<name>.ngrams`. A word counts as known in the reference only where
 * the other rows would know it, too: else no text would ever have as few unknown words again as those of the training. O(length of
 * the texts).
 */
export function textReferences(name: string, values: readonly FieldValue[]): readonly drift.FieldReference[] {
  const step = Math.max(1, Math.ceil(values.length / sampledRowsMax));
  const sampled = values.filter((_, i) => i % step === 0).map(textOf);
  const present = sampled.filter((text) => text !== null);
  const words = present.map(wordsOf);
  const vocabulary = vocabularyOf(words);
  const missing = sampled.length - present.length;
  const reference = (
    suffix: string,
    kind: FieldKind,
    each: readonly FieldValue[],
    measure: Partial<drift.Measure>,
  ): drift.FieldReference =>
    drift.FieldReference.fromPartial({
      ...buildFieldReference(kind, `${name}.${suffix}`, each),
      missing,
      measure: { inputs: [name], ...measure },
    });
  return [
    reference(
      'length',
      'numeric',
      present.map((text) => text.length),
      { kind: 'length' },
    ),
    reference('encoding', 'categorical', present.map(encodingClass), { kind: 'encoding' }),
    reference('unknownWords', 'numeric', unknownShares(words, vocabulary), {
      kind: 'unknown-words',
      vocabulary: [...vocabulary.words],
    }),
    ngramReference(name, present),
  ];
}

function ngramReference(name: string, texts: readonly string[]): drift.FieldReference {
  const { counts, repeatEffect } = ngramCountsOf(texts, ngramBucketCount);
  return drift.FieldReference.fromPartial({
    field: `${name}.ngrams`,
    kind: 'categorical',
    categories: counts.map((_, bucket) => String(bucket)),
    // There is no other bucket, only its place.
    counts: [...counts, 0],
    measure: { kind: 'ngrams', inputs: [name], buckets: ngramBucketCount, repeatEffect },
  });
}
