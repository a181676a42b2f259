import { describe, expect, it } from 'vitest';
import { outcomes, rollout, topics, training, type RolloutSpec } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext } from '@everloop/kafka';
import { createController } from './controller.ts';

const dayMs = 86_400_000;
const spec: RolloutSpec = {
  model: 'm',
  steps: [{ weight: 0.2, holdMs: dayMs }],
  minOutcomes: 10,
  maxLogLossExcess: 0.05,
  maxHoldMs: 5 * dayMs,
  shadowFirst: true,
};

function setUp() {
  const stages: string[] = [];
  const emitted: OutRecord[] = [];
  const controller = createController({
    rolloutOf: (model) => (model === 'm' ? spec : undefined),
    stages: { setStage: async ({ version, stage }) => void stages.push(`${version} ${stage}`) },
    telemetry: {
      stepTaken: () => undefined,
      routeSet: () => undefined,
      rolloutMissing: () => undefined,
      registryAway: () => undefined,
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
  const settle = (modelVersion: string, arm: string, day: number) =>
    give(
      topics.outcomeStats,
      outcomes.OutcomeStats.toJSON(
        outcomes.OutcomeStats.fromPartial({
          model: 'm',
          modelVersion,
          arm,
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
  return { controller, context, approve, settle, stages, emitted, routes };
}

describe('controller', () => {
  it('takes a version from approval over a canary to promotion, with the first one as shadow from then on', async () => {
    const { controller, context, approve, settle, stages, routes } = setUp();
    await approve('1', dayMs);
    await controller.onWatermark?.(dayMs, context(false));
    await approve('2', 2 * dayMs);
    await approve('3', 2 * dayMs, 'rejected');
    await controller.onWatermark?.(2 * dayMs, context(false));
    await settle('2', 'canary', 2);
    await settle('1', 'champion', 2);
    await controller.onWatermark?.(3 * dayMs, context(false));
    expect(stages).toEqual(['1 production', '2 production']);
    expect(routes()).toMatchObject([
      { revision: '1', championVersion: '1', canaryVersion: '', shadowVersions: [] },
      { revision: '2', championVersion: '1', canaryVersion: '2', canaryWeight: 0.2, shadowVersions: [], salt: 'm/2' },
      { revision: '3', championVersion: '2', canaryVersion: '', canaryWeight: 0, shadowVersions: ['1'] },
    ]);
  });

  it('rebuilds its state from the log without repeating an effect', async () => {
    const { controller, context, approve, stages, emitted, routes } = setUp();
    await approve('1', dayMs);
    await controller.onWatermark?.(dayMs, context(true));
    expect({ stages, emitted }).toEqual({ stages: [], emitted: [] });
    await approve('2', 2 * dayMs);
    await controller.onWatermark?.(2 * dayMs, context(false));
    expect(routes()).toMatchObject([{ revision: '2', championVersion: '1', canaryVersion: '2' }]);
  });
});
