import { randomUUID } from 'node:crypto';
import type { GateFinding, RequestRow, Verdict } from '../domain/gate.ts';
import type { ReadOptions } from '../domain/parameters.ts';
import type { Decoded } from '../domain/tensors.ts';
import { gatewayError, RequestRefused } from '../errors.ts';
import type { ModelCatalog, ServedModel } from './catalog.ts';

/** Rows that one request may run, under the least of EVL_GATEWAY_INFLIGHT_ROWS_MAX's default: more would take its share from all others. */
const runsMax = 2_048;

/** A request in whatever form it came; each form of request makes one. */
export interface Ask {
  readonly model: string;
  /** Version that shall answer; empty: the route decides. */
  readonly version: string;
  /** Empty: none was given. */
  readonly id: string;
  /** The request fields as columns, or what is wrong with their form. */
  columns(model: ServedModel): Decoded;
  /** What else was asked, or what is wrong with that. */
  options(model: ServedModel): ReadOptions;
  /** Version of an earlier answer that the client wants again; empty: none. */
  sticky(): string;
}

/** A request that passed the gate. */
export interface Prepared {
  readonly model: ServedModel;
  readonly requestId: string;
  /** The client gave the id, so that it may ask again with it. */
  readonly mayRepeat: boolean;
  readonly rows: readonly RequestRow[];
  /** Rows that a model runs for it: each as often as there are actions to choose among. */
  readonly runs: number;
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
  /** What the inputs contributed to each score is wanted too. */
  readonly explain: boolean;
}

/** What the gate decided about a request whose form is right. */
export type OnGated = (model: string, verdict: Verdict | 'reject', findings: readonly GateFinding[]) => void;

/**
 * Checks a request against its protocol and the model's contract. Throws EVL_GATEWAY_MODEL_NOT_FOUND, or EVL_GATEWAY_REQUEST_INVALID
 * with all reasons; `onGated` learns the verdict of every request for a known model, but for those that a version has yet to let through. A request without id gets a random one, without event time the time of day `nowMs`.
 */
export function prepare(ask: Ask, catalog: ModelCatalog, nowMs: number, onGated: OnGated): Prepared {
  const model = catalog.get(ask.model);
  if (model === undefined) throw modelNotFound(ask.model, catalog);
  const decoded = ask.columns(model);
  const checked = decoded.ok ? model.gate.check(decoded.columns, decoded.rows) : { ...decoded, findings: [] };
  const read = ask.options(model);
  if (!checked.ok || !read.ok) {
    onGated(model.name, 'reject', checked.ok ? [] : checked.findings);
    const reasons = [...(checked.ok ? [] : checked.reasons), ...(read.ok ? [] : read.reasons)];
    throw new RequestRefused(`request '${ask.id}' to model ${model.name}`, reasons);
  }
  const runs = checked.rows.length * (model.chooser?.names.length ?? 1);
  if (runs > runsMax) {
    onGated(model.name, 'reject', checked.findings);
    const many = `${checked.rows.length} rows with ${runs / checked.rows.length} actions are ${runs} runs, at most ${runsMax}`;
    throw new RequestRefused(`request '${ask.id}' to model ${model.name}`, [`${many}: ask for fewer rows at once`]);
  }
  if (!model.isGatedByVersion) onGated(model.name, checked.verdict, checked.findings);
  const requestId = ask.id === '' ? randomUUID() : ask.id;
  return {
    model,
    requestId,
    mayRepeat: ask.id !== '',
    rows: checked.rows,
    runs,
    verdict: checked.verdict,
    findings: checked.findings,
    eventTimeMs: read.options.eventTimeMs ?? nowMs,
    unit: read.options.unitId ?? requestId,
    pinned: ask.version,
    sticky: ask.sticky(),
    explain: read.options.explain,
  };
}

/** The error for a model that no resource defines. */
export function modelNotFound(name: string, catalog: Pick<ModelCatalog, 'names'>): Error {
  const known = catalog.names.length === 0 ? 'none' : catalog.names.join(', ');
  return gatewayError('EVL_GATEWAY_MODEL_NOT_FOUND', `there is no model '${name}'; known: ${known}`);
}
