import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgram } from '../src/program.ts';
import { runCommandLine } from '../src/run-command-line.ts';

/** Only the look at whether the broker answers: connections keep their own timers. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Every command that reads Kafka, as a person calls it without a broker. */
const commands = [
  'hold list',
  'hold show abc',
  'hold release abc --reason fine',
  'report',
  'ledger',
  'why delay',
  'drift plot delay --out /nowhere/plot.svg',
  'decision show abc',
  'decision replay abc',
  'decision evaluate delay',
  'infer-contract orders',
];

describe('without a broker', () => {
  it.each(commands)('everloop %s ends after 15 s and says what to do', async (line) => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const printed: string[] = [];
    const errors: string[] = [];
    const program = createProgram({
      env: { KAFKA_BROKERS: '127.0.0.1:1' },
      print: (text) => void printed.push(text),
      commands: {
        up: async () => await Promise.reject(new Error('not called')),
        report: async (options) => (await import('../src/report/index.ts')).runReport(options),
      },
    });
    const ran = runCommandLine(program, line.split(' '), (text) => void errors.push(text));
    while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(14_750);
    expect(errors).toEqual([]);
    await vi.advanceTimersByTimeAsync(250);
    expect(await ran).toBe(1);
    expect(errors).toEqual([
      'EVL_CLI_BROKER_UNREACHABLE: Kafka at 127.0.0.1:1 has not answered for 15 s; start it with "npm start", or name another with --brokers or KAFKA_BROKERS',
    ]);
    expect(printed).toEqual([]);
  });
});
