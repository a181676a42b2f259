import { parseArgs } from 'node:util';
import { ServiceError } from '@everloop/service';
import { readOutage, type Outage } from '../producer/outage.ts';
import type { Timeline } from '../producer/timeline.ts';
import type { ReplayOptions } from './replay.ts';
import { defaultWaitLimits } from './stall.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** After the last event the clock runs on for the longest wait for a label, so that every prediction is settled. */
const drainMs = 2 * DAY_MS;

export const usage = `usage: node examples/flights/src/main.ts replay [options]
  --until YYYY-MM-DD     last event day (UTC); default: all of 2013 and until every prediction is settled
  --step-hours N         event time of one step, 0.25 to 12; default 12
  --speed N              event time runs N times as fast as the wall clock; default: as fast as the loop keeps up
  --report-input PATH    where to write what was produced and asked, for the report
  --no-ahead             publish a step's events only when the step before is over
  --outage T:FROM:UNTIL  days on which topic T comes without its optional columns; may be given again
  --data FOLDER          folder with the Parquet files; default examples/flights/data`;

export interface CommandLine {
  readonly untilMs: number | null;
  readonly stepMs: number;
  readonly speed: number | null;
  readonly ahead: boolean;
  readonly reportInput: string | null;
  readonly dataFolder: string | null;
  readonly outages: readonly Outage[];
}

function wrong(message: string): ServiceError {
  return new ServiceError({ code: 'EVL_REPLAY_ARGUMENT_INVALID', kind: 'terminal', message: `${message}\n${usage}` });
}

function readDay(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw wrong(`--until is '${text}'; a day such as 2013-04-30 is wanted`);
  return ms + DAY_MS;
}

function readOutageOption(text: string): Outage {
  const outage = readOutage(text);
  if (outage === null) throw wrong(`--outage is '${text}'; weather.observed:2013-01-12:2013-01-13 is an example`);
  return outage;
}

function readNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!(value >= min && value <= max)) throw wrong(`--${name} is '${text}'; a number from ${min} to ${max} is wanted`);
  return value;
}

/** Reads the arguments after the program's name. */
export function readCommandLine(args: readonly string[]): CommandLine {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      allowNegative: true,
      options: {
        until: { type: 'string' },
        'step-hours': { type: 'string' },
        speed: { type: 'string' },
        'report-input': { type: 'string' },
        ahead: { type: 'boolean', default: true },
        data: { type: 'string' },
        outage: { type: 'string', multiple: true, default: [] },
      },
    });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (positionals.length !== 1 || positionals[0] !== 'replay') throw wrong('the one command is: replay');
  return {
    untilMs: values.until === undefined ? null : readDay(values.until),
    stepMs: readNumber('step-hours', values['step-hours'] ?? '12', 0.25, 12) * HOUR_MS,
    speed: values.speed === undefined ? null : readNumber('speed', values.speed, 0.001, 1e9),
    ahead: values.ahead,
    reportInput: values['report-input'] ?? null,
    dataFolder: values.data ?? null,
    outages: values.outage.map(readOutageOption),
  };
}

/** What to replay: from the step that holds the first event to the day asked for, or to where nothing is left to wait for. */
export function replayOptions(line: CommandLine, timeline: Timeline): ReplayOptions {
  const { stepMs } = line;
  const fromMs = Math.floor(timeline.firstMs / stepMs) * stepMs;
  const endMs = Math.ceil((timeline.lastMs + drainMs + 1) / stepMs) * stepMs;
  const untilMs = Math.min(line.untilMs ?? endMs, endMs);
  if (untilMs <= fromMs)
    throw wrong(`nothing happens before --until; the data begins on ${new Date(fromMs).toISOString()}`);
  return {
    fromMs,
    untilMs,
    stepMs,
    speed: line.speed,
    ahead: line.ahead,
    outages: line.outages,
    limits: defaultWaitLimits,
  };
}
