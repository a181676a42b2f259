import { topics, type training } from '@everloop/contracts';
import type { Batch, TaskContext, TaskHandler } from '@everloop/kafka';
import { classify, errorText } from '@everloop/service';
import {
  decide,
  dueGroups,
  emptyQueue,
  settled,
  withRequest,
  type RequestGroup,
  type TrainingRequest,
} from '../domain/requests.ts';
import { nothingHeld } from '../domain/holds.ts';
import { jobIdOf } from '../domain/job-ids.ts';
import type { Catalogue, TrainingData } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { checkTriggers } from './check-triggers.ts';
import { cleanDataOf, type CleanData, type HeldDataDependencies } from './held-data.ts';
import { failedEvent, jobRecord, readRequest, skippedEvent, startedEvent, succeededEvent } from './messages.ts';
import { train, type TrainingDependencies } from './train.ts';

const noData: CleanData = { held: nothingHeld, cleanRows: 0, allRows: 0 };

export interface TrainingTaskOptions extends TrainingDependencies, HeldDataDependencies {
  readonly catalogue: Catalogue;
  readonly data: TrainingData;
  readonly signal: AbortSignal;
  readonly telemetry: Telemetry;
}

/**
 * The single task: retraining requests in, job events out. On a watermark everything that is due is decided and trained to its end before the
 * watermark is passed on, so that whoever follows it sees the outcome. While state is rebuilt nothing is run: it was.
 */
export function createTrainingTask(options: TrainingTaskOptions): TaskHandler {
  const { telemetry, catalogue } = options;
  let queue = emptyQueue;
  /** When requests were written, wall clock, by id. */
  let writtenMs: ReadonlyMap<string, number> = new Map();

  function take(request: TrainingRequest, atMs: number): void {
    queue = withRequest(queue, request);
    if (!writtenMs.has(request.id)) writtenMs = new Map([...writtenMs, [request.id, atMs]]);
  }

  /** Tells of what has not ended, and forgets the rest. */
  function tellWaiting(): void {
    const waiting = queue.pending.map(({ id, model }) => ({ id, model, sinceMs: writtenMs.get(id) ?? Date.now() }));
    writtenMs = new Map(waiting.map(({ id, sinceMs }) => [id, sinceMs]));
    telemetry.waiting(waiting);
  }

  return {
    onRecords: (batch: Batch) => {
      for (const record of batch.records) {
        const request = readRequest(record);
        if ('problem' in request) telemetry.unreadableRequest(String(record.offset), request.problem);
        else take(request, record.timestampMs);
      }
      tellWaiting();
    },
    onWatermark: async (watermarkMs, context) => {
      if (!context.replaying) {
        for (const request of await checkTriggers(options, queue.watermarkMs, watermarkMs)) take(request, Date.now());
        tellWaiting();
        for (const group of dueGroups(queue, watermarkMs)) await handle(group, context);
        context.emitWatermark(topics.trainingJob, watermarkMs, 0);
      }
      queue = settled(queue, watermarkMs);
      tellWaiting();
    },
    settled: (isCommitted) => {
      // Somebody else, or the next handler, has them now.
      if (!isCommitted) telemetry.waiting([]);
    },
  };

  async function handle(group: RequestGroup, context: TaskContext): Promise<void> {
    const emit = (event: training.JobEvent): void => {
      context.emit(jobRecord(event));
      telemetry.jobEvent(event);
    };
    const model = catalogue.model(group.model);
    const clean = model === undefined ? noData : await cleanDataOf(options, model, group.eventTimeMs);
    const { held, cleanRows, allRows } = 'problem' in clean ? noData : clean;
    const decision = decide(queue, group, {
      ...{ minRows: model?.spec.training.minRows ?? null, labelledRows: cleanRows, heldRows: allRows - cleanRows },
      ...{ openHolds: held.open, problem: 'problem' in clean ? clean.problem : null },
    });
    if (decision.kind === 'skip' || model === undefined) {
      const reason = decision.kind === 'skip' ? decision.reason : `no Model named ${group.model} is applied`;
      for (const request of [group.chosen, ...group.others]) emit(skippedEvent(request, reason));
      return;
    }
    for (const request of group.others) emit(skippedEvent(request, `coalesced into ${jobIdOf(group.chosen.id)}`));
    emit(startedEvent(group.chosen));
    const startedAt = performance.now();
    try {
      const { version } = await train(options, group.chosen, model, { held, cleanRows });
      emit(succeededEvent(group.chosen, version, performance.now() - startedAt));
    } catch (error) {
      // A stop, or something that comes back, is no outcome of the job: the task goes back to its last commit and does it again.
      if (options.signal.aborted || classify(error) === 'retryable') throw error;
      telemetry.jobFailed(group.chosen, error);
      emit(failedEvent(group.chosen, errorText(error), performance.now() - startedAt));
    }
  }
}
