import { outcomes, topics, type rollout } from '@everloop/contracts';
import { eventually } from '@everloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { drawArm } from '@everloop/stats';
import { textParameter } from '../src/domain/parameters.ts';
import { trip } from './fixtures.ts';
import { challenger, setUp, shadow, type Harness } from './harness.ts';

const harnesses: Harness[] = [];

async function serving(fields: Partial<rollout.Route>, ...overrides: Parameters<typeof setUp>): Promise<Harness> {
  const harness = setUp(...overrides);
  harnesses.push(harness);
  await harness.start();
  await inForce(harness, fields);
  return harness;
}

async function inForce(harness: Harness, fields: Partial<rollout.Route>): Promise<void> {
  await harness.route(fields);
  await eventually(() => revisionOf(harness) === (fields.revision ?? '1'));
}

const revisionOf = (harness: Harness) =>
  harness.gateway.service.modelMetadata({ name: 'delay', version: '' }).properties['policy_revision'];

const served = (harness: Harness) =>
  harness.records.filter(({ stream }) => stream === 'served').map(({ inference }) => inference);

afterEach(async () => {
  for (const harness of harnesses.splice(0)) await harness.stop();
});

describe('the version of a request', () => {
  it('is that of an earlier answer where the client sends its route back', async () => {
    const harness = await serving({ challengers: [challenger('2', 1)] });
    const first = await harness.infer({ id: 'a' });
    expect(first.parameters['x-everloop-route']).toEqual(textParameter(':delay_2:'));
    await inForce(harness, { revision: '2', challengers: [{ version: '2', ranges: [] }] });
    for (const key of ['x-everloop-route', 'x-seldon-route'])
      await harness.infer({ id: key, parameters: { [key]: textParameter(':delay_2:') } });
    await harness.infer({ id: 'b', parameters: { 'x-everloop-route': textParameter(':delay_7:') } });
    expect(served(harness).map(({ arm, modelVersion, learn }) => [arm, modelVersion, learn])).toEqual([
      ['canary', '2', true],
      ['sticky', '2', false],
      ['sticky', '2', false],
      ['champion', '1', true],
    ]);
  });

  it('is logged with the division that drew it, also when it is asked again under another', async () => {
    const harness = await serving({ challengers: [challenger('2', 1)] });
    await harness.infer({ id: 'a' });
    await inForce(harness, { revision: '2', challengers: [challenger('2', 0.5)] });
    await harness.infer({ id: 'a' });
    await harness.infer({ id: 'b' });
    await harness.infer({ id: 'c', modelVersion: '2' });
    const rangeOf = (inference: ReturnType<typeof served>[number]) => inference.draw?.challengers[0]?.ranges[0]?.to;
    expect(served(harness).map(rangeOf)).toEqual([1_000_000, 1_000_000, 500_000, undefined]);
    expect(served(harness)[0]?.draw).toMatchObject({ salt: 'delay/2', championVersion: '1' });
  });

  it('is that of the target that holds, whose name is in the answer', async () => {
    const targets = [{ name: 'short', cel: "record.distance < 101.0 || record.unit == 'u'", version: '4' }];
    const harness = await serving({ targets });
    const answer = await harness.infer({ id: 'a' });
    expect(answer.parameters).toMatchObject({ target: textParameter('short'), arm: textParameter('targeted') });
    await harness.infer({ id: 'b', inputs: trip('T1', 'T2') });
    await harness.infer({ id: 'c', inputs: trip('T1', 'T2'), parameters: { unit_id: textParameter('u') } });
    expect(served(harness).map(({ modelVersion, unit }) => `${modelVersion} ${unit}`)).toEqual([
      '4 a',
      '1 b',
      '1 b',
      '4 u',
      '4 u',
    ]);
  });

  it('stays for a request that is asked again, whatever the route has become, until it is gone', async () => {
    const harness = await serving({ challengers: [challenger('2', 1)] });
    await harness.infer({ id: 'a' });
    await inForce(harness, { revision: '2', championVersion: '3', standbyVersions: ['2'] });
    expect((await harness.infer({ id: 'a' })).modelVersion).toBe('2');
    expect((await harness.infer({ id: 'b' })).modelVersion).toBe('3');
    await inForce(harness, { revision: '3', championVersion: '3' });
    expect((await harness.infer({ id: 'a' })).modelVersion).toBe('3');
    expect(
      new Set(
        served(harness)
          .filter(({ requestId }) => requestId === 'a')
          .map((r) => r.decisionId),
      ).size,
    ).toBe(1);
  });

  it('stays the champion for a request whose challenger has failed once', async () => {
    const harness = await serving({ challengers: [challenger('2', 1)] });
    const { score } = harness.runner;
    harness.runner.score = (version, batch) =>
      version === '2' ? Promise.reject(new Error('broken')) : score(version, batch);
    await harness.infer({ id: 'a' });
    harness.runner.score = score;
    expect((await harness.infer({ id: 'a' })).parameters['arm']).toEqual(textParameter('fallback'));
    expect(
      served(harness).map(({ arm, intendedArm, intendedVersion, learn }) => ({
        ...{ arm, intendedArm, intendedVersion, learn },
      })),
    ).toEqual(Array(2).fill({ arm: 'fallback', intendedArm: 'canary', intendedVersion: '2', learn: false }));
  });

  it('is never another one when it was named: its failure is the answer', async () => {
    const harness = await serving({ challengers: [challenger('2', 1)] });
    harness.runner.score = () => Promise.reject(new Error('broken'));
    await expect(harness.infer({ modelVersion: '2' })).rejects.toMatchObject({ code: 'EVL_GATEWAY_RUN_FAILED' });
    expect(harness.records).toEqual([]);
  });
});

