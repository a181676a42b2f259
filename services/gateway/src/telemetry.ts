import { ServiceError, type Gauge, type Logger, type Metrics } from '@everloop/service';
import { findingText, type GateFinding, type Verdict } from './domain/gate.ts';
import type { ExplorationReport } from './domain/exploration.ts';
import type { ShadowDrop, ShadowReport } from './domain/difference.ts';
import type { Choice } from './domain/routing.ts';
import type { UnexplainedReason } from './domain/unexplained.ts';

/** Facts about requests; each one writes its metrics and, where a person must know, a log line. */
export interface Telemetry {
  answered(model: string, arm: string, latencySeconds: number): void;
  failed(model: string, error: unknown): void;
  /** Rewards that were taken or refused. */
  rewarded(count: number, isAccepted: boolean): void;
  gated(model: string, verdict: Verdict | 'reject', findings: readonly GateFinding[]): void;
  failedOver(model: string, choice: Choice, error: unknown): void;
  late(model: string, eventTimeMs: number): void;
  degraded(rows: number): void;
  /** A row was explained by so many runs of a row. */
  explained(model: string, evaluations: number, seconds: number): void;
  /** Rows are logged without the attributions that they should have. */
  unexplained(model: string, reason: UnexplainedReason, rows: number, error?: unknown): void;
  /** A request over Kafka was answered; `code` is OK or that of an error. */
  requestAnswered(code: string): void;
  shadowDropped(reason: ShadowDrop, rows: number, error?: unknown): void;
  /** Shows how far the scores of the shadows are from the answers. */
  watchShadows(reports: () => readonly ShadowReport[]): void;
  /** The journal had predictions of an earlier process. */
  journalRecovered(bytes: number): void;
  /** A file of the journal ends in the middle of a record that was never answered. */
  journalDamaged(segment: number, byte: number): void;
  journalPositionLost(position: string): void;
  unloadFailed(key: string, error: unknown): void;
  /** Shows how many calls the adaptive limit allows. */
  watchLimit(limit: () => number): void;
  /** Shows what each model explores, and what is known of its arms. */
  watchExplorations(reports: () => readonly ExplorationReport[]): void;
  /** Predictions answered since the start. */
  readonly answeredCount: number;
}

const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Facts that can come with every request are logged once in so many milliseconds. */
const logEveryMs = 5_000;

export function createTelemetry(logger: Logger, metrics: Metrics, queuedBytes: () => number): Telemetry {
  const requests = metrics.counter('everloop_gateway_requests_total', 'Requests by outcome', ['model', 'arm', 'code']);
  const latency = metrics.histogram(
    'everloop_gateway_request_duration_seconds',
    'From request to answer',
    latencyBuckets,
    ['model'],
  );
  const fallbacks = metrics.counter(
    'everloop_gateway_fallbacks_total',
    'Requests that the champion answered because the chosen version failed',
    ['model'],
  );
  const verdicts = metrics.counter('everloop_gateway_verdicts_total', 'Requests by what the gate did with them', [
    'model',
    'verdict',
  ]);
  const findings = metrics.counter(
    'everloop_gateway_gate_findings_total',
    'Bad values in requests by field, problem and what was done',
    ['model', 'field', 'problem', 'action'],
  );
  const rewards = metrics.counter('everloop_gateway_rewards_total', 'Rewards of calls that were taken or refused', [
    'result',
  ]);
  const late = metrics.counter(
    'everloop_gateway_late_requests_total',
    'Requests with an event time before the written watermark',
    ['model'],
  );
  const degraded = metrics.counter('everloop_gateway_degraded_rows_total', 'Rows answered without the online store');
  const dropped = metrics.counter('everloop_gateway_shadow_dropped_total', 'Shadow rows that were not logged', [
    'reason',
  ]);
  const explained = metrics.histogram(
    'everloop_gateway_explain_duration_seconds',
    'Explaining one row, without its wait for others',
    latencyBuckets,
    ['model'],
  );
  const evaluations = metrics.counter('everloop_gateway_explain_evaluations_total', 'Rows run to explain others', [
    'model',
  ]);
  const unexplained = metrics.counter(
    'everloop_gateway_attributions_dropped_total',
    'Rows that were logged without the attributions that their Model wants',
    ['model', 'reason'],
  );
  const overKafka = metrics.counter(
    'everloop_gateway_topic_requests_total',
    'Requests over Kafka by what their answer was',
    ['code'],
  );
  const lost = metrics.counter(
    'everloop_gateway_log_lost_total',
    'Times that files of the journal were gone, and answered predictions may be missing from the log',
  );
  const queued = metrics.gauge(
    'everloop_gateway_log_queued_bytes',
    'Bytes of predictions in the journal that Kafka does not have yet',
  );
  Object.assign(queued, { collect: () => queued.set(queuedBytes()) });
  const quiet = limiter(logEveryMs);
  let answeredCount = 0;
  return {
    get answeredCount() {
      return answeredCount;
    },
    answered(model, arm, latencySeconds) {
      answeredCount += 1;
      requests.inc({ model, arm, code: 'OK' });
      latency.observe({ model }, latencySeconds);
    },
    failed(model, error) {
      requests.inc({ model, arm: 'none', code: error instanceof ServiceError ? error.code : 'EVL_GATEWAY_INTERNAL' });
    },
    rewarded(count, isAccepted) {
      rewards.inc({ result: isAccepted ? 'accepted' : 'refused' }, count);
    },
    gated(model, verdict, found) {
      verdicts.inc({ model, verdict });
      if (found.length === 0) return;
      for (const { field, problem, action } of found) findings.inc({ model, field, problem, action });
      quiet(`gate ${model} ${verdict}`, () =>
        logger.warn(
          { model, verdict, findings: found.slice(0, 8).map(findingText), more: Math.max(0, found.length - 8) },
          'the gate found bad values in a request',
        ),
      );
    },
    failedOver(model, choice, error) {
      fallbacks.inc({ model });
      quiet(`fallback ${model}`, () =>
        logger.error({ err: error, model, version: choice.version }, 'the chosen version failed; the champion answers'),
      );
    },
    late(model, eventTimeMs) {
      late.inc({ model });
      quiet(`late ${model}`, () =>
        logger.warn(
          { model, eventTimeMs },
          'a request has an event time before the written watermark; its label may be missed',
        ),
      );
    },
    degraded: (rows) => degraded.inc(rows),
    explained(model, rows, seconds) {
      explained.observe({ model }, seconds);
      evaluations.inc({ model }, rows);
    },
    unexplained(model, reason, rows, error) {
      unexplained.inc({ model, reason }, rows);
      quiet(`unexplained ${model} ${reason}`, () =>
        logger.warn({ err: error, model, reason, rows }, 'rows are logged without their attributions'),
      );
    },
    requestAnswered: (code) => overKafka.inc({ code }),
    shadowDropped(reason, rows, error) {
      dropped.inc({ reason }, rows);
      quiet(`shadow ${reason}`, () => logger.error({ err: error, reason, rows }, 'shadow predictions were dropped'));
    },
    watchShadows(reports) {
      watch(metrics, reports);
    },
    journalRecovered: (bytes) =>
      logger.info({ bytes }, 'the journal has predictions that were answered before the start; they go to Kafka now'),
    journalDamaged: (segment, byte) =>
      logger.warn({ segment, byte }, 'a file of the journal ends within a record, which was never answered; left out'),
    journalPositionLost(position) {
      lost.inc();
      logger.error(
        { position },
        'Kafka knows a position of this journal that its folder does not have: files were removed, and predictions may be missing from the log',
      );
    },
    watchExplorations: (reports) => watchExplorations(metrics, reports),
    watchLimit(limit) {
      const gauge = metrics.gauge('everloop_gateway_limit_calls', 'Calls in flight that the adaptive limit allows');
      Object.assign(gauge, { collect: () => gauge.set(limit()) });
    },
    unloadFailed: (key, error) =>
      logger.warn({ err: error, key }, 'a version could not be unloaded; the next start of the model process drops it'),
  };
}

