import { drift, serving } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import { day, monitor, uniforms } from '../../test/fixtures.ts';
import { evaluateWindow, policyOf } from '../judge/evaluate.ts';
import { prepareBaseline, type Baseline } from '../panes/baseline.ts';
import { countPanes } from '../panes/pane-gatherer.ts';
import { createWindowState, takePane } from '../windows/state.ts';
import { closeWindows } from '../windows/windows.ts';
import { buildReferences } from './references.ts';

/** A row of the model: a remark and an embedding of four numbers. */
interface Row {
  readonly remark: string;
  readonly numbers: readonly number[];
}

const words =
  'fog snow late gate crew storm fuel crowd delay wing tug ramp slot ice wind stand belt bag door tower'.split(' ');
const inputs = ['e0', 'e1', 'e2', 'e3'];

interface World {
  readonly words: readonly string[];
  /** Moves the numbers against what they have in common. */
  readonly bend: number;
  readonly share: number;
}

const calm: World = { words, bend: 0, share: 0 };

/** Remarks of three to eight words, of which each text says one thrice: its 3-grams come together. */
function rows(seed: number, count: number, world: World): readonly Row[] {
  const next = uniforms(seed);
  const pick = (): string => {
    const from = next() < world.share ? world.words : words;
    return from[Math.floor(next() * from.length)] ?? '';
  };
  const noise = (): number => next() + next() + next() - 1.5;
  return Array.from({ length: count }, () => {
    const favourite = pick();
    const remark = [favourite, favourite, favourite, ...Array.from({ length: Math.floor(next() * 6) }, pick)].join(' ');
    const common = 2 * noise();
    return { remark, numbers: inputs.map((_, k) => common + noise() + (k % 2 === 0 ? world.bend : -world.bend)) };
  });
}

const training = rows(1, 6_000, calm);
const fields = buildReferences(
  [
    { name: 'remark', type: 'category', text: true, values: training.map(({ remark }) => remark) },
    ...inputs.map((name, k) => ({
      name,
      type: 'number' as const,
      values: training.map(({ numbers }) => numbers[k] ?? 0),
    })),
  ],
  [{ name: 'words', inputs, components: 2 }],
);
const baseline = prepareBaseline(drift.Baseline.fromPartial({ model: 'm', modelVersion: '1', fields: [...fields] }));

function inferences(all: readonly Row[]): readonly serving.Inference[] {
  return all.map(({ remark, numbers }, i) =>
    serving.Inference.fromPartial({
      model: 'm',
      modelVersion: '1',
      championVersion: '1',
      eventTimeMs: i,
      inputNames: ['remark', ...inputs],
      inputValues: [
        { kind: { $case: 'text', value: remark } },
        ...numbers.map((value) => ({ kind: { $case: 'number' as const, value } })),
      ],
    }),
  );
}

function judged(all: readonly Row[], against: Baseline = baseline): drift.DriftReport {
  const state = createWindowState();
  for (const pane of countPanes(inferences(all), () => against)) takePane(state, [], pane);
  const [due] = closeWindows(state, [monitor({ minRows: 100, windowMs: day })], day);
  if (due === undefined) throw new Error('no window');
  return evaluateWindow(due, against, policyOf(due.monitor.spec));
}

const drifted = ({ fields: all }: drift.DriftReport): readonly string[] =>
  all.filter((field) => field.drifted).map(({ field }) => field);

describe('a window of texts and embeddings', () => {
  test('without drift none of 100 windows alarms, and what is learned later is not judged', () => {
    const reports = Array.from({ length: 100 }, (_, i) => judged(rows(1_000 + i, 500, calm)));
    expect(reports.flatMap(drifted)).toEqual([]);
    expect(reports[0]?.fields.map(({ field }) => field)).toEqual([
      'remark.length',
      'remark.encoding',
      'remark.unknownWords',
      'remark.ngrams',
      'words.norm',
      'words.component1',
      'words.component2',
      'words.residual',
    ]);
  });

  test('the law of the 3-grams holds because those of one text are worth fewer', () => {
    const naive = prepareBaseline(
      drift.Baseline.fromPartial({
        model: 'm',
        modelVersion: '1',
        fields: fields.map((field) => ({ ...field, measure: { ...field.measure, repeatEffect: 1 } })),
      }),
    );
    const exceeded = (against: Baseline): number =>
      Array.from({ length: 60 }, (_, i) => judged(rows(2_000 + i, 500, calm), against)).filter(
        ({ fields: all }) => (all.find(({ field }) => field === 'remark.ngrams')?.psi ?? 0) >= criticalOf(all),
      ).length;
    // At level .01: of 60 windows one is expected, and six are not in 1,000 runs.
    expect(exceeded(baseline)).toBeLessThan(6);
    expect(exceeded(naive)).toBeGreaterThan(30);
  });

  const cyrillic = 'туман снег поздно'.split(' ');
  const broken = words.map((word) => Buffer.from(`é${word}`, 'utf8').toString('latin1'));
  test.each([
    ['one word in five is new', { ...calm, words: ['strike', 'walkout'], share: 0.2 }, 'remark.unknownWords'],
    ['and so are their 3-grams', { ...calm, words: ['strike', 'walkout'], share: 0.2 }, 'remark.ngrams'],
    ['another script', { ...calm, words: cyrillic, share: 0.2 }, 'remark.encoding'],
    ['broken bytes', { ...calm, words: broken, share: 0.2 }, 'remark.encoding'],
    ['longer words', { ...calm, words: words.map((word) => word.repeat(3)), share: 0.5 }, 'remark.length'],
    ['numbers leave their plane', { ...calm, bend: 1 }, 'words.residual'],
  ])('%s: %s', (_, world, field) => {
    expect(drifted(judged(rows(31, 1_000, world)))).toContain(field);
  });
});

function criticalOf(all: readonly drift.FieldDrift[]): number {
  return all.find(({ field }) => field === 'remark.ngrams')?.psiCritical ?? Infinity;
}
