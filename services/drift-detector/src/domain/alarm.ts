import { drift } from '@everloop/contracts';

/** An alarm that is up, as the outside is told of it. */
export interface Alarm {
  readonly alert: drift.DriftAlert;
  /** When it was raised, wall clock, epoch milliseconds: what people and Alertmanager measure from. */
  readonly raisedAtMs: number;
}

/** An alarm with the moment at which it is over; in the future for one that is up, and put off as long as it is. */
export interface Notice extends Alarm {
  readonly endsAtMs: number;
}

/** Alarms that are up, by `alarmKey`. */
export type Alarms = ReadonlyMap<string, Alarm>;

/** What an alarm is about. There is at most one at a time for a model, a Monitor, a kind and a slice. */
export function alarmKey({ model, monitor, kind, slice }: drift.DriftAlert): string {
  return slice === '' ? `${model}/${monitor}/${kind}` : `${model}/${monitor}/${kind}/${slice}`;
}

/** What an alert changes: the alarm under its key from now on (null: none), and what the outside must hear of it. */
export interface AlarmChange {
  readonly key: string;
  readonly alarm: Alarm | null;
  readonly notices: readonly Alarm[];
  /** Alarms of these are over. */
  readonly ended: readonly Alarm[];
}

/**
 * Takes an alert that was written at `writtenAtMs`. An alarm keeps the moment it was first raised while its text follows the newest window. A
 * new severity is another alarm to the outside, so the old one ends. One that ends without having been up is passed on as it is.
 */
export function takeAlert(alarms: Alarms, alert: drift.DriftAlert, writtenAtMs: number): AlarmChange {
  const key = alarmKey(alert);
  const known = alarms.get(key);
  if (alert.resolved) {
    const { severity, startedAtMs } = known?.alert ?? alert;
    const ended = { alert: { ...alert, severity, startedAtMs }, raisedAtMs: known?.raisedAtMs ?? writtenAtMs };
    return { key, alarm: null, notices: [], ended: [ended] };
  }
  const isSame = known !== undefined && known.alert.severity === alert.severity;
  const alarm = { alert, raisedAtMs: isSame ? known.raisedAtMs : writtenAtMs };
  return { key, alarm, notices: [alarm], ended: known === undefined || isSame ? [] : [known] };
}

/** Text of an alarm, for a changelog. */
export function encodeAlarm({ alert, raisedAtMs }: Alarm): string {
  return JSON.stringify({ alert: drift.DriftAlert.toJSON(alert), raisedAtMs });
}

/** The alarm of a text that `encodeAlarm` made. Throws when it is none. */
export function decodeAlarm(text: string): Alarm {
  const { alert, raisedAtMs } = JSON.parse(text) as { readonly alert?: unknown; readonly raisedAtMs?: unknown };
  if (typeof raisedAtMs !== 'number') throw new TypeError('raisedAtMs is not a number');
  return { alert: drift.DriftAlert.fromJSON(alert), raisedAtMs };
}
