import type { GateAction, GatedField, inference, ModelSpec } from '@everloop/contracts';
import { eventually } from '@everloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { resourcesFor, spec, trip } from './fixtures.ts';
import { challenger, setUp, shadow, type Harness } from './harness.ts';

const harnesses: Harness[] = [];
afterEach(async () => {
  for (const harness of harnesses.splice(0)) await harness.stop();
});

const request: readonly GatedField[] = spec.request.map((field) =>
  field.name === 'origin' ? { ...field, values: 'training', default: 'JFK' } : field,
);
const rejects = { missing: 'reject', notFinite: 'reject', outOfRange: 'reject', unseen: 'reject' } as const;
const modelThat = (unseen: GateAction): ModelSpec => ({ ...spec, request, gate: { ...rejects, unseen } });

/** A gateway with model `delay`, whose versions were trained with the given origins. */
function withOrigins(model: ModelSpec, origins: Readonly<Record<string, readonly string[]>>): Harness {
  const harness = setUp({}, resourcesFor(model, 'conditions'));
  harnesses.push(harness);
  harness.versions.categories = Object.fromEntries(
    Object.entries(origins).map(([version, origin]) => [version, { origin }]),
  );
  return harness;
}

async function serve(harness: Harness, route: Parameters<Harness['route']>[0] = {}): Promise<Harness> {
  await harness.start();
  await harness.route(route);
  await eventually(() => harness.gateway.service.modelReady({ name: 'delay', version: '1' }).ready);
  return harness;
}

const served = (unseen: GateAction, origins: Readonly<Record<string, readonly string[]>>, route = {}) =>
  serve(withOrigins(modelThat(unseen), origins), route);

/** Rows of the given origins. */
const from = (...origins: string[]): Partial<inference.ModelInferRequest> => ({
  inputs: trip(...origins.map((_, n) => `T${n}`)).map((tensor) =>
    tensor.name === 'origin'
      ? { ...tensor, contents: { bytesContents: origins.map((text) => Buffer.from(text)) } }
      : tensor,
  ) as inference.ModelInferRequest['inputs'],
});

function said({ parameters }: inference.ModelInferResponse, name: string): unknown {
  return parameters[name]?.parameterChoice?.value;
}

const categoriesRun = (harness: Harness) =>
  harness.runner.runs.map(({ version, batch }) => [version, batch.categories]);

