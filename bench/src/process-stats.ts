import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Ticks of a second in /proc: USER_HZ, 100 on every Linux. */
const ticksPerSecond = 100;

/** CPU seconds that a process and its threads have used, user and system, in hundredths; Linux only. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces; utime and stime are the 14th and 15th fields.
  const [, , , , , , , , , , , utime = '0', stime = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(utime) + Number(stime)) / ticksPerSecond;
}

/** Most memory that a process has held at once, MiB; Linux only. */
export function peakMibOf(pid: number): number {
  const [, kib = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1_024);
}

/** Memory that a process holds now, MiB; Linux only. */
export function residentMibOf(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1_024);
}

/** Whether processes can be kept to a core of their own here. */
export function canPin(): boolean {
  return cpus().length > 1 && existsSync('/proc/self/stat') && spawnSync('taskset', ['--version']).status === 0;
}

/** Keeps a process, with all its threads, to one core. */
export function pin(pid: number, core: number): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);
}
