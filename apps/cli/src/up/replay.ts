import { join, resolve } from 'node:path';
import { superviseProcess, type SupervisedProcess } from '@everloop/local';
import type { UpOptions } from './options.ts';
import { clientEnvironment, type Surroundings } from './services.ts';

/** Where the replay writes what it produced and asked, for the report. */
export function replayCountsPath(around: Surroundings): string {
  return join(around.dataDir, 'replay.json');
}

/** Runs the example's producer and client application; its lines go to the person and to a log. */
export function startReplay(
  exampleDir: string,
  options: UpOptions,
  around: Surroundings,
  say: (line: string) => void,
): SupervisedProcess {
  const flag = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`--${name}`, String(value)];
  return superviseProcess({
    name: 'replay',
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      '--max-old-space-size=1024',
      join(resolve(exampleDir), 'src', 'main.ts'),
      'replay',
      ...flag('until', options.until),
      ...flag('step-hours', options.stepHours),
      ...flag('speed', options.speed),
      ...flag('report-input', replayCountsPath(around)),
      ...(options.replayArgs ?? []),
    ],
    env: { ...around.env, ...clientEnvironment(around) },
    cwd: around.root,
    logFile: join(around.dataDir, 'logs', 'replay.log'),
    onLine: say,
    ready: { check: () => Promise.resolve(true) },
    stopMs: 10_000,
  });
}
