import { createLogger, type Logger } from '@everloop/service';

/** One log line as it was written. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message?: string };

/** A logger that keeps its lines for the test to look at; silent on the terminal unless EVL_TEST_LOG is set. */
export function testLogger(service = 'test'): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const logger = createLogger({
    service,
    level: 'debug',
    write: (line) => {
      lines.push(JSON.parse(line) as LogLine);
      if (process.env['EVL_TEST_LOG'] !== undefined) process.stderr.write(line);
    },
  });
  return Object.assign(logger, { lines });
}
