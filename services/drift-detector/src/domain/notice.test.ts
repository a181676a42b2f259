import { drift } from '@everloop/contracts';
import { describe, expect, test } from 'vitest';
import type { Notice } from './alarm.ts';
import { alertmanagerAlert, webhookPayload } from './notice.ts';

const notice = (over: Partial<drift.DriftAlert> = {}): Notice => ({
  raisedAtMs: 60_000,
  endsAtMs: 240_000,
  alert: drift.DriftAlert.fromPartial({
    ...{ id: 'a1', model: 'm', monitor: 'watch', kind: 'data', severity: 'ticket', fields: ['temp'], reportId: 'r1' },
    ...{ eventTimeMs: 2_000, startedAtMs: 1_000, message: '1 of 3 fields', modelVersion: '3' },
    ...over,
  }),
});

describe('for Alertmanager', () => {
  test('labels name the alarm, annotations have the numbers', () => {
    expect(alertmanagerAlert(notice(), 'https://runbooks')).toEqual({
      labels: { alertname: 'EverloopDriftDetected', model: 'm', monitor: 'watch', kind: 'data', severity: 'ticket' },
      annotations: {
        summary: 'm gets other inputs than it was trained on',
        description: '1 of 3 fields',
        runbook_url: 'https://runbooks/drift.md',
        model_version: '3',
        event_time: '1970-01-01T00:00:02.000Z',
        report_id: 'r1',
      },
      startsAt: '1970-01-01T00:01:00.000Z',
      endsAt: '1970-01-01T00:04:00.000Z',
    });
  });

  test('an alarm about a slice is another one', () => {
    expect(alertmanagerAlert(notice({ slice: 'jfk' }), '').labels).toMatchObject({ slice: 'jfk' });
  });

  test('labels do not change while numbers do', () => {
    const next = alertmanagerAlert(notice({ id: 'a2', message: 'more', modelVersion: '4', eventTimeMs: 9 }), '');
    expect(next.labels).toEqual(alertmanagerAlert(notice(), '').labels);
  });

  test.each([
    ['performance', 'EverloopQualityDropped', 'model-quality.md'],
    ['estimated', 'EverloopQualityEstimateDropped', 'model-quality.md'],
    ['budget', 'EverloopAlarmBudgetSpent', 'alarm-budget.md'],
    ['of tomorrow', 'EverloopDriftDetected', 'drift.md'],
  ])('%s is %s', (kind, alertname, runbook) => {
    const { labels, annotations } = alertmanagerAlert(notice({ kind }), 'r');
    expect(labels['alertname']).toBe(alertname);
    expect(annotations['runbook_url']).toBe(`r/${runbook}`);
  });

  test('an end before the beginning, as clocks that differ make it, is no negative time', () => {
    const { startsAt, endsAt } = alertmanagerAlert({ ...notice(), endsAtMs: 1_000 }, '');
    expect(startsAt <= endsAt).toBe(true);
  });
});

describe('for a webhook', () => {
  test('everything that is known', () => {
    expect(webhookPayload(notice(), 'r')).toEqual({
      ...{ version: '1', id: 'a1', type: 'io.everloop.drift.detected.v1', status: 'firing' },
      ...{ alertname: 'EverloopDriftDetected', severity: 'ticket', model: 'm', modelVersion: '3', monitor: 'watch' },
      ...{
        kind: 'data',
        slice: '',
        fields: ['temp'],
        message: '1 of 3 fields',
        runbookUrl: 'r/drift.md',
        reportId: 'r1',
      },
      ...{ eventTime: '1970-01-01T00:00:02.000Z', since: '1970-01-01T00:00:01.000Z' },
    });
  });

  test('an alarm that is over', () => {
    expect(webhookPayload(notice({ resolved: true, severity: '' }), 'r')).toMatchObject({
      type: 'io.everloop.drift.resolved.v1',
      status: 'resolved',
      severity: 'ticket',
    });
  });
});
