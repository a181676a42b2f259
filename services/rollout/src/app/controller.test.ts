import { describe, expect, it } from 'vitest';
import { challengerWeight, outcomes, rollout, topics, training, type RolloutSpec } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createController } from './controller.ts';

const dayMs = 86_400_000;
const spec: RolloutSpec = {
  model: 'm',
  strategy: 'canary',
  challengers: [],
  targets: [],
  shadows: [],
  steps: [{ weight: 0.2, holdMs: dayMs }],
  minOutcomes: 10,
  maxLogLossExcess: 0.05,
  maxHoldMs: 5 * dayMs,
  shadowFirst: true,
};

function setUp(published?: rollout.Route) {
  let applied = spec;
  const stages: string[] = [];
  const emitted: OutRecord[] = [];
  const held = new Map<string, boolean>();
  const controller = createController({
    rolloutOf: (model) => (model === 'm' ? applied : undefined),
    routeOf: () => published,
    stages: { setStage: async ({ version, stage }) => void stages.push(`${version} ${stage}`) },
    telemetry: {
      stepTaken: () => undefined,
      routeSet: () => undefined,
      rolloutMissing: () => undefined,
      registryAway: () => undefined,
      trialSeen: (model, isHeld) => void held.set(model, isHeld),
      trialsGone: () => held.clear(),
    },
  });
  const context = (replaying: boolean): TaskContext => ({
    partition: 0,
    replaying,
    emit: (record) => void emitted.push(record),
    emitWatermark: () => undefined,
  });
  const give = (topic: string, data: unknown) => {
    const record: BusRecord = {
      topic,
      partition: 0,
      offset: 0n,
      key: null,
      value: Buffer.from(JSON.stringify(data)),
      headers: {},
      timestampMs: 0,
    };
    return controller.onRecords({ topic, partition: 0, records: [record] }, context(false));
  };
  const approve = (version: string, eventTimeMs: number, versionStage = 'approved') =>
    give(
      topics.trainingJob,
      training.JobEvent.toJSON(
        training.JobEvent.fromPartial({
          model: 'm',
          version,
          versionStage,
          eventTimeMs,
          state: training.JobState.SUCCEEDED,
        }),
      ),
    );
  const settle = (modelVersion: string, arm: string, day: number, slice = '') =>
    give(
      topics.outcomeStats,
      outcomes.OutcomeStats.toJSON(
        outcomes.OutcomeStats.fromPartial({
          model: 'm',
          modelVersion,
          arm,
          slice,
          dayMs: day * dayMs,
          labelled: 10,
          logLossNano: 4e9,
        }),
      ),
    );
  const routes = () =>
    emitted
      .filter((record) => record.topic === topics.route)
      .map((record) => rollout.Route.fromJSON(JSON.parse(String(record.value))));
  const apply = (change: Partial<RolloutSpec>): void => {
    applied = { ...spec, ...change };
  };
  return { apply, controller, context, approve, settle, stages, emitted, routes, held };
}

describe('controller', () => {
  it('takes a version from approval over a canary to promotion, with the first one as shadow from then on', async () => {
    const { controller, context, approve, settle, stages, routes } = setUp();
    await approve('1', dayMs);
    await controller.onWatermark?.(dayMs, context(false));
    await approve('2', 2 * dayMs);
    await approve('3', 2 * dayMs, 'rejected');
    await controller.onWatermark?.(2 * dayMs, context(false));
    // Slices are parts of what is counted already.
    await settle('2', 'canary', 2, 'north');
    await settle('1', 'champion', 2, 'north');
    await controller.onWatermark?.(2.5 * dayMs, context(false));
    expect(stages).toEqual(['1 production']);
    await settle('2', 'canary', 2);
    await settle('1', 'champion', 2);
    await controller.onWatermark?.(3 * dayMs, context(false));
    expect(stages).toEqual(['1 production', '2 production']);
    expect(routes()).toMatchObject([
      { revision: '1', championVersion: '1', challengers: [], shadows: [], salt: 'm' },
      { revision: '2', championVersion: '1', challengers: [{ version: '2' }], shadows: [], salt: 'm' },
      { revision: '3', championVersion: '2', challengers: [], shadows: [{ version: '1', share: 1 }], salt: 'm' },
    ]);
    expect(routes().map(({ challengers }) => challengers.map(challengerWeight))).toEqual([[], [0.2], []]);
  });

  it('rebuilds its state from the log without repeating an effect', async () => {
    const before = rollout.Route.fromPartial({ model: 'm', revision: '7', championVersion: '1', salt: 'm' });
    const { controller, context, approve, stages, emitted, routes } = setUp(before);
    await approve('1', dayMs);
    await controller.onWatermark?.(dayMs, context(true));
    expect({ stages, emitted }).toEqual({ stages: [], emitted: [] });
    await approve('2', 2 * dayMs);
    await controller.onWatermark?.(2 * dayMs, context(false));
    expect(routes()).toMatchObject([{ revision: '8', championVersion: '1', challengers: [{ version: '2' }] }]);
  });

  it('tells of a trial that is held, also after a restart, until it ends or another process has it', async () => {
    const { controller, context, approve, settle, held } = setUp();
    await approve('1', dayMs);
    await controller.onWatermark?.(dayMs, context(true));
    await approve('2', 2 * dayMs);
    await controller.onWatermark?.(2 * dayMs, context(true));
    expect([...held]).toEqual([['m', false]]);
    await controller.onWatermark?.(3 * dayMs, context(true));
    expect([...held]).toEqual([['m', true]]);
    await settle('2', 'canary', 2);
    await settle('1', 'champion', 2);
    await controller.onWatermark?.(4 * dayMs, context(false));
    expect([...held]).toEqual([['m', false]]);
    controller.settled?.(true);
    expect(held.size).toBe(1);
    controller.settled?.(false);
    expect(held.size).toBe(0);
  });

  it('writes a route when the Rollout changes, and none when nothing does', async () => {
    const { apply, controller, context, approve, routes, stages } = setUp();
    await approve('1', dayMs);
    const tick = async (day: number): Promise<void> => controller.onWatermark?.(day * dayMs, context(false));
    await tick(1);
    await tick(2);
    const standing = {
      challengers: [{ version: '4', weight: 0.25 }],
      shadows: [{ version: '5', share: 0.5, tolerance: 0 }],
    };
    apply(standing);
    await tick(3);
    await tick(4);
    apply({ ...standing, champion: '3' });
    await tick(5);
    apply({});
    await tick(6);
    expect(
      routes().map(({ revision, championVersion, standbyVersions, eventTimeMs }) => ({
        ...{ revision, championVersion, standbyVersions, day: eventTimeMs / dayMs },
      })),
    ).toEqual([
      { revision: '1', championVersion: '1', standbyVersions: [], day: 1 },
      { revision: '2', championVersion: '1', standbyVersions: [], day: 3 },
      { revision: '3', championVersion: '3', standbyVersions: ['1'], day: 5 },
      { revision: '4', championVersion: '1', standbyVersions: [], day: 6 },
    ]);
    expect(routes()[2]?.challengers).toEqual(routes()[1]?.challengers);
    expect(stages).toEqual(['1 production']);
  });
});
