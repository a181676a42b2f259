import { canonicalJson, registry, servicePinnedBy } from '@everloop/contracts';
import { hintFor } from '../domain/resources.ts';
import type { StageChange } from '../domain/stages.ts';
import { versionSubject } from '../domain/projection.ts';
import {
  asModelVersion,
  gateSummary,
  initialStage,
  nextVersion,
  type StoredVersion,
  versionProblems,
} from '../domain/versions.ts';
import { refuse } from '../errors.ts';
import { type AppContext, requireRoom } from './context.ts';
import { versionEvent } from './events.ts';
import { recordStage } from './record-stage.ts';

/**
 * Registers what a training job made, as a candidate with the next number; when the request already says that it is approved or
 * rejected, it moves there in the same transaction. The same job again gets the version it got before, as it is now, whatever
 * else the request says.
 */
export function registerVersion(
  context: AppContext,
  request: registry.RegisterVersionRequest,
): registry.RegisterVersionResponse {
  const { version } = request;
  if (version === undefined) throw refuse('EVL_REGISTRY_VERSION_INVALID', 'the request has no version');
  const { stored, isNew } = context.store.transaction((writer) => {
    const known = writer.versionOfJob(version.model, version.jobId);
    if (known !== null) return { stored: known, isNew: false };
    const problems = versionProblems(version);
    if (problems.length > 0)
      throw refuse('EVL_REGISTRY_VERSION_INVALID', `job "${version.jobId}": ${problems.join('; ')}`);
    requireModel(
      writer.resources('Model').map((resource) => resource.name),
      version.model,
    );
    requireService(
      writer.resources('FeatureService').map((resource) => resource.name),
      version,
    );
    requireRoom(writer, context.outboxEventsMax);
    const registered = { ...version, version: nextVersion(writer.versions(version.model)), stage: 'candidate' };
    const added: StoredVersion = { registered, stage: 'candidate' };
    writer.addVersion(added);
    const body = canonicalJson(registry.ModelVersion.toJSON(registered));
    const entry = writer.append({ type: 'version.registered', subject: versionSubject(registered), body });
    const reason = `registered by job ${version.jobId}`;
    writer.enqueue(
      versionEvent(context.topics.modelVersion, {
        version: registered,
        previousStage: '',
        reason,
        eventTimeMs: version.eventTimeMs,
        cause: entry.hash,
      }),
    );
    const decided = initialStage(version.stage);
    if (decided === 'candidate') return { stored: added, isNew: true };
    const change: StageChange = {
      version: registered.version,
      from: 'candidate',
      to: decided,
      reason: gateSummary(version),
    };
    const topic = context.topics.modelVersion;
    const moved = recordStage(writer, { before: added, change, eventTimeMs: version.eventTimeMs, topic });
    return { stored: moved, isNew: true };
  });
  if (isNew) {
    context.outbox.wake();
    context.telemetry.versionRegistered(asModelVersion(stored));
  }
  return { version: asModelVersion(stored) };
}

/** A version that was trained with a FeatureService names one that is applied. */
function requireService(known: readonly string[], { parameters, jobId }: registry.ModelVersion): void {
  const service = servicePinnedBy(parameters);
  if (service === undefined || known.includes(service)) return;
  const message = `job "${jobId}": there is no FeatureService "${service}"${hintFor(service, known)}; apply it first`;
  throw refuse('EVL_REGISTRY_VERSION_INVALID', message);
}

function requireModel(known: readonly string[], model: string): void {
  if (known.includes(model)) return;
  const message = `there is no Model "${model}"${hintFor(model, known)}; apply its resources first`;
  throw refuse('EVL_REGISTRY_MODEL_NOT_FOUND', message);
}
