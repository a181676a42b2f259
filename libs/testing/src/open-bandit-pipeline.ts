import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '@everloop/service';
import { pythonRequirements, pythonVenv } from './python.ts';

/** The newest release; its metadata asks for torch and an old scikit-learn, which its estimators do not use. */
const release = 'obp==0.5.7';

/** Logged decisions and a candidate policy. */
export interface BanditLog {
  readonly reward: readonly number[];
  /** Places of the arms that were chosen. */
  readonly action: readonly number[];
  /** Probability of what was chosen. */
  readonly pscore: readonly number[];
  /** Probabilities of the candidate, [rows][arms]. */
  readonly policy: readonly (readonly number[])[];
  /** Modelled rewards, [rows][arms]. */
  readonly fitted: readonly (readonly number[])[];
  /** Largest weight; null: any. */
  readonly clip: number | null;
}

export interface BanditEstimates {
  readonly ipw: number;
  readonly snipw: number;
  readonly dm: number;
  readonly dr: number;
}

/** What the estimators of Open Bandit Pipeline say of each log. Installs them first, for this call. */
export async function openBanditPipeline(logs: readonly BanditLog[]): Promise<readonly BanditEstimates[]> {
  const python = await pythonVenv('obp', pythonRequirements('obp'));
  const how = ['install', '--quiet', '--no-deps', '--no-build-isolation', '--ignore-requires-python'];
  const folder = mkdtempSync(join(tmpdir(), 'everloop-obp-'));
  try {
    run(python, folder, ['-m', 'pip', ...how, '--target', folder, release], '');
    const script = join(import.meta.dirname, '../python/open-bandit-pipeline.py');
    return JSON.parse(run(python, folder, [script], JSON.stringify(logs))) as readonly BanditEstimates[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(python: string, folder: string, args: readonly string[], input: string): string {
  const { status, stdout, stderr } = spawnSync(python, args, {
    ...{ input, encoding: 'utf8', maxBuffer: 1_048_576 },
    env: { ...process.env, PYTHONPATH: folder },
  });
  if (status === 0) return stdout;
  throw new ServiceError({
    ...{ code: 'EVL_TESTING_INSTALL_FAILED', kind: 'terminal' },
    message: `${release} does not run: python ${args.slice(0, 3).join(' ')} failed (${status ?? 'killed'}):\n${stderr.slice(-2_000)}`,
  });
}
