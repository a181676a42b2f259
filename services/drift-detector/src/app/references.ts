import {
  hasEveryPhase,
  phaseReferences,
  referenceFor,
  type DueWindow,
  type PhaseReferences,
  type Reference,
} from '@everloop/drift';
import type { BaselineStore, HistoryStore } from '../ports.ts';
import { keepUsed } from './kept.ts';

/** What windows are compared with. */
export interface References {
  /**
   * The training rows of the window's version, those of its phases where its Monitor says so; null: the version has no baseline. Rejects with a
   * retryable error while the registry is away.
   */
  of(window: DueWindow): Promise<Reference>;
}

export interface ReferencesOptions {
  readonly baselines: BaselineStore;
  readonly histories: HistoryStore;
  /** Versions of which references by phase are kept. */
  readonly phasesMax: number;
}

/** Makes references by phase of the histories of versions, and keeps those used last: a history is read once for its version, not for each window. */
export function createReferences({ baselines, histories, phasesMax }: ReferencesOptions): References {
  const kept = keepUsed<PhaseReferences>(phasesMax);
  return {
    async of(window) {
      const { model, baselineVersion: version } = window.counts;
      const { phase } = window.monitor.spec.reference;
      const baseline = version === '' ? null : await baselines.get(model, version);
      if (baseline === null || hasEveryPhase(phase, window)) return baseline;
      const references = await kept(`${model}/${version}/${phase}`, async () => {
        const panes = await histories.get(baseline);
        return panes === null ? null : phaseReferences(baseline, phase, panes);
      });
      return referenceFor(references ?? phaseReferences(baseline, phase, null), window);
    },
  };
}
