import { decisionIdOf } from '@everloop/contracts';
import { classify, errorText } from '@everloop/service';
import type { ConcurrencyLimit } from '../domain/concurrency-limit.ts';
import { InFlight } from '../domain/in-flight.ts';
import { actionPropensity, withActions, type ActionDrawn } from '../domain/actions.ts';
import { explore } from '../domain/exploration.ts';
import { choose, fallback, mayFallBack, shadowsOf, type Choice } from '../domain/routing.ts';
import { pack, type FeatureRow, type Packed } from '../domain/vector.ts';
import { gatewayError } from '../errors.ts';
import type { Caller, InferenceLog, RecordLog } from '../ports.ts';
import { act, type Acted } from './acting.ts';
import { callCancelled } from './batcher.ts';
import type { ModelCatalog } from './catalog.ts';
import type { ArmRewardsTable } from './arm-rewards.ts';
import type { Decisions } from './decisions.ts';
import type { Enriched, Enricher } from './enricher.ts';
import type { Explainer, ExplainTask, Explanation } from './explainer.ts';
import type { LoggedAttributions } from './logged-attributions.ts';
import { prepare, type Ask, type OnGated, type Prepared } from './prepare.ts';
import { Recorder, requestDecisionId, rowOf, type RequestRecorder } from './recorder.ts';
import type { AppliedRoute, RouteTable } from './routes.ts';
import type { ShadowQueues } from './shadows.ts';
import { admitByVersion, flaggedBy, type Admitted } from './version-gate.ts';
import type { LoadedVersion } from './versions.ts';

/** What happened to requests, for logs and metrics. */
export interface PredictorEvents {
  readonly answered: (model: string, arm: string, latencySeconds: number) => void;
  readonly failedOver: (model: string, choice: Choice, error: unknown) => void;
  readonly gated: OnGated;
  /** The event time of a request lies before the watermark that was written already. */
  readonly late: (model: string, eventTimeMs: number) => void;
}

export interface PredictorOptions {
  readonly catalog: ModelCatalog;
  readonly routes: RouteTable;
  readonly enricher: Enricher;
  readonly shadows: ShadowQueues;
  readonly decisions: Decisions;
  readonly armRewards: ArmRewardsTable;
  readonly explainer: Explainer;
  readonly loggedAttributions: LoggedAttributions;
  readonly log: InferenceLog;
  readonly events: PredictorEvents;
  /** Most rows in flight. */
  readonly inFlightRowsMax: number;
  /** Calls in flight, as many as do not wait for each other; null: as many as there are rows for. */
  readonly limit: ConcurrencyLimit | null;
  /** Most bytes of log that Kafka does not have yet; beyond, requests are refused before they run. */
  readonly logBytesMax: number;
  /** Refuse a request rather than drop its shadows. */
  readonly shadowsCount: boolean;
  /** Event time up to which the log is closed, epoch milliseconds UTC. */
  readonly closedUntilMs: () => number;
  /** Time of day for requests that give no event time, epoch milliseconds UTC. */
  readonly nowMs: () => number;
}

export interface Prediction {
  readonly prepared: Prepared;
  readonly choice: Choice;
  readonly policyRevision: string;
  /** float64 [rows] */
  readonly scores: Float64Array;
  /** One for each row, whose score is that of the action; null where the model does not choose. */
  readonly actions: readonly ActionDrawn[] | null;
  readonly decisionIds: readonly string[];
  readonly isDegraded: boolean;
  /** What the models were given, one for each row. */
  readonly features: readonly FeatureRow[];
  readonly timing: Pick<Enriched, 'waitMs' | 'readMs'>;
  /** Where they are wanted, one for each row; they come behind the score, which is logged by then. */
  readonly explanations: Promise<readonly Explanation[]> | null;
  /** What the answer waited for attributions that are logged, milliseconds. */
  readonly explainMs: number;
}

/** Probability of what was done for a row: that of the version times that of the action. */
export function propensityOf({ choice, actions }: Pick<Prediction, 'choice' | 'actions'>, row: number): number {
  return choice.propensity * actionPropensity(actions?.[row]);
}

/** Whether the version, or the action of any row, is not what looks best. */
export function isExploring({ choice, actions }: Pick<Prediction, 'choice' | 'actions'>): boolean {
  const isOtherVersion = choice.arm !== 'fallback' && choice.drawn?.explore === true;
  return isOtherVersion || (actions?.some(({ explore: isOther }) => isOther) ?? false);
}

