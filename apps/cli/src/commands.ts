import type { ReportOptions } from './report/run-report.ts';
import type { Report } from './report/types.ts';
import type { UpOptions } from './up/index.ts';

/** The commands that live elsewhere. */
export interface Commands {
  /** Resolves with the exit code. */
  up(options: UpOptions): Promise<number>;
  /** Reads every log of the loop and adds it up. */
  report(options: ReportOptions): Promise<{ readonly report: Report; readonly text: string }>;
}
