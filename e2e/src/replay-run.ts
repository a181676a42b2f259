import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePorts } from '@everloop/local';
import { deferred } from '@everloop/service';

const root = path.resolve(import.meta.dirname, '../..');

/** What the tests look at in a report; the whole of it is in the file. */
export interface ReplayReport {
  readonly months: readonly Record<string, unknown>[];
  readonly totals: Readonly<Record<string, unknown>> & { readonly predictions: number };
  readonly ledger: { readonly balanced: boolean; readonly problems: readonly string[] };
  readonly parity: { readonly checked: number; readonly different: number };
  readonly versions: readonly {
    readonly version: string;
    readonly stage: string;
    readonly trainedAt: string;
    readonly held: readonly { readonly from: string; readonly until: string; readonly reason: string }[];
  }[];
  readonly data: {
    readonly windows: number;
    readonly holds: readonly {
      readonly source: string;
      readonly state: string;
      readonly from: string;
      readonly until: string | null;
    }[];
  };
  readonly run: {
    /** What the feature store found by itself while it served. */
    readonly liveParity:
      | (Readonly<
          Record<'predictions' | 'values' | 'different' | 'late' | 'undecided' | 'skipped' | 'waiting', number>
        > & {
          readonly rate: number | null;
        })
      | null;
  };
}

export interface ReplayRun {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  output(): string;
  /** Resolves when the output contains `text`; rejects when the process ends first. */
  printed(text: string | RegExp): Promise<void>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly report: ReplayReport | null }>;
}

/** Runs the two-command replay as a user would, on ports of its own: `everloop up --until … --exit --report …`. */
export async function startReplay(
  until: string,
  env: Readonly<Record<string, string>> = {},
  replayArgs: readonly string[] = [],
): Promise<ReplayRun> {
  const folder = mkdtempSync(path.join(tmpdir(), 'everloop-e2e-'));
  const reportFile = path.join(folder, 'report.json');
  const args = ['apps/cli/src/main.ts', 'up', '--until', until, '--exit', '--report', reportFile];
  const passedOn = replayArgs.length === 0 ? [] : ['--', ...replayArgs];
  const child = spawn(process.execPath, [...args, '--ports-from', String(await portsFrom()), ...passedOn], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (const check of waiting) check();
    });
  }
  const ended = new Promise<{ code: number | null; report: ReplayReport | null }>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, report: readReport(reportFile) });
      rmSync(folder, { recursive: true, force: true });
    });
  });
  const printed = (wanted: string | RegExp): Promise<void> => {
    const found = deferred();
    const check = (): void => {
      if (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)) found.resolve();
    };
    waiting.add(check);
    check();
    void ended.then(({ code }) =>
      found.reject(new Error(`ended with ${code} before it printed ${String(wanted)}:\n${text}`)),
    );
    return found.promise.finally(() => waiting.delete(check));
  };
  return { child, output: () => text, printed, ended };
}

/** Start of a block of ports below the ones that systems give to outgoing connections; different from run to run. */
async function portsFrom(): Promise<number> {
  const [free = 0] = await freePorts(1);
  return 15_000 + (free % 15_000);
}

function readReport(file: string): ReplayReport | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ReplayReport;
  } catch {
    return null;
  }
}