const noAttributions: ReadonlyMap<number, Float64Array> = new Map();

interface Answer {
  readonly choice: Choice;
  readonly loaded: LoadedVersion;
  readonly scores: Float64Array;
}

/** One prediction from request to answer: check, enrich, route, run, log; shadows follow behind the answer. */
export class Predictor {
  readonly #options: PredictorOptions;
  readonly #recorder = new Recorder();
  readonly #inFlight = new InFlight();
  #rows = 0;

  constructor(options: PredictorOptions) {
    this.#options = options;
  }

  /** Nothing is run for a caller that is gone: rejects with EVL_GATEWAY_CALL_CANCELLED. */
  async predict(ask: Ask, caller?: Caller): Promise<Prediction> {
    const startedMs = performance.now();
    const { catalog, nowMs, events } = this.#options;
    const prepared = prepare(ask, catalog, nowMs(), events.gated);
    this.#admit(prepared);
    const { limit } = this.#options;
    if (limit !== null && !limit.tryBegin()) throw shed(limit);
    let tookMs: number | null = null;
    const ticket = this.#inFlight.begin();
    this.#rows += prepared.runs;
    try {
      const prediction = await this.#answer(prepared, startedMs, caller);
      // What a row waits to be explained is no sign of too many calls.
      if (limit !== null) tookMs = performance.now() - startedMs - prediction.explainMs;
      return prediction;
    } finally {
      limit?.end(performance.now(), tookMs);
      this.#rows -= prepared.runs;
      this.#inFlight.end(ticket);
    }
  }

  /** Resolves when the predictions and shadows that were begun before this call have been handed to the log. */
  async drained(): Promise<void> {
    await this.#inFlight.settled();
    await this.#options.shadows.settled();
  }

