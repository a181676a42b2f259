import { isDeepStrictEqual } from 'node:util';
import { features } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import type { DuckDb, DuckRow } from '@everloop/storage';
import { answersSql } from './recompute.ts';
import type { Question } from './rides.ts';

/** What a feature store answers, and where that is not what DuckDB computes. */
export interface Compared {
  readonly rows: readonly features.FeatureRow[];
  readonly wrong: readonly { readonly asked: Question | undefined; readonly is: unknown; readonly should: unknown }[];
}

/** Asks a feature store, and DuckDB's table `rides` by plain SQL, the same questions. */
export async function compareAnswers(args: {
  readonly duck: DuckDb;
  readonly address: string;
  readonly rpc: 'getOnline' | 'getHistorical';
  readonly asked: readonly Question[];
}): Promise<Compared> {
  const { duck, address, rpc, asked } = args;
  const client = connect(features.FeatureServiceService, address, { name: 'data-faults', deadlineMs: 120_000 });
  const answer = await client[rpc]({ model: 'fares', rows: asked.map(entityRow) });
  client.close();
  await duck.run('CREATE OR REPLACE TABLE questions (id INTEGER, driver VARCHAR, zone VARCHAR, t BIGINT)');
  await duck.insertRows(
    'questions',
    asked.map(({ id, driver, zone, asOfMs }) => [id, driver, zone, BigInt(asOfMs)]),
  );
  const wrong = (await duck.all(answersSql)).map(plain).flatMap((should, index) => {
    const row = answer.rows[index];
    const is = row === undefined ? null : answered(index, answer.names, row);
    return isDeepStrictEqual(is, should) ? [] : [{ asked: asked[index], is, should }];
  });
  return { rows: answer.rows, wrong };
}

function entityRow({ driver, zone, asOfMs }: Question): features.EntityRow {
  const text = (value: string) => ({ kind: { $case: 'text' as const, value } });
  return { asOfMs, request: { driver: text(driver), zone: text(zone) } };
}

/** By their numbers. */
const statuses = [
  features.FeatureStatus.UNSPECIFIED,
  features.FeatureStatus.PRESENT,
  features.FeatureStatus.NULL_VALUE,
  features.FeatureStatus.NOT_FOUND,
  features.FeatureStatus.OUTSIDE_MAX_AGE,
];

/** An answer in the form of the recomputation: id, then each input and its status. */
function answered(id: number, names: readonly string[], row: features.FeatureRow): Record<string, unknown> {
  const entries = names.flatMap((name, index) => {
    const kind = row.values[index]?.kind;
    const value = kind === undefined || kind.$case === 'missing' ? null : kind.value;
    return [
      [name, value],
      [`${name}_status`, statuses.indexOf(row.statuses[index] ?? features.FeatureStatus.UNSPECIFIED)],
    ] as const;
  });
  return { id, ...Object.fromEntries(entries) };
}

function plain(row: DuckRow): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
  );
}
