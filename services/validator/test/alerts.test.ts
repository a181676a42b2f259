import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createLogger, createMetrics } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';

const folder = fileURLToPath(new URL('../../../deploy/prometheus/', import.meta.url));
const rules = readFileSync(`${folder}quality.rules.yaml`, 'utf8');
const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe('alerts on the quality of data', () => {
  it('ask for metrics and labels that the validator has', async () => {
    const logger = createLogger({ service: 'test', level: 'silent' });
    const metrics = createMetrics('validator');
    createTelemetry(logger, metrics);
    createQualityTelemetry(logger, metrics);
    const known = await metrics.text();
    const asked = new Set(rules.match(/everloop_[a-z_]+/g));
    expect(asked.size).toBeGreaterThan(4);
    for (const name of asked) expect(known).toContain(`# TYPE ${name} `);
  });

  it('each have a severity, a summary and a runbook that exists', () => {
    const alerts = rules.split('- alert: ').slice(1);
    expect(alerts.map((text) => text.split('\n', 1)[0])).toContain('EverloopContractHold');
    for (const text of alerts) {
      expect(text).toMatch(/severity: (page|ticket|info)/);
      expect(text).toMatch(/summary: \S/);
      const [, runbook = 'none'] = /runbook: (\S+)/.exec(text) ?? [];
      expect(readFileSync(`${folder}../../${runbook}`, 'utf8')).toContain('everloop hold');
    }
  });

  // Left out only where nobody relies on it: .ci/run installs promtool.
  it.skipIf(!hasPromtool && process.env['CI'] !== 'true')('fire when they should, says promtool', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'quality.rules.test.yaml'], {
      cwd: folder,
    });
    expect(`${String(stdout)}${String(stderr)}`).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
