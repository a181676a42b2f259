import { createLogger, createMetrics } from '@everloop/service';
import { expect, it } from 'vitest';
import { createTelemetry } from './telemetry.ts';

it('shows how many requests wait, and since when the oldest of each model does', async () => {
  const metrics = createMetrics('trainer');
  const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), metrics);
  const shown = async (): Promise<readonly string[]> =>
    (await metrics.text()).split('\n').filter((line) => /^everloop_trainer_(requests_waiting|oldest)/.test(line));
  telemetry.waiting([
    { model: 'm', sinceMs: 9_000 },
    { model: 'm', sinceMs: 7_500 },
    { model: 'n', sinceMs: 8_000 },
  ]);
  expect(await shown()).toEqual([
    'everloop_trainer_requests_waiting{service="trainer"} 3',
    'everloop_trainer_oldest_request_timestamp_seconds{model="m",service="trainer"} 7.5',
    'everloop_trainer_oldest_request_timestamp_seconds{model="n",service="trainer"} 8',
  ]);
  telemetry.waiting([]);
  expect(await shown()).toEqual(['everloop_trainer_requests_waiting{service="trainer"} 0']);
});