  #admit({ model, rows, runs, pinned, explain }: Prepared): void {
    if (explain) this.#options.explainer.admit(rows.length);
    const { routes, log, shadows, shadowsCount, inFlightRowsMax, logBytesMax } = this.#options;
    const applied = routes.get(model.name);
    if (applied === undefined) {
      throw gatewayError(
        'EVL_GATEWAY_NO_VERSION',
        `model ${model.name} has no version in service yet; ask again later`,
      );
    }
    if (pinned !== '' && !applied.versions.has(pinned)) throw versionNotFound(applied, pinned);
    const wanted = this.#rows + runs;
    if (wanted > inFlightRowsMax) {
      throw gatewayError(
        'EVL_GATEWAY_QUEUE_FULL',
        `${this.#rows} rows are in flight, at most ${inFlightRowsMax} may be; slow down`,
      );
    }
    // Rows that are under way have not added their shadows yet.
    if (shadowsCount && applied.route.shadows.some(({ version }) => shadows.isFull(model.name, version, wanted))) {
      throw gatewayError('EVL_GATEWAY_QUEUE_FULL', 'too many shadow predictions wait; slow down');
    }
    if (log.queuedBytes > logBytesMax) {
      throw gatewayError(
        'EVL_GATEWAY_LOG_FULL',
        `${log.queuedBytes} bytes of predictions wait for Kafka, at most ${logBytesMax} may`,
      );
    }
  }

  async #answer(prepared: Prepared, startedMs: number, caller: Caller | undefined): Promise<Prediction> {
    const { routes, events, closedUntilMs } = this.#options;
    const { model, eventTimeMs } = prepared;
    const log = caller?.log ?? this.#options.log;
    if (eventTimeMs < closedUntilMs()) events.late(model.name, eventTimeMs);
    let enriched = await this.#enrich(prepared, caller);
    if (caller?.isOver === true) throw callCancelled();
    // Taken after the wait, so that the route that decides is the one in force when the models run.
    const applied = routes.get(model.name);
    if (applied === undefined)
      throw gatewayError('EVL_GATEWAY_NO_VERSION', `model ${model.name} has no version in service`);
    const endLease = routes.lease(applied);
    try {
      let wanted = this.#choose(applied, prepared);
      let asked = prepared;
      if (model.isGatedByVersion) {
        ({ choice: wanted, prepared: asked } = this.#admitByVersion(applied, wanted, prepared));
        // What was replaced may be the key of features, or what others are computed from.
        if (asked.rows !== prepared.rows) enriched = await this.#enrich(asked, caller);
      }
      const batch = pack(model.spec.inputs, enriched.rows);
      const answer = await this.#run(applied, wanted, prepared, batch);
      const { choice, loaded } = answer;
      if (model.isGatedByVersion) asked = this.#gated(asked, choice === wanted ? null : loaded);
      const acted = this.#act({ prepared: asked, enriched, batch, scores: answer.scores, actions: null }, choice);
      const { scores, actions } = acted;
      const explained = this.#attributions(applied, loaded, acted);
      const explainFromMs = performance.now();
      const attributions = explained === null ? noAttributions : await explained;
      const explainMs = explained === null ? 0 : performance.now() - explainFromMs;
      const latencyMs = performance.now() - startedMs;
      const recorder = this.#recorder.for(acted.prepared, acted.enriched, applied.route, log);
      const latencyUs = Math.round(latencyMs * 1_000);
      const decisionIds = recorder.append('served', { loaded, scores, latencyUs, choice, actions, attributions });
      this.#shadow(applied, loaded.version, acted, recorder, log);
      await log.written();
      events.answered(model.name, choice.arm, latencyMs / 1_000);
      const explanations = prepared.explain ? this.#explain(applied, loaded, acted, { decisionIds, caller }) : null;
      return {
        prepared: acted.prepared,
        choice,
        scores,
        actions,
        decisionIds,
        policyRevision: applied.route.revision,
        isDegraded: enriched.isDegraded,
        features: acted.enriched.rows,
        timing: enriched,
        explanations,
        explainMs,
      };
    } finally {
      endLease();
    }
  }

  #enrich({ model, rows, eventTimeMs }: Prepared, caller: Caller | undefined): Enriched | Promise<Enriched> {
    const asked = model.chooser === null ? rows : withActions(model.chooser, rows);
    return this.#options.enricher.enrich(
      model,
      asked.map((request) => ({ request, asOfMs: eventTimeMs })),
      caller,
    );
  }

  /** The request as its version, or the champion in its place, lets it through. */
  #admitByVersion(applied: AppliedRoute, choice: Choice, prepared: Prepared): Admitted {
    const { events, decisions } = this.#options;
    const admitted = admitByVersion(applied, choice, prepared, events);
    if (admitted.choice !== choice && prepared.mayRepeat)
      decisions.put(prepared.model.name, prepared.requestId, admitted.choice);
    return admitted;
  }

  /** The verdict of a request, which is known when its version has answered, or the champion `instead` of it. */
  #gated(prepared: Prepared, instead: LoadedVersion | null): Prepared {
    const asked = instead === null ? prepared : flaggedBy(instead, prepared);
    this.#options.events.gated(asked.model.name, asked.verdict, asked.findings);
    return asked;
  }

  /** The version of a request; one that is asked again keeps it for as long as that is loaded. */
  #choose(applied: AppliedRoute, prepared: Prepared): Choice {
    const { decisions } = this.#options;
    const { model, requestId } = prepared;
    const before = decisions.get(model.name, requestId);
    if (before !== undefined && applied.versions.has(before.version) && isSameAsk(before, prepared)) return before;
    const choice = this.#draw(applied, prepared);
    if (prepared.mayRepeat) decisions.put(model.name, requestId, choice);
    return choice;
  }

  /** The action of each row, where the model chooses. */
  #act(asked: Acted, choice: Choice): Acted {
    const { model, requestId, mayRepeat } = asked.prepared;
    const { chooser } = model;
    if (chooser === null) return asked;
    const acted = act(chooser, asked, this.#options.armRewards.epsilon(model.name, chooser), choice.acted);
    if (mayRepeat && choice.acted === undefined)
      this.#options.decisions.put(model.name, requestId, { ...choice, acted: acted.actions ?? [] });
    return acted;
  }

  #draw({ policy, route }: AppliedRoute, prepared: Prepared): Choice {
    const choice = choose(policy, prepared);
    const { exploration } = policy;
    if (exploration === null || choice.arm !== 'champion') return choice;
    const { model, requestId } = prepared;
    const distribution = this.#options.armRewards.distribution(
      model.name,
      exploration,
      model.spec.rewards === undefined ? '' : 'version',
    );
    return explore(distribution, choice, route.revision, requestDecisionId(model.name, requestId));
  }

  async #run(applied: AppliedRoute, choice: Choice, prepared: Prepared, batch: Packed): Promise<Answer> {
    const loaded = applied.versions.get(choice.version);
    if (loaded === undefined) throw versionNotFound(applied, choice.version);
    try {
      return { choice, loaded, scores: await this.#score(loaded, batch) };
    } catch (error) {
      const { champion, route, policy } = applied;
      if (!mayFallBack(choice, champion.version)) throw error;
      this.#options.events.failedOver(route.model, choice, error);
      const instead = fallback(policy, choice);
      if (prepared.mayRepeat) this.#options.decisions.put(route.model, prepared.requestId, instead);
      return { choice: instead, loaded: champion, scores: await this.#score(champion, batch) };
    }
  }

  /** Runs one version; whatever goes wrong there is not the client's fault and may pass. */
  async #score(loaded: LoadedVersion, batch: Packed): Promise<Float64Array> {
    try {
      return await loaded.score(batch);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EVL_ONNX_NOT_LOADED')
        this.#options.routes.reload(loaded);
      if (classify(error) === 'retryable') throw error;
      throw gatewayError(
        'EVL_GATEWAY_RUN_FAILED',
        `version ${loaded.version} of ${loaded.model} failed: ${errorText(error)}`,
        error,
      );
    }
  }

  /** Attributions for the log, of the champion's rows that the Model wants them of; null where there are none. */
  #attributions(
    { champion }: AppliedRoute,
    loaded: LoadedVersion,
    { prepared, batch, scores }: Acted,
  ): Promise<ReadonlyMap<number, Float64Array>> | null {
    const { loggedAttributions } = this.#options;
    const { model } = prepared;
    const share = model.spec.log?.attributions;
    if (share === undefined || loaded !== champion) return null;
    const decisionIds = prepared.rows.map((_, row) => decisionIdOf(rowOf(prepared, row), null));
    const rows = loggedAttributions.rowsOf(share, decisionIds);
    if (rows.length === 0) return null;
    return loggedAttributions.explain({
      ...{ model: model.name, version: loaded.version, inputs: model.spec.inputs, background: loaded.golden },
      ...{ scores, batch, decisionIds, rows, caller: undefined },
      score: (hybrids: Packed) => this.#score(loaded, hybrids),
    });
  }

  #explain(
    applied: AppliedRoute,
    loaded: LoadedVersion,
    { prepared: { model }, batch, scores }: Acted,
    behind: Pick<ExplainTask, 'decisionIds' | 'caller'>,
  ): Promise<readonly Explanation[]> {
    const { explainer, routes } = this.#options;
    const task = {
      ...{
        model: model.name,
        version: loaded.version,
        inputs: model.spec.inputs,
        background: loaded.golden,
        scores,
        batch,
        ...behind,
      },
      score: (rows: Packed) => this.#score(loaded, rows),
    };
    return explainer.explain(task).finally(routes.lease(applied));
  }

  #shadow(
    applied: AppliedRoute,
    answeredBy: string,
    { prepared: { model, unit }, batch, scores: answered }: Acted,
    recorder: RequestRecorder,
    log: RecordLog,
  ): void {
    const { shadows, routes } = this.#options;
    for (const shadow of shadowsOf(applied.route, answeredBy, unit)) {
      const loaded = applied.versions.get(shadow.version);
      if (loaded === undefined) continue;
      const endLease = routes.lease(applied);
      const task = {
        ...{ model: model.name, shadow, answered },
        score: () => this.#score(loaded, batch),
        onScored: (scores: Float64Array, latencyMs: number): void => {
          const choice = { arm: 'shadow', propensity: shadow.share, learn: false };
          recorder.append('shadowed', { loaded, scores, latencyUs: Math.round(latencyMs * 1_000), choice });
        },
      };
      const over = shadows.add(task).finally(endLease);
      log.follows?.(over);
    }
  }
}

function shed(limit: ConcurrencyLimit): Error {
  return gatewayError(
    'EVL_GATEWAY_LIMIT_EXHAUSTED',
    `${limit.inFlight} calls are in flight, more would only wait for each other now; slow down, or ask again after a pause`,
  );
}

/** A remembered choice is not for a request that names its version now, or another one. */
function isSameAsk(before: Choice, { pinned }: Prepared): boolean {
  return pinned === '' ? before.arm !== 'pinned' : before.arm === 'pinned' && before.version === pinned;
}

function versionNotFound(applied: AppliedRoute, version: string): Error {
  const loaded = [...applied.versions.keys()].join(', ');
  const { model } = applied.route;
  return gatewayError(
    'EVL_GATEWAY_VERSION_NOT_FOUND',
    `version ${version} of model ${model} is not loaded; loaded: ${loaded}`,
  );
}
