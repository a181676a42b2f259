import { drift, outcomes, topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { QualityFold } from '../report/quality.ts';
import { firstVersion, readControl, readJson, readRecords } from '../report/read-logs.ts';
import { driftStory, type DriftStory } from './story.ts';

const hourMs = 3_600_000;

/** Reads the logs of drift and outcomes once, from the beginning; windows are whole hours, so outcomes are kept by hour. About 200 bytes a prediction. */
export async function readStory(bus: Bus, model: string, monitor?: string): Promise<DriftStory | null> {
  const { driftReports: reports, requests, steps } = await readControl(bus);
  const decisions = await readJson(bus, topics.driftDecision, (json) => drift.Decision.fromJSON(json));
  const fold = new QualityFold();
  await readRecords(bus, [topics.outcomeSettled], ({ value }) => {
    if (value === null) return;
    const outcome = outcomes.Outcome.decode(value);
    if (outcome.model !== model || outcome.kind !== outcomes.OutcomeKind.LABELLED) return;
    fold.add({
      ...{ joinKey: outcome.joinKey, score: outcome.score, label: outcome.label },
      span: String(Math.floor(outcome.predictedAtMs / hourMs) * hourMs),
      isServed: outcome.arm !== 'shadow',
      isFirst: outcome.modelVersion === firstVersion,
    });
  });
  return driftStory({
    ...{ model, reports, decisions, requests, steps },
    ...(monitor === undefined ? {} : { monitor }),
    quality: (startMs, endMs) => fold.quality((span) => Number(span) >= startMs && Number(span) < endMs),
  });
}
