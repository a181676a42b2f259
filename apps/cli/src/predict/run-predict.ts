import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { eventId, type servingApi } from '@everloop/contracts';
import { ServiceError } from '@everloop/service';
import type { DuckDb, DuckValue } from '@everloop/storage';
import type { PredictClient } from './gateway-client.ts';
import { planInput, requestOf, type InputColumns, type InputPlan } from './input-rows.ts';
import { JobParts, type AnsweredRow } from './parts.ts';

export interface PredictOptions {
  readonly model: string;
  readonly input: string;
  readonly output: string;
  /** Empty: the route decides. */
  readonly version: string;
  readonly columns: InputColumns;
  /** Rows of one part: what is asked again after a kill. */
  readonly partRows: number;
  /** Rows of one call, at most 256. */
  readonly batchRows: number;
  /** Calls under way at once. */
  readonly callsMax: number;
}

export interface PredictOutcome {
  readonly rows: number;
  readonly scored: number;
  readonly refused: number;
  /** Where the refused rows are. */
  readonly side: string;
  /** Rows that an earlier run had answered. */
  readonly resumed: number;
  /** Request fields that the input does not have. */
  readonly missing: readonly string[];
}

/** Predicts every row of a file, part by part: memory is one part, and a job that was killed goes on behind its last whole part. */
export async function runPredict(
  duck: DuckDb,
  client: PredictClient,
  options: PredictOptions,
): Promise<PredictOutcome> {
  const { model, input, output, version, columns, partRows } = options;
  const plan = await planInput(duck, input, await client.fields(model), columns);
  const digest = await digestOf(input);
  const job = { digest, model, version, partRows, query: plan.fields, columns: JSON.stringify(columns) };
  const parts = await JobParts.open(duck, output, job);
  const jobId = eventId('predict', digest, model, version);
  let [rows, count, resumed] = [0, 0, 0];
  for await (const part of inParts(duck.stream(plan.query), partRows)) {
    if (parts.has(count)) resumed += part.length;
    else await parts.write(count, await answerPart(client, part, { ...options, plan, jobId, from: rows }));
    rows += part.length;
    count += 1;
  }
  const { scored, refused, side } = await parts.finish(count);
  if (scored + refused !== rows) throw unbalanced(rows, scored, refused);
  return { rows, scored, refused, side, resumed, missing: plan.missing };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

type Rows = readonly (readonly DuckValue[])[];

/** Cuts a stream of rows into parts of equal length; the last may be shorter. */
export async function* inParts(chunks: AsyncIterable<Rows>, partRows: number): AsyncGenerator<Rows> {
  let part: (readonly DuckValue[])[] = [];
  for await (const chunk of chunks) {
    for (const row of chunk) {
      part.push(row);
      if (part.length < partRows) continue;
      yield part;
      part = [];
    }
  }
  if (part.length > 0) yield part;
}

interface PartToAnswer extends PredictOptions {
  readonly plan: InputPlan;
  readonly jobId: string;
  /** Number of its first row. */
  readonly from: number;
}

/** Few calls at once, each with the next rows that nobody has taken; answers keep the order of the rows. */
async function answerPart(client: PredictClient, rows: Rows, part: PartToAnswer): Promise<readonly AnsweredRow[]> {
  const { batchRows, callsMax, model, version, plan, jobId, from } = part;
  const answered: AnsweredRow[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < rows.length) {
      const at = next;
      next += batchRows;
      const asked = rows.slice(at, at + batchRows).map((row, n) => requestOf(row, plan, `${jobId}/${from + at + n}`));
      const answers = await client.predict({ model, version, rows: asked });
      answers.forEach((answer, n) => (answered[at + n] = answeredRow(from + at + n, asked[n]?.id ?? '', answer)));
    }
  };
  try {
    await Promise.all(Array.from({ length: callsMax }, worker));
  } catch (error) {
    // The other calls end with the one they have under way.
    next = rows.length;
    throw error;
  }
  return answered;
}

function answeredRow(row: number, id: string, { result }: servingApi.RowAnswer): AnsweredRow {
  if (result?.$case === 'prediction') {
    const { decisionId, modelVersion, score, action, arm, propensity, verdict, degraded } = result.value;
    const chosen = action === '' ? null : action;
    return [BigInt(row), id, decisionId, modelVersion, score, chosen, arm, propensity, verdict, degraded, null, null];
  }
  const { code, message, reasons } = result?.value ?? { code: 'EVL_CLI_PREDICT_UNFINISHED', message: '', reasons: [] };
  const why = reasons.length === 0 ? message : reasons.join('; ');
  return [BigInt(row), id, ...Array.from({ length: 8 }, () => null), code, why];
}

function unbalanced(rows: number, scored: number, refused: number): ServiceError {
  return new ServiceError({
    code: 'EVL_CLI_PREDICT_UNBALANCED',
    kind: 'bug',
    message: `${rows} rows were read, but ${scored} were scored and ${refused} refused; remove the output and run again`,
  });
}
