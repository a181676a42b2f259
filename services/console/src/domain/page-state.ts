import { challengerWeight, championWeight, type drift } from '@everloop/contracts';
import { aucFromBins } from '@everloop/stats';
import { pageDecisions, type PageDecisions } from './drift-state.ts';
import { pageQuality, type PageQuality } from './quality-state.ts';
import type { LogLine, LoopState, ModelView, ScoreBins, VersionRow } from './loop-state.ts';

/** What the browser gets: JSON, small, ready to draw. */
export interface PageState {
  /** Newest watermark of the stages that follow the producers, epoch milliseconds; null before there is one. */
  readonly eventTimeMs: number | null;
  readonly stages: readonly PageStage[];
  readonly models: readonly PageModel[];
  readonly quality: PageQuality;
  /** Newest first. */
  readonly log: readonly LogLine[];
}

export interface PageStage {
  readonly name: string;
  readonly watermarkMs: number;
  /** How far behind the newest stage, event-time milliseconds. */
  readonly lagMs: number;
  readonly recordsPerSecond: number | null;
  readonly records: number;
}

export interface PageModel {
  readonly model: string;
  readonly traffic: readonly { readonly version: string; readonly role: string; readonly share: number }[];
  readonly versions: readonly VersionRow[];
  readonly drift: {
    readonly windowEndMs: number;
    readonly verdict: string;
    readonly action: string;
    readonly rows: number;
    readonly fields: readonly {
      readonly field: string;
      readonly psi: number;
      readonly ks: number | null;
      readonly drifted: boolean;
      /** PSI in the windows until this one, oldest first; null where a window does not know the field. */
      readonly history: readonly (number | null)[];
    }[];
  } | null;
  /** What was decided on the drift, and the alarms that are up. */
  readonly decided: PageDecisions;
  /** Share of drifted fields and largest PSI by window. */
  readonly driftHistory: readonly { readonly endMs: number; readonly drifted: number; readonly psiMax: number }[];
  /** Area under the ROC curve by event week, from binned scores; null where one class is missing. */
  readonly auc: readonly {
    readonly weekMs: number;
    readonly served: number | null;
    readonly neverRetrained: number | null;
    readonly labelled: number;
  }[];
}

export function toPage(state: LoopState): PageState {
  const newest = state.stages.length === 0 ? null : Math.max(...state.stages.map((stage) => stage.watermarkMs));
  return {
    eventTimeMs: newest,
    stages: state.stages.map((stage) => ({
      name: stage.stage === 'main' ? stage.service : `${stage.service} · ${stage.stage}`,
      watermarkMs: stage.watermarkMs,
      lagMs: (newest ?? stage.watermarkMs) - stage.watermarkMs,
      recordsPerSecond: stage.recordsPerSecond,
      records: stage.records,
    })),
    models: state.models.map(pageModel),
    quality: pageQuality(state.quality),
    log: state.log.toReversed(),
  };
}

function pageModel(model: ModelView): PageModel {
  const latest = model.reports.at(-1);
  return {
    model: model.model,
    traffic: traffic(model),
    versions: model.versions,
    drift:
      latest === undefined
        ? null
        : {
            windowEndMs: latest.windowEndMs,
            verdict: latest.verdict.replace('DRIFT_VERDICT_', '').toLowerCase(),
            action: latest.reason,
            rows: latest.rows,
            fields: latest.fields
              .map(({ field, psi, ksStatistic, drifted }) => ({
                field,
                psi,
                ks: ksStatistic ?? null,
                drifted,
                history: model.reports.map((report) => psiOf(report, field)),
              }))
              .sort((a, b) => b.psi - a.psi),
          },
    decided: pageDecisions(model.decided),
    driftHistory: model.reports.map((report) => ({
      endMs: report.windowEndMs,
      drifted: report.fields.filter((field) => field.drifted).length,
      psiMax: Math.max(0, ...report.fields.map((field) => field.psi)),
    })),
    auc: model.weeks.map((week) => ({
      weekMs: week.weekMs,
      served: binnedAuc(week.served),
      neverRetrained: binnedAuc(week.neverRetrained),
      labelled: sum(week.served.negative) + sum(week.served.positive),
    })),
  };
}

function psiOf(report: drift.DriftReport, field: string): number | null {
  return report.fields.find((other) => other.field === field)?.psi ?? null;
}

function traffic(model: ModelView): PageModel['traffic'] {
  const route = model.route;
  if (route === null) return [];
  return [
    { version: route.championVersion, role: 'champion', share: championWeight(route) },
    ...route.challengers.map((one) => ({ version: one.version, role: 'canary', share: challengerWeight(one) })),
    ...route.shadows.map(({ version, share }) => ({ version, role: 'shadow', share })),
  ];
}

function binnedAuc(bins: ScoreBins): number | null {
  return sum(bins.negative) === 0 || sum(bins.positive) === 0 ? null : aucFromBins(bins.negative, bins.positive);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
