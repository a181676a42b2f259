import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { clearStaging, createWhole, fsyncPath, sqlText, type DuckDb, type DuckValue } from '@everloop/storage';
import { badInput } from '../errors.ts';

/** One answered row of the input, in the order of `columns`. */
export type AnsweredRow = readonly DuckValue[];

const columns = [
  ['row', 'BIGINT'],
  ['id', 'VARCHAR'],
  ['decision_id', 'VARCHAR'],
  ['model_version', 'VARCHAR'],
  ['score', 'DOUBLE'],
  ['action', 'VARCHAR'],
  ['arm', 'VARCHAR'],
  ['propensity', 'DOUBLE'],
  ['verdict', 'VARCHAR'],
  ['degraded', 'BOOLEAN'],
  ['error', 'VARCHAR'],
  ['reasons', 'VARCHAR'],
] as const;

const scored = columns.map(([name]) => name).filter((name) => name !== 'error' && name !== 'reasons');

/** What a job was asked to do; another one does not go on with its parts. */
export type JobPlan = Readonly<Record<string, string | number | readonly string[]>>;

/** The answered parts of a job, in a folder beside its output. */
export class JobParts {
  readonly #duck: DuckDb;
  readonly #folder: string;
  readonly #output: string;

  private constructor(duck: DuckDb, output: string) {
    this.#duck = duck;
    this.#output = resolve(output);
    this.#folder = `${this.#output}.parts`;
  }

  /** Begins a job, or goes on with it. Throws EVL_CLI_INPUT_INVALID where the output is there, or the parts are another job's. */
  static async open(duck: DuckDb, output: string, plan: JobPlan): Promise<JobParts> {
    const parts = new JobParts(duck, output);
    if (existsSync(parts.#output)) throw badInput(`${output} is there already: name another --out, or remove it`);
    await mkdir(parts.#folder, { recursive: true });
    await clearStaging(parts.#folder);
    const path = join(parts.#folder, 'plan.json');
    const text = JSON.stringify(plan);
    await createWhole(path, (staged) => writeFile(staged, text));
    if ((await readFile(path, 'utf8')) === text) return parts;
    throw badInput(
      `${parts.#folder} holds the parts of a job with other input or options: run that one to its end, or remove the folder`,
    );
  }

  has(part: number): boolean {
    return existsSync(this.#path(part));
  }

  /** Writes one part; it appears whole. */
  async write(part: number, rows: readonly AnsweredRow[]): Promise<void> {
    await this.#duck.run('DROP TABLE IF EXISTS part');
    await this.#duck.run(`CREATE TABLE part (${columns.map(([name, type]) => `"${name}" ${type}`).join(', ')})`);
    await this.#duck.insertRows('part', rows);
    await this.#duck.copyToParquet('SELECT * FROM part', this.#path(part));
  }

  /**
   * Makes the output of all parts, in the order of the input: refused rows go to `<output>.refused.parquet`, the others to the output,
   * which is there only when all of it is.
   */
  async finish(count: number): Promise<{ readonly scored: number; readonly refused: number; readonly side: string }> {
    const side = `${this.#output.replace(/\.parquet$/i, '')}.refused.parquet`;
    const files = Array.from({ length: count }, (_, part) => sqlText(this.#path(part)));
    if (files.length === 0) await this.write(0, []);
    const all = `read_parquet([${files.length === 0 ? sqlText(this.#path(0)) : files.join(', ')}])`;
    const [sums] = await this.#duck.all(`SELECT count(*) AS n, count(error) AS refused FROM ${all}`);
    const refused = Number(sums?.['refused']);
    if (refused > 0) {
      await this.#duck.copyToParquet(`SELECT "row", id, error, reasons FROM ${all} WHERE error IS NOT NULL`, side);
    } else await rm(side, { force: true });
    const answers = `SELECT ${scored.map((name) => `"${name}"`).join(', ')} FROM ${all} WHERE error IS NULL`;
    await this.#duck.copyToParquet(answers, this.#output);
    await fsyncPath(this.#folder);
    await rm(this.#folder, { recursive: true });
    return { scored: Number(sums?.['n']) - refused, refused, side };
  }

  #path(part: number): string {
    return join(this.#folder, `part-${String(part).padStart(6, '0')}.parquet`);
  }
}
