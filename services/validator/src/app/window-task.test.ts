import { qualityTypes, quality, topics } from '@everloop/contracts';
import type { BusRecord, OutRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';
import { hourMs, rule, sourceSpec, windowSpec } from '../../test/quality-fixtures.ts';
import type { QualityTelemetry } from '../quality-telemetry.ts';
import { createPaneWriter } from './pane-writer.ts';
import { createWindowTask } from './window-task.ts';

const spec = sourceSpec('t', [windowSpec([rule({ name: 'no_x', check: 'missing', columns: ['x'], max: 0.5 })])]);

function telemetry(told: unknown[] = []): QualityTelemetry {
  return {
    windowJudged: ({ startMs }, { isNew }) => void told.push(['window', startMs, isNew]),
    holdChanged: ({ state }) => void told.push(['hold', state]),
    holdOpen: () => undefined,
    late: (_source, rows) => void told.push(['late', rows]),
    newest: () => undefined,
    unreadable: (_source, offset) => void told.push(['unreadable', offset]),
  };
}

function recording(replaying = false) {
  const records: OutRecord[] = [];
  const markers: [string, number][] = [];
  const context: TaskContext = {
    ...{ partition: 0, replaying },
    emit: (record) => {
      if (!replaying) records.push(record);
    },
    emitWatermark: (topic, watermarkMs) => void markers.push([topic, watermarkMs]),
  };
  return { context, records, markers };
}

function asRead(records: readonly OutRecord[], from = 0): BusRecord[] {
  return records.map(({ topic, key, value, headers = {} }, i) => ({
    ...{ topic, partition: 0, offset: BigInt(from + i), timestampMs: 0, headers },
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }));
}

/** What the validator of one partition writes for hours with so many missing values of ten. */
async function panesOf(hours: readonly number[]): Promise<BusRecord[]> {
  const { context, records } = recording();
  const writer = createPaneWriter('s', () => ({ revision: 3, spec }));
  const handler = writer.around({
    onRecords: (batch) => {
      for (const each of batch.records) {
        const record = JSON.parse(String(each.value)) as { at: number };
        writer.observe(each, { kind: 'valid', record, timeMs: record.at });
      }
    },
  });
  for (const [hour, missing] of hours.entries()) {
    const values = Array.from({ length: 10 }, (_, i) => ({
      id: `k${i}`,
      at: hour * hourMs + i,
      ...(i < missing ? {} : { x: i }),
    }));
    const out = values.map((value) => ({ topic: 't', key: 'k', value: JSON.stringify(value) }));
    await handler.onRecords({ topic: 't', partition: 0, records: asRead(out, hour * 10) }, context);
  }
  return asRead(records);
}

const batch = (records: readonly BusRecord[]) => ({ topic: 't.quality', partition: 0, records });
const holdsOf = (records: readonly OutRecord[]) =>
  records
    .filter(({ topic, key }) => topic === topics.qualityHold && !String(key).startsWith('judged/'))
    .map(({ value }) => quality.Hold.fromJSON(JSON.parse(String(value))));
const shown = (records: readonly OutRecord[]) =>
  records.map(({ topic, key }) => `${topic.split('.')[2] ?? topic} ${String(key).slice(0, 8)}`);

async function give(
  task: TaskHandler,
  records: readonly BusRecord[],
  context: TaskContext,
  watermarkMs: number,
): Promise<void> {
  await task.onRecords(batch(records), context);
  await task.onWatermark?.(watermarkMs, context);
}

describe('the panes of a validator', () => {
  it('come after the rules they follow, which are written once for each revision', async () => {
    const records = await panesOf([0, 1]);
    const types = records.map(({ headers }) => headers['ce_type']);
    expect(types).toEqual([qualityTypes.definition, qualityTypes.pane, qualityTypes.pane]);
    expect(new Set(records.map(({ headers }) => headers['ce_id'])).size).toBe(3);
  });

  it('cost nothing without rules, say once when rules go, and pass watermarks on', async () => {
    let windows = spec.windows ?? [];
    let revision = 1;
    const { context, records, markers } = recording();
    const inner: TaskHandler = { onRecords: () => undefined, onWatermark: (ms, to) => to.emitWatermark('t.valid', ms) };
    const handler = createPaneWriter('s', () => ({ revision, spec: { ...spec, windows } })).around(inner);
    await handler.onWatermark?.(5, context);
    [windows, revision] = [[], 2];
    await handler.onWatermark?.(6, context);
    await handler.onRecords(batch([]), context);
    expect(markers).toEqual([
      ['t.valid', 5],
      ['t.quality', 5],
      ['t.valid', 6],
    ]);
    expect(records).toHaveLength(2);
    const silent = recording();
    await createPaneWriter('s', () => ({ revision, spec: { ...spec, windows } }))
      .around(inner)
      .onWatermark?.(7, silent.context);
    expect(silent.records).toEqual([]);
  });
});

describe('createWindowTask', () => {
  it('writes reports, holds, and after them how far it has judged', async () => {
    const told: unknown[] = [];
    const { context, records } = recording();
    const task = createWindowTask('s', 't', telemetry(told));
    await give(task, await panesOf([0, 9, 0, 0]), context, 4 * hourMs);
    expect(shown(records).map((line) => line.split(' ')[0])).toEqual([
      'report',
      'hold',
      'report',
      'report',
      'hold',
      'report',
      'hold',
    ]);
    expect(holdsOf(records)).toMatchObject([
      { state: 'HOLD_STATE_OPEN', source: 's', topic: 't', fromMs: hourMs, rules: ['no_x/x'], openedAtMs: 2 * hourMs },
      { state: 'HOLD_STATE_CLOSED', untilMs: 2 * hourMs, closedAtMs: 4 * hourMs, by: 'everloop' },
    ]);
    expect(quality.SourceJudged.fromJSON(JSON.parse(String(records.at(-1)?.value)))).toEqual({
      source: 's',
      watermarkMs: 4 * hourMs,
    });
    expect(new Set(records.map(({ headers }) => headers?.['ce_id'])).size).toBe(records.length);
    expect(told.filter((each) => Array.isArray(each) && each[0] === 'hold')).toHaveLength(2);
  });

  it('goes on after a restart at any record as if there had been none, with the same events', async () => {
    const log = await panesOf([0, 9, 9, 0, 0]);
    const whole = recording();
    const one = createWindowTask('s', 't', telemetry());
    await give(one, log, whole.context, 5 * hourMs);
    for (let cut = 0; cut <= log.length; cut += 1) {
      const before = recording();
      const first = createWindowTask('s', 't', telemetry());
      await give(first, log.slice(0, cut), before.context, 2 * hourMs);
      const second = createWindowTask('s', 't', telemetry());
      await give(second, log.slice(0, cut), recording(true).context, 2 * hourMs);
      const after = recording();
      await give(second, log.slice(cut), after.context, 5 * hourMs);
      const idsOf = (records: readonly OutRecord[]) =>
        records.filter(({ key }) => !String(key).startsWith('judged/')).map(({ headers }) => headers?.['ce_id']);
      // What is late depends on what was passed before, so only cuts that leave nothing late give the very same.
      if (cut >= 3) expect([...idsOf(before.records), ...idsOf(after.records)]).toEqual(idsOf(whole.records));
    }
  });

  it('takes what a person says from the log, and passes over what nobody understands', async () => {
    const told: unknown[] = [];
    const { context, records } = recording();
    const task = createWindowTask('s', 't', telemetry(told));
    await give(task, await panesOf([0, 9]), context, 2 * hourMs);
    const [open] = holdsOf(records);
    const command = quality.ReleaseHold.toJSON({ id: 'c', hold: open, accept: true, reason: 'fine', by: 'kim' });
    const headers = { ce_type: qualityTypes.release };
    const said = asRead([
      { topic: 't.quality', key: 'c', value: '{', headers },
      { topic: 't.quality', key: 'c', value: JSON.stringify(command), headers },
      { topic: 't.quality', key: 'c', value: JSON.stringify(command), headers },
      { topic: 't.quality', key: 'c', value: 'noise', headers: {} },
    ]);
    await task.onRecords(batch(said), context);
    expect(holdsOf(records).slice(1)).toMatchObject([
      { state: 'HOLD_STATE_RELEASED', accepted: true, by: 'kim', reason: 'fine', untilMs: 2 * hourMs },
    ]);
    expect(told.filter((each) => Array.isArray(each) && each[0] === 'unreadable')).toHaveLength(2);
    const broken = asRead([
      { topic: 't.quality', key: 's', value: 'x', headers: { ce_type: qualityTypes.definition } },
    ]);
    expect(() => task.onRecords(batch(broken), context)).toThrow(/is not what its topic holds/);
  });
});