/** Read when asked for; a shadow that has gone is not shown any more, so that versions do not pile up. */
function watch(metrics: Metrics, reports: () => readonly ShadowReport[]): void {
  const labels = ['model', 'version'];
  const rows = metrics.gauge('everloop_gateway_shadow_compared_rows', 'Rows of a shadow that were compared', labels);
  const mean = metrics.gauge(
    'everloop_gateway_shadow_difference_mean_score',
    'Mean distance of the score of a shadow from the answer',
    labels,
    'average',
  );
  const max = metrics.gauge(
    'everloop_gateway_shadow_difference_max_score',
    'Largest distance of the score of a shadow from the answer',
    labels,
    'max',
  );
  const over = metrics.gauge(
    'everloop_gateway_shadow_over_tolerance_ratio',
    'Share of the rows of a shadow that differ by more than its tolerance',
    labels,
    'average',
  );
  const show = (gauge: Gauge, value: (report: ShadowReport) => number): void => {
    const collect = (): void => {
      gauge.reset();
      for (const report of reports()) gauge.set({ model: report.model, version: report.version }, value(report));
    };
    Object.assign(gauge, { collect });
  };
  show(rows, (report) => report.rows);
  show(mean, (report) => (report.rows === 0 ? 0 : report.sumAbs / report.rows));
  show(max, (report) => report.maxAbs);
  show(over, (report) => (report.rows === 0 ? 0 : report.over / report.rows));
}

/** Runs an action at most once in `everyMs` for each key of a small set. */
function limiter(everyMs: number): (key: string, action: () => void) => void {
  const lastMs = new Map<string, number>();
  return (key, action) => {
    const nowMs = performance.now();
    if (nowMs - (lastMs.get(key) ?? -Infinity) < everyMs) return;
    lastMs.set(key, nowMs);
    action();
  };
}

/** Read when asked for; an exploration that has ended is not shown any more. */
function watchExplorations(metrics: Metrics, reports: () => readonly ExplorationReport[]): void {
  const share = metrics.gauge(
    'everloop_gateway_explored_share_ratio',
    'Share of the requests that the exploration of a model gives to arms other than the best',
    ['model'],
    'max',
  );
  const matured = metrics.gauge(
    'everloop_gateway_arm_matured_decisions',
    'Decisions of an explored version whose reward is known',
    ['model', 'version'],
    'max',
  );
  Object.assign(share, {
    collect: () => {
      share.reset();
      for (const { model, epsilon } of reports()) share.set({ model }, epsilon);
    },
  });
  Object.assign(matured, {
    collect: () => {
      matured.reset();
      for (const { model, arms } of reports())
        for (const arm of arms) matured.set({ model, version: arm.version }, arm.matured);
    },
  });
}
