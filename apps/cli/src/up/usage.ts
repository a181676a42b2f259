import { readdirSync, readFileSync } from 'node:fs';

/** What one supervised process and everything it started used at most. */
interface ProcessUse {
  readonly name: string;
  readonly peakMemoryMib: number;
  readonly cpuSeconds: number;
}

/** What everything together used. */
export interface ResourceUse {
  readonly wallSeconds: number;
  /** Largest memory of all of them together at one moment, sampled; pages that processes share count once (proportional set size). */
  readonly peakMemoryMib: number;
  readonly cpuSeconds: number;
  readonly processes: readonly ProcessUse[];
}

/** Memory and processor time of one process. */
export interface Sample {
  readonly group: number;
  /** Proportional set size: its own pages and its share of those that it has in common with others. */
  readonly memoryKib: number;
  /** Processor time of it and of its ended children, seconds. */
  readonly cpuSeconds: number;
}

/** Pause between samples, milliseconds: a sample costs some milliseconds of processor time, and memory rarely moves faster. */
const sampleMs = 5_000;

/** Linux counts processor time in hundredths of a second on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Watches how much memory and processor time named process groups use. Without /proc it reports only this process. */
export class UsageMeter {
  readonly #groups = new Map<number, string>();
  readonly #processes = new Map<string, { peakKib: number; cpuSeconds: number }>();
  readonly #startedAt = performance.now();
  readonly #sampleAll: (groups: ReadonlySet<number>) => readonly Sample[];
  #timer: NodeJS.Timeout | null = null;
  #peakKib = 0;

  constructor(sampleAll: (groups: ReadonlySet<number>) => readonly Sample[] = sampleProcesses) {
    this.#sampleAll = sampleAll;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.sample(), sampleMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Counts the process group led by `pid` under `name`. */
  watch(name: string, pid: number): void {
    this.#groups.set(pid, name);
  }

  sample(): void {
    const now = new Map<string, { kib: number; cpuSeconds: number }>();
    const add = (name: string, kib: number, cpuSeconds: number): void => {
      const sum = now.get(name) ?? { kib: 0, cpuSeconds: 0 };
      now.set(name, { kib: sum.kib + kib, cpuSeconds: sum.cpuSeconds + cpuSeconds });
    };
    for (const { group, memoryKib, cpuSeconds } of this.#sampleAll(new Set(this.#groups.keys()))) {
      const name = this.#groups.get(group);
      if (name !== undefined) add(name, memoryKib, cpuSeconds);
    }
    const own = process.resourceUsage();
    add('supervisor', memoryKibOf('self') ?? own.maxRSS, (own.userCPUTime + own.systemCPUTime) / 1e6);
    let allKib = 0;
    for (const [name, { kib, cpuSeconds }] of now) {
      const best = this.#processes.get(name) ?? { peakKib: 0, cpuSeconds: 0 };
      this.#processes.set(name, {
        peakKib: Math.max(best.peakKib, kib),
        cpuSeconds: Math.max(best.cpuSeconds, cpuSeconds),
      });
      allKib += kib;
    }
    this.#peakKib = Math.max(this.#peakKib, allKib);
  }

  /** What was used so far. */
  report(): ResourceUse {
    this.sample();
    const processes = [...this.#processes].map(([name, { peakKib, cpuSeconds }]) => ({
      name,
      peakMemoryMib: Math.round(peakKib / 1024),
      cpuSeconds: Math.round(cpuSeconds * 10) / 10,
    }));
    return {
      wallSeconds: Math.round((performance.now() - this.#startedAt) / 100) / 10,
      peakMemoryMib: Math.round(this.#peakKib / 1024),
      cpuSeconds: Math.round(processes.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) * 10) / 10,
      processes: processes.sort((a, b) => b.peakMemoryMib - a.peakMemoryMib),
    };
  }
}

function sampleProcesses(groups: ReadonlySet<number>): readonly Sample[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => sampleOf(pid, groups));
  } catch {
    return [];
  }
}

function sampleOf(pid: string, groups: ReadonlySet<number>): readonly Sample[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name is in parentheses and may hold spaces: fields count from the last one (proc(5), from state = 3).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
    const group = Number(fields[2]);
    if (!groups.has(group)) return [];
    return [{ group, memoryKib: memoryKibOf(pid) ?? 0, cpuSeconds: ticks / ticksPerSecond }];
  } catch {
    // It ended between the listing and the reading.
    return [];
  }
}

function memoryKibOf(pid: string): number | null {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
  } catch {
    return null;
  }
}
