import type { registry } from '@everloop/contracts';
import { decideStage, isStage, stages } from '../domain/stages.ts';
import { asModelVersion } from '../domain/versions.ts';
import { refuse } from '../errors.ts';
import { type AppContext, requireRoom } from './context.ts';
import { versionNotFound } from './read.ts';
import { recordStage } from './record-stage.ts';

/**
 * Moves a version to a stage; with `production` the version that was there is archived in the same transaction. A version that is
 * in the stage already is left as it is, so a repeat does nothing.
 */
export function setStage(context: AppContext, request: registry.SetStageRequest): registry.SetStageResponse {
  const { model, version, stage } = request;
  if (!isStage(stage)) {
    throw refuse('EVL_REGISTRY_STAGE_INVALID', `there is no stage "${stage}"; allowed: ${stages.join(', ')}`);
  }
  const { stored, changes } = context.store.transaction((writer) => {
    const versions = writer.versions(model);
    const staged = versions.map((v) => ({ version: v.registered.version, stage: v.stage }));
    const decision = decideStage(staged, version, stage, request.reason);
    switch (decision.kind) {
      case 'missing':
        throw versionNotFound(writer, model, version);
      case 'illegal': {
        const allowed = decision.allowed.length === 0 ? 'none, it is final' : decision.allowed.join(', ');
        const message = `version ${version} of "${model}" is ${decision.from} and cannot become ${stage}; allowed: ${allowed}`;
        throw refuse('EVL_REGISTRY_STAGE_PRECONDITION', message);
      }
      case 'unchanged':
        return { stored: writer.version(model, version), changes: [] };
      case 'changed':
        requireRoom(writer, context.outboxEventsMax);
        for (const change of decision.changes) {
          const before = versions.find((v) => v.registered.version === change.version);
          if (before === undefined) continue;
          recordStage(writer, { before, change, eventTimeMs: request.eventTimeMs, topic: context.topics.modelVersion });
        }
        return { stored: writer.version(model, version), changes: decision.changes };
    }
  });
  if (changes.length > 0) context.outbox.wake();
  for (const change of changes) context.telemetry.stageChanged(model, change);
  return { version: stored === null ? undefined : asModelVersion(stored) };
}