describe('exploration', () => {
  const exploration = {
    ...{ policy: 'epsilon-greedy', versions: ['1', '2'] },
    ...{ epsilon: 0.2, floor: 0, halfAt: 0, warmUp: 10 },
  };
  const earned = (harness: Harness, arm: string, matured: number, reward: number) =>
    harness.bus.give(
      topics.armStats,
      outcomes.ArmStats.toJSON({
        ...{ model: 'delay', partition: 0, arm, matured },
        ...{ rewardNano: reward * 1e9, rewardSquaredMicro: reward * 1e6, basis: '' },
      }),
    );

  it('draws by what the arms have earned, says how probable it was, and logs what draws it again', async () => {
    const harness = setUp();
    harnesses.push(harness);
    await earned(harness, '1', 100, 20);
    await earned(harness, '2', 100, 80);
    await harness.start();
    await inForce(harness, { exploration, challengers: [challenger('3', 0.5)] });
    for (let n = 0; n < 200; n += 1) await harness.infer({ id: `r${n}` });
    const drawn = served(harness).filter(({ modelVersion }) => modelVersion !== '3');
    expect(drawn.length).toBeGreaterThan(60);
    const best = drawn.filter(({ modelVersion }) => modelVersion === '2');
    expect(best.length / drawn.length).toBeGreaterThan(0.8);
    for (const record of drawn) {
      expect(record.propensity).toBeCloseTo(0.5 * (record.modelVersion === '2' ? 0.9 : 0.1), 12);
      expect(record.explore).toBe(record.modelVersion === '1');
      expect(record).toMatchObject({ learn: true, arms: ['1', '2'], epsilon: 0.2 });
      expect(record.arms[drawArm('explore', record.seed, record.pmf)]).toBe(record.modelVersion);
    }
    const other = served(harness).find(({ modelVersion }) => modelVersion === '3');
    expect(other).toMatchObject({ arms: [], pmf: [], seed: '', propensity: 0.5, learn: true });
  });

  it('is the same decision in another replica, and all are equal until each arm is warm', async () => {
    const [one, two] = [await serving({ exploration }), await serving({ exploration })];
    for (const harness of [one, two]) {
      await earned(harness, '1', 100, 90);
      await earned(harness, '2', 9, 0);
      for (let n = 0; n < 50; n += 1) await harness.infer({ id: `r${n}` });
    }
    const versions = (harness: Harness) => served(harness).map(({ modelVersion }) => modelVersion);
    expect(versions(two)).toEqual(versions(one));
    expect(served(one)[0]).toMatchObject({ pmf: [0.5, 0.5], epsilon: 1 });
    const answer = await one.infer({ id: 'r0' });
    expect(answer.parameters).toMatchObject({
      propensity: { parameterChoice: { value: 0.5 } },
      explore: { parameterChoice: { value: served(one)[0]?.explore } },
    });
  });

  it('falls back to the champion when an explored version fails, which nobody may learn from', async () => {
    const harness = await serving({ exploration });
    const { score } = harness.runner;
    harness.runner.score = (version, batch) =>
      version === '2' ? Promise.reject(new Error('broken')) : score(version, batch);
    for (let n = 0; n < 20; n += 1) await harness.infer({ id: `r${n}` });
    const fallbacks = served(harness).filter(({ arm }) => arm === 'fallback');
    expect(fallbacks.length).toBeGreaterThan(0);
    expect(fallbacks[0]).toMatchObject({
      learn: false,
      propensity: 0,
      intendedVersion: '2',
      modelVersion: '1',
      // How the one that failed was drawn, so that it can be drawn again.
      arms: ['1', '2'],
    });
  });
});

