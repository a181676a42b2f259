import { canonicalJson, registry } from '@everloop/contracts';
import { versionSubject } from '../domain/projection.ts';
import type { StageChange } from '../domain/stages.ts';
import { asModelVersion, type StoredVersion } from '../domain/versions.ts';
import type { RegistryWriter } from '../ports.ts';
import { versionEvent } from './events.ts';

/** A decided change of a version that is there. */
export interface StageToRecord {
  readonly before: StoredVersion;
  readonly change: StageChange;
  /** Event time of the cause. */
  readonly eventTimeMs: number;
  /** Topic of the event. */
  readonly topic: string;
}

/** Writes a change of stage within a transaction: ledger entry, new stage, event. */
export function recordStage(
  writer: RegistryWriter,
  { before, change, eventTimeMs, topic }: StageToRecord,
): StoredVersion {
  const { registered } = before;
  const { to: stage, from: previousStage, reason } = change;
  const fact: registry.SetStageRequest = {
    model: registered.model,
    version: change.version,
    stage,
    reason,
    eventTimeMs,
  };
  const body = canonicalJson(registry.SetStageRequest.toJSON(fact));
  const entry = writer.append({ type: 'stage.changed', subject: versionSubject(registered), body });
  writer.setStage(registered.model, change.version, stage);
  const after: StoredVersion = { registered, stage };
  const version = asModelVersion(after);
  writer.enqueue(versionEvent(topic, { version, previousStage, reason, eventTimeMs, cause: entry.hash }));
  return after;
}
