import { randomBytes } from 'node:crypto';
import { createLogger, createMetrics, type Logger } from '@everloop/service';
import { createKafkaBus, type Bus, type BusRecord, type KafkaBusOptions } from '../src/index.ts';

export const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:19092').split(',');

/** A name that no other run uses. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${Date.now().toString(36)}-${randomBytes(3).toString('hex')}`;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** A logger whose lines can be looked at. `KAFKA_TEST_LOG` also writes them. */
export function capturingLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const level = process.env['KAFKA_TEST_LOG'] ?? 'info';
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as LogLine);
    if (process.env['KAFKA_TEST_LOG'] !== undefined) process.stderr.write(line);
  };
  return { logger: createLogger({ service: 'kafka-test', level, write }), lines };
}

export function testBus(options: Partial<KafkaBusOptions> = {}): Bus {
  return createKafkaBus({
    brokers,
    clientId: 'kafka-test',
    logger: capturingLogger().logger,
    metrics: createMetrics('kafka-test'),
    ...options,
  });
}

export async function readTopic(bus: Bus, topic: string): Promise<BusRecord[]> {
  const records: BusRecord[] = [];
  await bus.readAll([topic], (batch) => void records.push(...batch.records));
  return records;
}

export function text(record: BusRecord): string {
  return record.value?.toString() ?? '';
}

/** Looks again and again, at most `ms` milliseconds, until `check` gives something other than undefined or false. */
export async function eventually<T>(
  check: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 30_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`nothing came within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