describe('values: training', () => {
  it('lets through what the version was trained with', async () => {
    const harness = await served('reject', { '1': ['EWR', 'JFK'] });
    expect(said(await harness.infer(from('EWR', 'JFK')), 'verdict')).toBe('accept');
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay accept': 1 });
  });

  it('refuses what it was not, with every reason; nothing runs or is logged, and it is counted once', async () => {
    const harness = await served('reject', { '1': ['EWR'] });
    await expect(harness.infer(from('EWR', 'LGA', 'SFO'))).rejects.toMatchObject({
      code: 'EVL_GATEWAY_REQUEST_INVALID',
      reasons: ['LGA', 'SFO'].map(
        (origin, n) =>
          `field 'origin' row ${n + 1} is "${origin}", which is none of the 1 values that version 1 was trained with`,
      ),
    });
    expect([harness.runner.runs, harness.records]).toEqual([[], []]);
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay reject': 1 });
    expect(await harness.metric('everloop_gateway_gate_findings_total')).toEqual({ 'delay origin unseen reject': 2 });
  });

  it.each<[GateAction, string[], string[]]>([
    ['flag', ['EWR', 'LGA'], ['EWR', 'LGA']],
    ['impute', ['EWR', ''], ['EWR']],
    ['default', ['EWR', 'JFK'], ['EWR', 'JFK']],
  ])('%s: the model sees it, its features are read for it, answer and log say so', async (action, seen, keys) => {
    const harness = await served(action, { '1': ['EWR', 'JFK'] });
    let read: readonly string[] = [];
    harness.store.online = {
      mgetBuffer: (asked) => {
        read = asked;
        return Promise.resolve(asked.map(() => null));
      },
    };
    const answer = await harness.infer(from('EWR', 'LGA'));
    const finding = `origin row 1: unseen "LGA", ${action}`;
    expect([said(answer, 'verdict'), said(answer, 'gate_findings')]).toEqual([action, finding]);
    expect(categoriesRun(harness)).toEqual([['1', seen]]);
    expect(read.map((key) => key.split(':').at(-1))).toEqual(keys);
    expect(harness.records.map(({ inference: { verdict, gateFindings } }) => [verdict, gateFindings])).toEqual([
      ['accept', []],
      [action, [finding]],
    ]);
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ [`delay ${action}`]: 1 });
    expect(await harness.metric('everloop_gateway_gate_findings_total')).toEqual({
      [`delay origin unseen ${action}`]: 1,
    });
  });

  it('says what the gate of the model found beside it', async () => {
    const both = {
      ...modelThat('flag'),
      request: request.map((field) => ({
        ...field,
        ...(field.name === 'distance' ? { max: 100, gate: { outOfRange: 'default' as const }, default: 7 } : {}),
      })),
    };
    const harness = await serve(withOrigins(both, { '1': ['JFK'] }));
    const answer = await harness.infer(from('JFK', 'LGA'));
    expect([said(answer, 'verdict'), said(answer, 'gate_findings')]).toEqual([
      'default',
      'distance row 1: outOfRange 101, default; origin row 1: unseen "LGA", flag',
    ]);
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay default': 1 });
  });

  it('does not ask for the action that a model chooses itself: a new one has to be tried', async () => {
    const choose = { input: 'origin', actions: ['EWR', 'LGA'], epsilon: 0, floor: 0, halfAt: 0, warmUp: 0 };
    const place = { name: 'place', type: 'string', values: 'training' } as const;
    const chooses: ModelSpec = {
      ...modelThat('reject'),
      request: [...spec.request, place],
      inputs: [...spec.inputs, { name: 'place', type: 'category', from: 'request.place' }],
      choose,
    };
    const harness = withOrigins(chooses, {});
    harness.runner.shape = { nNumeric: 2, nCategories: 2 };
    harness.versions.categories = { '1': { place: ['here'] } };
    await serve(harness);
    const predict = (where: string) =>
      harness.gateway.serving.predict({
        ...{ model: 'delay', version: '', id: '', unit: '', route: '', explain: false },
        features: { trip: 'T', distance: 3, place: where },
      });
    expect(await predict('here')).toMatchObject({ verdict: 'accept' });
    await expect(predict('there')).rejects.toMatchObject({ code: 'EVL_GATEWAY_REQUEST_INVALID' });
  });
});

