import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, it } from 'vitest';

import { createParityTelemetry } from '../src/parity-telemetry.ts';

const folder = fileURLToPath(new URL('../../../deploy/prometheus/', import.meta.url));
const rules = readFileSync(`${folder}parity.rules.yaml`, 'utf8');
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe('alerts on parity', () => {
  it('ask for metrics that the feature store has', async () => {
    const metrics = createMetrics('feature-store');
    createParityTelemetry(createLogger({ service: 'test', level: 'silent' }), metrics);
    const known = await metrics.text();
    const asked = new Set(rules.match(/everloop_[a-z_]+/g));
    expect(asked.size).toBe(3);
    for (const name of asked) expect(known).toContain(`# TYPE ${name} `);
  });

  it('each have a severity, a summary and a runbook that exists', () => {
    const alerts = rules.split('- alert: ').slice(1);
    expect(alerts.map((text) => text.split('\n', 1)[0])).toEqual(['EverloopParityBroken', 'EverloopParityNotChecked']);
    for (const text of alerts) {
      expect(text).toMatch(/severity: (page|ticket|info)/);
      expect(text).toMatch(/summary: \S/);
      const [, runbook = 'none'] = /runbook: (\S+)/.exec(text) ?? [];
      expect(existsSync(`${folder}../../${runbook}`)).toBe(true);
    }
  });

  // Left out only where nobody relies on it: .ci/run installs promtool.
  it.skipIf(!hasPromtool && process.env['CI'] !== 'true')('fire when they should, says promtool', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'parity.rules.test.yaml'], {
      cwd: folder,
    });
    expect(`${String(stdout)}${String(stderr)}`).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
