import { randomUUID } from 'node:crypto';
import type { inference } from '@everloop/contracts';
import type { GateFinding, RequestRow, Verdict } from '../domain/gate.ts';
import { readOptions } from '../domain/parameters.ts';
import { stickyVersion } from '../domain/route-token.ts';
import { decodeInputs } from '../domain/tensors.ts';
import { gatewayError } from '../errors.ts';
import type { ModelCatalog, ServedModel } from './catalog.ts';

/** A request that passed the gate. */
export interface Prepared {
  readonly model: ServedModel;
  readonly requestId: string;
  /** The client gave the id, so that it may ask again with it. */
  readonly mayRepeat: boolean;
  readonly rows: readonly RequestRow[];
  /** The strongest thing that the gate did. */
  readonly verdict: Verdict;
  readonly findings: readonly GateFinding[];
  /** Epoch milliseconds UTC. */
  readonly eventTimeMs: number;
  /** What the routing draw is made for. */
  readonly unit: string;
  /** Version that the request pins; empty: the route decides. */
  readonly pinned: string;
  /** Version of an earlier answer that the client wants again; empty: none. */
  readonly sticky: string;
}

/** What the gate decided about a request whose form is right. */
export type OnGated = (model: string, verdict: Verdict | 'reject', findings: readonly GateFinding[]) => void;

/**
 * Checks a request against the protocol and the model's contract. Throws EVL_GATEWAY_MODEL_NOT_FOUND, or EVL_GATEWAY_REQUEST_INVALID
 * with all reasons; `onGated` learns the verdict of every request for a known model. A request without id gets a random one, without event time the time of day `nowMs`.
 */
export function prepare(
  request: inference.ModelInferRequest,
  catalog: ModelCatalog,
  nowMs: number,
  onGated: OnGated,
): Prepared {
  const model = catalog.get(request.modelName);
  if (model === undefined) throw modelNotFound(request.modelName, catalog);
  const reasons: string[] = [];
  const decoded = decodeInputs(request);
  const checked = decoded.ok ? model.gate.check(decoded.columns, decoded.rows) : { ...decoded, findings: [] };
  const read = readOptions(request.parameters);
  if (!checked.ok) reasons.push(...checked.reasons);
  if (!read.ok) reasons.push(...read.reasons);
  for (const output of request.outputs) {
    if (output.name !== 'score') reasons.push(`output '${output.name}' is not known, the only output is 'score'`);
  }
  if (!checked.ok || !read.ok || reasons.length > 0) {
    onGated(model.name, 'reject', checked.ok ? [] : checked.findings);
    throw gatewayError(
      'EVL_GATEWAY_REQUEST_INVALID',
      `request '${request.id}' to model ${model.name}: ${reasons.join('; ')}`,
    );
  }
  onGated(model.name, checked.verdict, checked.findings);
  const requestId = request.id === '' ? randomUUID() : request.id;
  return {
    model,
    requestId,
    mayRepeat: request.id !== '',
    rows: checked.rows,
    verdict: checked.verdict,
    findings: checked.findings,
    eventTimeMs: read.options.eventTimeMs ?? nowMs,
    unit: read.options.unitId ?? requestId,
    pinned: request.modelVersion,
    sticky: stickyVersion(request),
  };
}

/** The error for a model that no resource defines. */
export function modelNotFound(name: string, catalog: ModelCatalog): Error {
  const known = catalog.names.length === 0 ? 'none' : catalog.names.join(', ');
  return gatewayError('EVL_GATEWAY_MODEL_NOT_FOUND', `there is no model '${name}'; known: ${known}`);
}