describe('values: training, where several versions serve', () => {
  const half = { challengers: [challenger('2', 1)] };

  it('asks the version that was chosen, not the champion', async () => {
    const harness = await served('reject', { '1': ['EWR'], '2': ['LGA'] }, half);
    expect((await harness.infer(from('LGA'))).modelVersion).toBe('2');
  });

  it('has the champion answer where only the challenger would refuse, excluded from learning', async () => {
    const harness = await served('reject', { '1': ['LGA'], '2': ['EWR'] }, half);
    for (let again = 0; again < 2; again += 1) {
      const answer = await harness.infer(from('LGA'));
      const facts = ['arm', 'fallback_from', 'arm_intended', 'verdict'].map((name) => said(answer, name));
      expect([answer.modelVersion, ...facts]).toEqual(['1', 'fallback', '2', 'canary', 'accept']);
    }
    expect(categoriesRun(harness).map(([version]) => version)).toEqual(['1', '1']);
    expect(harness.records[0]?.inference).toMatchObject({ learn: false, propensity: 0, intendedVersion: '2' });
    // Asked again with its id, the request has its answerer already.
    expect(await harness.metric('everloop_gateway_fallbacks_total')).toEqual({ delay: 1 });
    expect(JSON.stringify(harness.logLines)).toMatch(/EVL_GATEWAY_CATEGORY_UNSEEN.*version 2 of delay would refuse/);
  });

  it('refuses what the champion would refuse too, once and as a fault of the request', async () => {
    const harness = await served('reject', { '1': ['LGA'], '2': ['EWR'] }, half);
    await expect(harness.infer(from('SFO'))).rejects.toMatchObject({
      reasons: [expect.stringContaining('version 1 was trained with')],
    });
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay reject': 1 });
    expect(await harness.metric('everloop_gateway_fallbacks_total')).toEqual({});
  });

  it('refuses for a version that the request names', async () => {
    const harness = await served('reject', { '1': ['LGA'], '2': ['EWR'] }, half);
    await expect(harness.infer({ ...from('LGA'), modelVersion: '2' })).rejects.toMatchObject({
      code: 'EVL_GATEWAY_REQUEST_INVALID',
    });
  });

  it('never refuses for a champion that answers since its challenger failed: it is flagged', async () => {
    const harness = await served('reject', { '1': ['EWR'], '2': ['LGA'] }, half);
    const { score } = harness.runner;
    harness.runner.score = (version, batch) =>
      version === '2' ? Promise.reject(new Error('broken')) : score(version, batch);
    const answer = await harness.infer(from('LGA'));
    expect(['arm', 'verdict', 'gate_findings'].map((name) => said(answer, name))).toEqual([
      'fallback',
      'flag',
      'origin row 0: unseen "LGA", flag',
    ]);
    expect(harness.records[0]?.inference).toMatchObject({ verdict: 'flag', modelVersion: '1' });
    expect(await harness.metric('everloop_gateway_verdicts_total')).toEqual({ 'delay flag': 1 });
  });

  it('does not ask shadows, which see what the answer was made of', async () => {
    const harness = await served('impute', { '1': ['EWR'], '3': ['LGA'] }, { shadows: [shadow('3')] });
    await harness.infer(from('LGA'));
    await eventually(() => harness.records.length === 2);
    expect(categoriesRun(harness)).toEqual([
      ['1', ['']],
      ['3', ['']],
    ]);
    expect(harness.records.map(({ inference: { verdict } }) => verdict)).toEqual(['impute', 'impute']);
  });
});

describe('a version that does not say what it was trained with', () => {
  const many = Array.from({ length: 10_001 }, (_, n) => `o${n}`);

  it.each<[string, Harness['versions']['categories'], RegExp]>([
    ['has no categories', {}, /registered without categories.json/],
    ['has none of the field', { '1': { carrier: ['UA'] } }, /has nothing of field 'origin'/],
    ['had too many of them', { '1': { origin: many } }, /field 'origin' had 10001 categories, too many to keep/],
  ])('is not served: it %s', async (_name, categories, why) => {
    const harness = withOrigins(modelThat('flag'), {});
    harness.versions.categories = categories;
    await harness.start();
    await harness.route({});
    await harness.gateway.service.repositoryModelLoad({ modelName: 'delay', parameters: {} }).catch(() => undefined);
    await expect(harness.infer()).rejects.toMatchObject({ code: 'EVL_GATEWAY_NO_VERSION' });
    const log = JSON.stringify(harness.logLines);
    expect(log).toMatch(/EVL_GATEWAY_CATEGORIES_MISSING/);
    expect(log).toMatch(why);
    expect(harness.runner.versions).toEqual([]);
  });

  it('leaves its share to the champion, and the route incomplete', async () => {
    const harness = await served('reject', { '1': ['EWR'] }, { challengers: [challenger('2', 1)] });
    expect((await harness.infer(from('EWR'))).modelVersion).toBe('1');
    await harness.gateway.service.repositoryModelLoad({ modelName: 'delay', parameters: {} }).then(
      () => expect.fail('was loaded'),
      (error: unknown) => expect(error).toMatchObject({ code: 'EVL_GATEWAY_LOAD_FAILED' }),
    );
  });

  it('is served by a Model that lists values itself, and nothing of it is read', async () => {
    const listed = request.map((field) => (field.name === 'origin' ? { ...field, values: ['EWR', 'JFK'] } : field));
    const harness = await serve(withOrigins({ ...modelThat('reject'), request: listed }, {}));
    expect(said(await harness.infer(from('EWR')), 'verdict')).toBe('accept');
    await expect(harness.infer(from('LGA'))).rejects.toMatchObject({ code: 'EVL_GATEWAY_REQUEST_INVALID' });
  });
});
