import { baseline } from '@everloop/drift/fixtures';
import type { Bus } from '@everloop/kafka';
import type { Logger, Metrics, Part } from '@everloop/service';
import { createKafkaSurroundings } from '../src/adapters/kafka-surroundings.ts';
import { createStages } from '../src/app/stages.ts';
import { createQualityTelemetry } from '../src/quality-telemetry.ts';
import { createTelemetry } from '../src/telemetry.ts';

/** The stages of main.ts, with a registry that knows version 1 alone. */
export function detectorOn(bus: Bus, logger: Logger, metrics: Metrics): Part {
  const telemetry = createTelemetry(logger, metrics);
  const reference = baseline();
  return createStages({
    bus,
    baselines: { get: async (_, version) => (version === '1' ? reference : null) },
    histories: { get: async () => null },
    phasesMax: 4,
    promises: { get: async () => ({ loss: 0.51, rows: 5_000 }) },
    telemetry,
    qualityTelemetry: createQualityTelemetry(logger, metrics),
    surroundings: createKafkaSurroundings(bus, telemetry),
  });
}
