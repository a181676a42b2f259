import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { createTelemetry } from '../src/telemetry.ts';

const folder = fileURLToPath(new URL('../../../deploy/prometheus/', import.meta.url));
const read = (name: string): string => readFileSync(`${folder}${name}`, 'utf8');
const rules = read('loop.rules.yaml');
const alerts = rules.split('- alert: ').slice(1);
const nameOf = (text: string): string => text.split('\n', 1)[0] ?? 'none';
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

describe('alerts on serving, training and rollout', () => {
  test('ask for metrics that the services have', () => {
    const known = new Set(read('../../docs/reference/metrics.md').match(/everloop_[a-z_]+/g));
    const asked = new Set(rules.match(/everloop_[a-z_]+/g));
    expect(asked.size).toBeGreaterThan(7);
    for (const name of asked) expect(known).toContain(name);
  });

  test('each have a severity, a summary and a runbook that names them', () => {
    expect(new Set(alerts.map(nameOf))).toEqual(
      new Set([
        ...['EverloopErrorBudgetBurn', 'EverloopInferenceLogDropping', 'EverloopExplorationStarved'],
        ...['EverloopTrainerQueueStuck', 'EverloopRolloutInconclusive'],
      ]),
    );
    for (const text of alerts) {
      expect(text).toMatch(/severity: (page|ticket)/);
      expect(text).toMatch(/summary: \S/);
      const [, runbook = 'none'] = /runbook_url: (\S+)/.exec(text) ?? [];
      expect(read(`../../${runbook}`)).toContain(`\`${nameOf(text)}\``);
    }
  });

  test('only failing requests and predictions that are lost wake people', () => {
    const pages = alerts.filter((text) => text.includes('severity: page')).map(nameOf);
    expect(new Set(pages)).toEqual(new Set(['EverloopErrorBudgetBurn', 'EverloopInferenceLogDropping']));
  });

  test('what callers do wrong is told from failures by codes that the gateway has', () => {
    const codes = [...read('../../docs/reference/errors.md').matchAll(/EVL_GATEWAY_[A-Z_]+/g)].map(([code]) => code);
    const isCallers = (code: string): boolean =>
      /^(OK|.*_(INVALID|NOT_FOUND|PRECONDITION|CANCELLED|UNSEEN))$/.test(code);
    expect(rules).toContain('code!~"OK|.*_(INVALID|NOT_FOUND|PRECONDITION|CANCELLED|UNSEEN)"');
    for (const code of ['REQUEST_INVALID', 'MODEL_NOT_FOUND', 'CALL_CANCELLED', 'CATEGORY_UNSEEN']) {
      expect(codes).toContain(`EVL_GATEWAY_${code}`);
      expect(isCallers(`EVL_GATEWAY_${code}`)).toBe(true);
    }
    for (const code of ['RUN_FAILED', 'QUEUE_FULL', 'LIMIT_EXHAUSTED', 'LOG_FULL', 'JOURNAL_FAILED', 'NO_VERSION']) {
      expect(codes).toContain(`EVL_GATEWAY_${code}`);
      expect(isCallers(`EVL_GATEWAY_${code}`)).toBe(false);
    }
  });

  test('explorations and lost journals are metrics, as the rules read them', async () => {
    const metrics = createMetrics('gateway');
    const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), metrics, () => 0);
    const explored = [{ model: 'm', epsilon: 0.1, arms: [{ version: '2', matured: 7 }] }];
    telemetry.watchExplorations(() => explored);
    telemetry.journalPositionLost('0/0');
    const text = await metrics.text();
    expect(text).toContain('everloop_gateway_explored_share_ratio{model="m",service="gateway"} 0.1');
    expect(text).toContain('everloop_gateway_arm_matured_decisions{model="m",version="2",service="gateway"} 7');
    expect(text).toContain('everloop_gateway_log_lost_total{service="gateway"} 1');
    explored.length = 0;
    expect(await metrics.text()).not.toContain('model="m"');
  });

  // Left out only where nobody relies on it: .ci/run installs promtool.
  test.skipIf(!hasPromtool && process.env['CI'] !== 'true')(
    'are rules, and fire when they should, says promtool',
    () => {
      const checked = spawnSync('promtool', ['check', 'rules', 'loop.rules.yaml'], { cwd: folder });
      expect(`${String(checked.stdout)}${String(checked.stderr)}`).toContain('SUCCESS: 16 rules found');
      const tested = spawnSync('promtool', ['test', 'rules', 'loop.rules.test.yaml'], { cwd: folder });
      expect(`${String(tested.stdout)}${String(tested.stderr)}`).toContain('SUCCESS');
      expect([checked.status, tested.status]).toEqual([0, 0]);
    },
  );
});