describe('a change of route', () => {
  it('drops no call: 200 swaps under load, each call has one version that was in force', async () => {
    const harness = await serving({ championVersion: '1', standbyVersions: ['2'] }, { inFlightRowsMax: 5_000 });
    const { score } = harness.runner;
    harness.runner.score = async (version, batch) => {
      await Promise.resolve();
      return score(version, batch);
    };
    const championOf = (revision: number) => (revision % 2 === 0 ? '2' : '1');
    const calls: Promise<void>[] = [];
    const call = async (id: string): Promise<void> => {
      const from = Number(revisionOf(harness));
      const answer = await harness.infer({ id });
      const to = Number(revisionOf(harness));
      const revision = answer.parameters['policy_version']?.parameterChoice?.value;
      expect(Number(revision)).toBeGreaterThanOrEqual(from);
      expect(Number(revision)).toBeLessThanOrEqual(to);
      expect(answer.modelVersion).toBe(championOf(Number(revision)));
      expect(answer.outputs[0]?.contents?.fp32Contents).toEqual([Number(answer.modelVersion) / 10]);
    };
    for (let revision = 2; revision <= 201; revision += 1) {
      for (let n = 0; n < 5; n += 1) calls.push(call(`${revision}-${n}`));
      await harness.route({
        revision: String(revision),
        championVersion: championOf(revision),
        standbyVersions: [championOf(revision + 1)],
      });
    }
    await Promise.all(calls);
    await eventually(() => revisionOf(harness) === '201');
    expect(served(harness)).toHaveLength(1_000);
    expect(harness.runner.versions).toEqual(['1', '2']);
  });

  it('takes a version that stands by without loading it, and the way back too', async () => {
    const harness = await serving({ standbyVersions: ['2'] });
    const loads: string[] = [];
    harness.runner.onLoad = (digest) => void loads.push(digest);
    await inForce(harness, { revision: '2', championVersion: '2', standbyVersions: ['1'] });
    expect((await harness.infer({ id: 'a' })).modelVersion).toBe('2');
    await inForce(harness, { revision: '3', championVersion: '1', standbyVersions: ['2'] });
    expect((await harness.infer({ id: 'b' })).modelVersion).toBe('1');
    expect(loads).toEqual([]);
  });
});

describe('shadows', () => {
  it('are any number, each with its share of the units, and are compared with the answer', async () => {
    const harness = await serving({ shadows: [shadow('2', 1, 0.5), shadow('4', 1, 0.1), shadow('5', 0.4)] });
    for (let n = 0; n < 50; n += 1) await harness.infer({ id: `r${n}` });
    const shadowed = () => harness.records.filter(({ stream }) => stream === 'shadowed').map((r) => r.inference);
    await eventually(() => shadowed().filter(({ modelVersion }) => modelVersion !== '5').length === 100);
    const five = shadowed().filter(({ modelVersion }) => modelVersion === '5');
    expect(five.length).toBeGreaterThan(8);
    expect(five.length).toBeLessThan(32);
    expect(five[0]).toMatchObject({ arm: 'shadow', propensity: 0.4, learn: false });
    expect(await harness.metric('everloop_gateway_shadow_compared_rows')).toMatchObject({
      'delay 2': 50,
      'delay 4': 50,
    });
    const [mean, over] = await Promise.all(
      ['difference_mean_score', 'over_tolerance_ratio'].map((name) =>
        harness.metric(`everloop_gateway_shadow_${name}`),
      ),
    );
    expect(mean?.['delay 4']).toBeCloseTo(0.3, 9);
    expect(over?.['delay 4']).toBe(1);
    expect(over?.['delay 2'] ?? 0).toBe(0);
    await inForce(harness, { revision: '2', shadows: [shadow('2')] });
    expect(await harness.metric('everloop_gateway_shadow_compared_rows')).toEqual({ 'delay 2': 50 });
  });
});
