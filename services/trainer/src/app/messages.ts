import { encodeEvent, eventId, topics, training, type registry } from '@everloop/contracts';
import type { BusRecord, OutRecord } from '@everloop/kafka';
import { errorText } from '@everloop/service';
import { jobIdOf } from '../domain/job-ids.ts';
import type { TrainingRequest } from '../domain/requests.ts';

const source = 'everloop/trainer';

/** A request as it came from the topic; an unreadable one gives the reason. */
export function readRequest(record: BusRecord): TrainingRequest | { readonly problem: string } {
  try {
    const { id, model, trigger, reason, eventTimeMs } = training.RetrainingRequested.fromJSON(
      JSON.parse(record.value?.toString('utf8') ?? ''),
    );
    if (id === '' || model === '') return { problem: 'id or model is missing' };
    return { id, model, trigger, reason, eventTimeMs };
  } catch (error) {
    return { problem: errorText(error) };
  }
}

function jobEvent(request: TrainingRequest, state: training.JobState, reason: string): training.JobEvent {
  return training.JobEvent.fromPartial({
    jobId: jobIdOf(request.id),
    requestId: request.id,
    model: request.model,
    trigger: request.trigger,
    state,
    reason,
    eventTimeMs: request.eventTimeMs,
  });
}

export function startedEvent(request: TrainingRequest): training.JobEvent {
  return jobEvent(request, training.JobState.STARTED, request.reason);
}

export function skippedEvent(request: TrainingRequest, reason: string): training.JobEvent {
  return jobEvent(request, training.JobState.SKIPPED, reason);
}

export function failedEvent(request: TrainingRequest, reason: string, durationMs: number): training.JobEvent {
  return { ...jobEvent(request, training.JobState.FAILED, reason), durationMs: Math.round(durationMs) };
}

export function succeededEvent(
  request: TrainingRequest,
  version: registry.ModelVersion,
  durationMs: number,
): training.JobEvent {
  const failed = version.gates
    .filter((gate) => gate.verdict !== 'pass')
    .map((gate) => `${gate.name} ${gate.verdict}: ${gate.detail}`);
  return {
    ...jobEvent(request, training.JobState.SUCCEEDED, failed.length === 0 ? 'every gate passed' : failed.join('; ')),
    version: version.version,
    // The version may have moved on since; what the gates said stays.
    versionStage: failed.length === 0 && version.gates.length > 0 ? 'approved' : 'rejected',
    gates: version.gates,
    metrics: version.metrics,
    rows: version.dataset?.rows ?? 0,
    durationMs: Math.round(durationMs),
  };
}

export function jobRecord(event: training.JobEvent): OutRecord {
  const encoded = encodeEvent({
    id: eventId('job-event', event.jobId, event.state),
    type: topics.trainingJob,
    source,
    subject: event.model,
    eventTimeMs: event.eventTimeMs,
    data: training.JobEvent.toJSON(event),
  });
  return { topic: topics.trainingJob, partition: 0, key: event.model, ...encoded };
}
