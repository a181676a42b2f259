import { countPanes } from '@everloop/drift';
import { baseline, day, dayOfRows } from '@everloop/drift/fixtures';
import type { Bus } from '@everloop/kafka';
import type { Logger, Metrics, Part } from '@everloop/service';
import { createKafkaSurroundings } from '../src/adapters/kafka-surroundings.ts';
import { createStages } from '../src/app/stages.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';

/** Days of the history of version 1, and rows of each. */
const [historyDays, historyRows] = [60, 300];

/** The stages of main.ts, with a registry that knows version 1 alone. */
export function detectorOn(bus: Bus, logger: Logger, metrics: Metrics): Part {
  const telemetry = createTelemetry(logger, metrics);
  const reference = baseline();
  const days = Array.from({ length: historyDays }, (_, i) => dayOfRows(1_000 + i, i * day, historyRows, 0));
  const history = days.flatMap((rows) => countPanes(rows, () => reference));
  return createStages({
    bus,
    baselines: { get: async (_, version) => (version === '1' ? reference : null) },
    histories: { get: async () => history },
    phasesMax: 4,
    promises: { get: async () => ({ loss: 0.51, rows: 5_000 }) },
    telemetry,
    qualityTelemetry: createQualityTelemetry(logger, metrics),
    surroundings: createKafkaSurroundings(bus, telemetry),
  });
}
