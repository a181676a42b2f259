import { drift, topics } from '@everloop/contracts';
import type { BusRecord, TaskContext, TaskHandler } from '@everloop/kafka';
import { classify } from '@everloop/service';
import { alarmKey, decodeAlarm, encodeAlarm, takeAlert, type Alarm, type Notice } from '../domain/alarm.ts';
import { undecodable } from '../errors.ts';
import type { NotifyTelemetry } from '../notify-telemetry.ts';
import type { AlertTarget } from '../ports.ts';

/** Calls `work` every `everyMs` until the returned function is called. */
export type Repeat = (everyMs: number, work: () => void) => () => void;

export interface NotifyTaskOptions {
  readonly target: AlertTarget;
  readonly telemetry: NotifyTelemetry;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  readonly repeat: Repeat;
  /**
   * Alarms that are up are sent again this often, milliseconds; they end by themselves after three times that, should nobody be left to send them.
   * Null: the target remembers by itself and hears everything once, and the task waits for it.
   */
  readonly resendMs: number | null;
  /** Alerts that were written longer ago are not sent any more, milliseconds. */
  readonly ageMsMax: number;
}

/** Alarms that are sent again at most; the one that was raised first makes room. */
const alarmsMax = 1_000;
/** An alarm ends by itself after so many pauses between two sendings. */
const pausesToEnd = 3;

/** A task whose state is given back from the changelog. */
export interface NotifyTask extends TaskHandler {
  restore(records: readonly BusRecord[]): void;
}

function decode<T>(record: BusRecord, read: (text: string) => T): T {
  try {
    return read(record.value?.toString('utf8') ?? '');
  } catch (error) {
    throw undecodable(record.topic, record.partition, record.offset, error);
  }
}

/** Keys of the state of one target begin with this. */
export function notifyPrefix(target: string): string {
  return `notify/${target}/`;
}

/**
 * Stage 5, one task for each target: tells it of alarms that are raised and over. What waits is in the topic, so nothing is held in memory but
 * the alarms that are up.
 */
export function createNotifyTask(options: NotifyTaskOptions): NotifyTask {
  const { target, telemetry, now, resendMs } = options;
  const prefix = notifyPrefix(target.name);
  const alarms = new Map<string, Alarm>();
  let stopRepeating = (): void => undefined;

  async function send(notices: readonly Notice[]): Promise<void> {
    if (notices.length === 0) return;
    try {
      await target.send(notices);
      telemetry.notified(target.name, 'delivered', notices.length);
    } catch (error) {
      const kind = classify(error);
      if (kind === 'bug') throw error;
      telemetry.undelivered(target.name, kind === 'terminal' ? 'refused' : 'failed', notices, error);
      if (kind === 'retryable' && resendMs === null) throw error;
    }
  }
  const upUntil = (alarm: Alarm): Notice => ({ ...alarm, endsAtMs: now() + pausesToEnd * (resendMs ?? 0) });
  /** One call at a time: a slow target is not asked again before it has answered. */
  let sending: Promise<void> | null = null;
  function sendAgain(): void {
    if (sending !== null || alarms.size === 0) return;
    sending = send([...alarms.values()].map(upUntil))
      .catch((error: unknown) => telemetry.undelivered(target.name, 'failed', [], error))
      .finally(() => (sending = null));
  }
  function remember(key: string, alarm: Alarm | null, context: TaskContext): void {
    alarms.delete(key);
    if (alarm !== null) alarms.set(key, alarm);
    const [first] = alarms.size > alarmsMax ? alarms.keys() : [];
    if (first !== undefined) alarms.delete(first);
    for (const changed of first === undefined ? [key] : [key, first]) {
      const kept = alarms.get(changed);
      const value = kept === undefined ? null : encodeAlarm(kept);
      context.emit({ topic: topics.driftState, partition: 0, key: prefix + changed, value });
    }
  }

  return {
    restore(records) {
      for (const record of records) {
        if (record.key?.toString('utf8').startsWith(prefix) !== true) continue;
        const alarm = decode(record, decodeAlarm);
        alarms.set(alarmKey(alarm.alert), alarm);
      }
      if (resendMs === null) return;
      stopRepeating = options.repeat(resendMs, sendAgain);
      sendAgain();
    },
    async onRecords(batch, context) {
      for (const record of batch.records) {
        if (record.value === null) continue;
        const alert = decode(record, (text) => drift.DriftAlert.fromJSON(JSON.parse(text)));
        const change = takeAlert(alarms, alert, record.timestampMs);
        remember(change.key, change.alarm, context);
        if (now() - record.timestampMs > options.ageMsMax) {
          telemetry.notified(target.name, 'stale', 1);
          continue;
        }
        const ended = change.ended.map((alarm) => ({ ...alarm, endsAtMs: now() }));
        // Who is told once hears what happened; a change of severity is nothing that ended.
        const over = resendMs === null && change.alarm !== null ? [] : ended;
        await send([...over, ...change.notices.map(upUntil)]);
      }
    },
    settled(isCommitted) {
      if (!isCommitted) stopRepeating();
    },
  };
}
