import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Admin } from 'kafkajs';
import { pause } from '@everloop/service';
import { canPin, cpuSecondsOf, peakMibOf, residentMibOf } from './process-stats.ts';

/** Cores, where there are two: the measured process has one, the broker and what watches share the other. */
export const cores = { measured: 0, others: 1 } as const;
/** Measured is what follows the first tenth: until then a process loads its code and warms up. */
const warmShare = 0.1;
const lookMs = 20;
/** Longest time without progress. */
const waitMs = 180_000;

/** What was measured of one run. */
export interface Round {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly peakMib: number;
  /** Memory after each tenth of the records. */
  readonly residentMib: readonly number[];
}

/** A program that goes through a topic as a consumer group. */
export interface Subject {
  readonly groupId: string;
  start(): Promise<ChildProcess>;
}

/** How a program is started. */
export interface ProgramOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** For Node and V8. */
  readonly flags?: readonly string[];
  /** On all cores, not on its own. */
  readonly isFree?: boolean;
}

/** Starts a file of this folder in a process of its own, on its own core where that can be. */
export function program(file: string, { args = [], env = {}, flags = [], isFree = false }: ProgramOptions) {
  const node = ['--disable-warning=ExperimentalWarning', ...flags, path.resolve(import.meta.dirname, file), ...args];
  const [command, ...rest]: [string, ...string[]] =
    !isFree && canPin()
      ? ['taskset', '-c', String(cores.measured), process.execPath, ...node]
      : [process.execPath, ...node];
  return spawn(command, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** kafkajs copying `from` to `to` with transactions, as its documentation has it: the limit. */
export function plainCopy(brokers: string, from: string, to: string): Subject {
  const groupId = `bench-copy-${to}`;
  const args = [brokers, from, to, groupId];
  return { groupId, start: () => Promise.resolve(program('plain-copy.ts', { args })) };
}

/** Records of `topic` that a group has committed; none while the broker still makes the topic that offsets are kept in. */
async function progress(admin: Admin, groupId: string, topic: string): Promise<number> {
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => []);
  return (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
}

/** Runs one subject through the `records` of a topic, from the beginning, and forgets its group. */
export async function measure(admin: Admin, subject: Subject, topic: string, records: number): Promise<Round> {
  const child = await subject.start();
  const pid = child.pid ?? 0;
  const look = async () => ({
    done: await progress(admin, subject.groupId, topic),
    cpu: cpuSecondsOf(pid),
    at: performance.now() / 1_000,
  });
  let from = await look();
  let to = from;
  let movedAt = performance.now();
  const residentMib: number[] = [];
  while (to.done < records) {
    if (child.exitCode !== null || performance.now() > movedAt + waitMs)
      throw new Error(`${subject.groupId} stopped at ${to.done} of ${records} records`);
    await pause(lookMs);
    const before = to.done;
    to = await look();
    if (to.done > before) movedAt = performance.now();
    while (residentMib.length < Math.floor((10 * to.done) / records)) residentMib.push(residentMibOf(pid));
    if (from.done < records * warmShare) from = to;
  }
  const done = to.done - from.done;
  const peakMib = peakMibOf(pid);
  child.kill('SIGTERM');
  await once(child, 'exit');
  await admin.deleteGroups([subject.groupId]);
  const perSecond = Math.round(done / (to.at - from.at));
  return { perCpuSecond: Math.round(done / (to.cpu - from.cpu)), perSecond, peakMib, residentMib };
}
