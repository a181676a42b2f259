import { inference, servingApi } from '@everloop/contracts';
import { sigmoid } from '../real/logistic.ts';
import { callHttp, framed, type Ports, type Said } from './calls.ts';
import {
  binaryRequest,
  inferPath,
  jsonRequest,
  rawRequest,
  typedCall,
  typedJson,
  typedRequest,
  type Asked,
} from './seeds.ts';
import { chosen, explained } from './valid-decisions.ts';

/** Ways in which valid requests are sent; the last four are for one row. */
export const ways = 10;

/** Request `n` of a run: no two ask the same, so that an answer which belongs to another is noticed. */
export function askedOf(n: number): Asked {
  const rows = n % ways < 6 ? 1 + (Math.floor(n / ways) % 4) : 1;
  return {
    id: `valid-${n}`,
    distances: Array.from({ length: rows }, (_, row) => ((n * 7 + row) % 1_000) - 500 + row / 8),
  };
}

async function overGrpc(ports: Ports, request: inference.ModelInferRequest): Promise<Said> {
  const sent = framed(Buffer.from(inference.ModelInferRequest.encode(request).finish()));
  const { outcome, text, body } = await ports.grpc.call(inferPath, sent);
  if (outcome !== 0) throw new Error(`a valid call ended with ${outcome}: ${text}`);
  const response = inference.ModelInferResponse.decode(body);
  const [output] = response.outputs;
  const raw = response.rawOutputContents[0];
  const scores = raw === undefined ? (output?.contents?.fp32Contents ?? []) : floats(raw);
  const ids = response.parameters['decision_id']?.parameterChoice;
  return { id: response.id, scores, decisionIds: ids?.$case === 'stringParam' ? ids.value.split(',') : [] };
}

const floats = (raw: Uint8Array): number[] => {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: raw.byteLength / 4 }, (_, row) => view.getFloat32(row * 4, true));
};

async function overHttp(ports: Ports, body: Buffer, headers: Record<string, string>): Promise<Said> {
  const answered = await callHttp(ports.httpPort, '/v2/models/delay/infer', body, headers);
  if (answered.outcome !== 200) throw new Error(`a valid call ended with ${answered.outcome}: ${answered.text}`);
  const json = JSON.parse(answered.body.toString()) as {
    readonly id: string;
    readonly outputs: readonly { readonly data: readonly number[] }[];
    readonly parameters: { readonly decision_id: string };
  };
  return { id: json.id, scores: json.outputs[0]?.data ?? [], decisionIds: json.parameters.decision_id.split(',') };
}

/** The parts of answers of the typed API that both of its forms have. */
interface Row {
  readonly id: string;
  readonly score: number;
  readonly decisionId: string;
}

function saidBy(asked: Asked, rows: readonly Row[]): Said {
  const isOwn = rows.every(({ id }, row) => id === (rows.length === 1 ? asked.id : `${asked.id}-${row}`));
  const [scores, decisionIds] = [rows.map(({ score }) => score), rows.map(({ decisionId }) => decisionId)];
  return { id: isOwn ? asked.id : JSON.stringify(rows), scores, decisionIds };
}

async function overTypedGrpc(ports: Ports, asked: Asked): Promise<Said> {
  const { path, message } = typedCall(asked);
  const { outcome, text, body } = await ports.grpc.call(path, framed(message));
  if (outcome !== 0) throw new Error(`a valid call ended with ${outcome}: ${text}`);
  if (asked.distances.length === 1) return saidBy(asked, [servingApi.PredictResponse.decode(body)]);
  const { rows } = servingApi.PredictBatchResponse.decode(body);
  return saidBy(
    asked,
    rows.map(({ result }) => rowOf(result?.$case === 'prediction' ? result.value : undefined)),
  );
}

const rowOf = (row: Row | undefined): Row => row ?? { id: 'no prediction', score: NaN, decisionId: '' };

interface JsonRow {
  readonly id: string;
  readonly score: number;
  readonly decision_id: string;
}

function rowOfJson(row: JsonRow | undefined): Row {
  return rowOf(row === undefined ? row : { id: row.id, score: row.score, decisionId: row.decision_id });
}

async function overTypedHttp(ports: Ports, asked: Asked): Promise<Said> {
  const { path, json } = typedJson(asked);
  const answered = await callHttp(ports.httpPort, path, Buffer.from(JSON.stringify(json)), {});
  if (answered.outcome !== 200) throw new Error(`a valid call ended with ${answered.outcome}: ${answered.text}`);
  const said = JSON.parse(answered.body.toString()) as JsonRow & {
    readonly rows?: readonly { prediction?: JsonRow }[];
  };
  return saidBy(asked, (said.rows?.map(({ prediction }) => prediction) ?? [said]).map(rowOfJson));
}

function send(ports: Ports, n: number, asked: Asked): Promise<Said> {
  switch (n % ways) {
    case 0:
      return overGrpc(ports, typedRequest(asked));
    case 1:
      return overGrpc(ports, rawRequest(asked));
    case 2:
      return overHttp(ports, Buffer.from(JSON.stringify(jsonRequest(asked))), {});
    case 3:
      return overTypedGrpc(ports, asked);
    case 4:
      return overTypedHttp(ports, asked);
    case 6:
    case 7:
      return explained(ports, asked, n % 2 === 0);
    case 8:
    case 9:
      return chosen(ports, asked, n % 2 === 0);
    default: {
      const { json, tail } = binaryRequest(asked);
      const head = Buffer.from(JSON.stringify(json));
      return overHttp(ports, Buffer.concat([head, tail]), { 'inference-header-content-length': String(head.length) });
    }
  }
}

/** Sends valid request `n` and compares all that comes back; what is wrong, or the decision ids. */
export async function checkValid(
  ports: Ports,
  n: number,
): Promise<{ readonly wrong: string | null; readonly decisionIds: readonly string[] }> {
  const asked = askedOf(n);
  try {
    const { id, scores, decisionIds } = await send(ports, n, asked);
    const expected = asked.distances.map((distance) => sigmoid(distance / 100));
    // The model computes in 32 bits: two neighbours among the requests differ by 1e-5 and more.
    const isRight =
      scores.length === expected.length &&
      expected.every((score, row) => Math.abs(score - (scores[row] ?? NaN)) < 2e-6);
    if (id === asked.id && isRight && decisionIds.length === expected.length) return { wrong: null, decisionIds };
    return {
      wrong: `valid request ${n} asked ${JSON.stringify(asked)}, got ${JSON.stringify({ id, scores, decisionIds })}`,
      decisionIds,
    };
  } catch (error) {
    return { wrong: `valid request ${n}: ${String(error)}`, decisionIds: [] };
  }
}
