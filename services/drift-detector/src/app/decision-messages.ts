import { drift, driftEventTypes, encodeEvent, topics, training } from '@everloop/contracts';
import type { Decided } from '@everloop/drift';
import type { OutRecord } from '@everloop/kafka';

const source = 'everloop/drift-detector';

const decisionTypes: Readonly<Record<string, string>> = {
  [drift.RetrainOutcome.REQUESTED]: driftEventTypes.requested,
  [drift.RetrainOutcome.DEFERRED]: driftEventTypes.deferred,
  [drift.RetrainOutcome.SUPPRESSED]: driftEventTypes.suppressed,
};

interface Message {
  readonly topic: string;
  readonly id: string;
  readonly type: string;
  readonly causationId: string;
  readonly data: unknown;
}

/** What a decision writes, in this order: itself, its alerts, its request; all of one flow. */
export function decisionRecords({ decision, alerts, request }: Decided): readonly OutRecord[] {
  const { model, correlationId, eventTimeMs, reportId } = decision;
  const messages: Message[] = [
    {
      ...{ topic: topics.driftDecision, id: decision.id, causationId: reportId },
      type: decisionTypes[decision.outcome] ?? driftEventTypes.decided,
      data: drift.Decision.toJSON(decision),
    },
    ...alerts.map((alert) => ({
      ...{ topic: topics.driftAlert, id: alert.id, causationId: reportId },
      type: alert.resolved ? driftEventTypes.resolved : driftEventTypes.detected,
      data: drift.DriftAlert.toJSON(alert),
    })),
  ];
  if (request !== null) {
    const topic = topics.retrainingRequested;
    const data = training.RetrainingRequested.toJSON(request);
    messages.push({ topic, id: request.id, type: topic, causationId: decision.id, data });
  }
  return messages.map(({ topic, ...event }) => ({
    ...{ topic, partition: 0, key: model },
    ...encodeEvent({ ...event, source, subject: model, eventTimeMs, correlationId }),
  }));
}
