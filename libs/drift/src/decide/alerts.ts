import { drift, eventId } from '@everloop/contracts';
import type { AlarmChange } from './alarm.ts';
import type { Account } from './account.ts';
import type { Evidence } from './evidence.ts';

/** Whose alerts these are. */
export interface AlertContext {
  readonly monitor: string;
  readonly model: string;
  readonly reportId: string;
  readonly atMs: number;
}

const iso = (timeMs: number): string => new Date(timeMs).toISOString();

function alert(context: AlertContext, about: string, rest: Partial<drift.DriftAlert>): drift.DriftAlert {
  const { monitor, model, reportId, atMs } = context;
  const what = rest.resolved === true ? 'resolved' : 'detected';
  return drift.DriftAlert.fromPartial({
    id: eventId('drift-alert', what, monitor, about, reportId, String(rest.startedAtMs ?? 0)),
    ...{ model, monitor, reportId, eventTimeMs: atMs, severity: 'ticket' },
    ...rest,
  });
}

/** An alarm that went up or down, as people are told. Data drift is a ticket; a model that does worse by its labels wakes somebody. */
export function alarmAlert(context: AlertContext, evidence: Evidence, change: AlarmChange): drift.DriftAlert {
  const { kind, slice, alarm, fields, finding } = evidence;
  const { sinceMs, version } = change;
  const base = {
    ...{ kind, slice, modelVersion: version, startedAtMs: sinceMs },
    severity: kind === 'performance' ? 'page' : 'ticket',
  };
  switch (change.kind) {
    case 'raised':
      return alert(context, alarm, { ...base, fields: [...fields], message: finding });
    case 'cleared': {
      const message = `over since ${iso(context.atMs)}, it began ${iso(sinceMs)}: ${finding}`;
      return alert(context, alarm, { ...base, resolved: true, message });
    }
    case 'superseded': {
      const now = evidence.step.version;
      const message = `of version ${version}, since ${iso(sinceMs)}: version ${now} is in service, and is judged by its own reference`;
      return alert(context, alarm, { ...base, resolved: true, message });
    }
  }
}

/** The alarm budget's account that was overdrawn, or is in order again; null: nothing changed. */
export function budgetAlert(
  context: AlertContext,
  account: Account,
  sinceMs: number | null,
): { readonly sinceMs: number | null; readonly alert: drift.DriftAlert | null } {
  const { spent, allowed, overspent } = account;
  if (overspent === (sinceMs !== null)) return { sinceMs, alert: null };
  const startedAtMs = sinceMs ?? context.atMs;
  const numbers = `${spent} retrainings without gain in the budget's period, ${allowed} are allowed`;
  const message = overspent
    ? `${numbers}: the Monitor no longer asks for retrainings because of data; look at its thresholds, or raise its budget`
    : `${numbers}: the Monitor asks again`;
  const base = { kind: 'budget', severity: 'page', startedAtMs, message, resolved: !overspent };
  return { sinceMs: overspent ? startedAtMs : null, alert: alert(context, 'budget', base) };
}
