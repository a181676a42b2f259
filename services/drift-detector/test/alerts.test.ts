import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const read = (name: string): string => readFileSync(`${folder}${name}`, 'utf8');
const rules = read('prometheus/drift.rules.yaml');
const has = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const isNeeded = process.env['CI'] === 'true';

describe('alerts on drift', () => {
  const known = new Set(read('../docs/reference/metrics.md').match(/everloop_[a-z_]+/g));

  test('rules and dashboard ask for metrics that the services have', () => {
    const asked = new Set(`${rules}${read('grafana/drift.json')}`.match(/everloop_[a-z_]+/g));
    expect(asked.size).toBeGreaterThan(12);
    for (const name of asked) expect(known).toContain(name);
  });

  test('each have a severity, a summary and a runbook that names them', () => {
    const alerts = rules.split('- alert: ').slice(1);
    expect(alerts).toHaveLength(15);
    for (const text of alerts) {
      const name = text.split('\n', 1)[0] ?? 'none';
      expect(text).toMatch(/severity: (page|ticket|info)/);
      expect(text).toMatch(/summary: \S/);
      const [, runbook = 'none'] = /runbook_url: (\S+)/.exec(text) ?? [];
      expect(read(`../${runbook}`)).toContain(`\`${name}\``);
    }
  });

  test('those that the detector pushes have a runbook that names them, too', () => {
    const notice = readFileSync(new URL('../src/domain/notice.ts', import.meta.url), 'utf8');
    const pushed = [...notice.matchAll(/name: '(\w+)',\s+runbook: '([\w.-]+)'/g)];
    expect(pushed.length).toBeGreaterThan(3);
    for (const [, name, runbook] of pushed) expect(read(`../docs/runbooks/${String(runbook)}`)).toContain(name);
  });

  test('the example of Alertmanager knows every alert that it speaks of', () => {
    const notice = readFileSync(new URL('../src/domain/notice.ts', import.meta.url), 'utf8');
    const all = `${rules}${notice}`;
    for (const name of read('prometheus/alertmanager.yml').match(/Everloop\w+/g) ?? []) expect(all).toContain(name);
  });

  test('drift goes to tickets; only measured quality, the budget and a detector that stands still wake people', () => {
    const pages = rules.split('- alert: ').filter((text) => text.includes('severity: page'));
    expect(new Set(pages.map((text) => text.split('\n', 1)[0]))).toEqual(
      new Set(['EverloopModelQualityDrop', 'EverloopAlarmBudgetOverspent', 'EverloopDriftDetectorStalled']),
    );
  });

  // Left out only where nobody relies on it: .ci/run installs promtool and Alertmanager.
  test.skipIf(!has('promtool') && !isNeeded)(
    'are rules, and fire when they should, says promtool',
    () => {
      const options = { cwd: `${folder}prometheus` };
      const checked = spawnSync('promtool', ['check', 'rules', 'drift.rules.yaml'], options);
      expect(`${String(checked.stdout)}${String(checked.stderr)}`).toContain('SUCCESS: 15 rules found');
      const tested = spawnSync('promtool', ['test', 'rules', 'drift.rules.test.yaml'], options);
      expect(`${String(tested.stdout)}${String(tested.stderr)}`).toContain('SUCCESS');
      expect([checked.status, tested.status]).toEqual([0, 0]);
    },
    120_000,
  );

  test.skipIf(!has('amtool') && !isNeeded)('are routed by a configuration that amtool accepts', () => {
    const { status, stdout, stderr } = spawnSync('amtool', ['check-config', 'prometheus/alertmanager.yml'], {
      cwd: folder,
    });
    expect(`${String(stdout)}${String(stderr)}`).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
