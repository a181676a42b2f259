import type { registry } from '@everloop/contracts';
import { isStage, type Stage } from './stages.ts';

/** A stored version: what was registered, which never changes, and the stage, which does. */
export interface StoredVersion {
  readonly registered: registry.ModelVersion;
  readonly stage: Stage;
}

/** The version as it is now. */
export function asModelVersion(stored: StoredVersion): registry.ModelVersion {
  return { ...stored.registered, stage: stored.stage };
}

/** The number that the next version of a model gets: "1", "2", …. */
export function nextVersion(versions: readonly StoredVersion[]): string {
  return String(versions.reduce((highest, stored) => Math.max(highest, Number(stored.registered.version)), 0) + 1);
}

/** Stages in which a version may be registered. */
const initialStages: readonly string[] = ['candidate', 'approved', 'rejected'];

/** The stage that a registration asks for; candidate unless it says that the gates have decided already. */
export function initialStage(stage: string): 'candidate' | 'approved' | 'rejected' {
  return stage === 'approved' || stage === 'rejected' ? stage : 'candidate';
}

/** Why a version was approved or rejected, from its gates. */
export function gateSummary(version: registry.ModelVersion): string {
  const missed = version.gates.filter((gate) => gate.verdict !== 'pass');
  if (version.gates.length === 0) return 'no gates were reported';
  if (missed.length === 0) return `all ${version.gates.length} gates passed`;
  return missed.map((gate) => `${gate.name}: ${gate.verdict} (${gate.detail})`).join('; ');
}

/** What is wrong with a version that asks to be registered; empty when nothing is. */
export function versionProblems(version: registry.ModelVersion): string[] {
  const problems: string[] = [];
  if (version.model === '') problems.push('model is empty');
  if (version.jobId === '') problems.push('job_id is empty; it makes a repeated registration one version');
  if (version.version !== '') problems.push(`version is "${version.version}", but the registry assigns it`);
  if (!['', ...initialStages].includes(version.stage)) {
    problems.push(`stage is "${version.stage}"; a version begins as ${initialStages.join(', ')}`);
  }
  for (const artifact of version.artifacts) {
    if (!/^[a-z0-9][a-z0-9._-]{0,99}$/.test(artifact.name))
      problems.push(`artifact name "${artifact.name}" is not a plain file name`);
    if (!/^[0-9a-f]{64}$/.test(artifact.digest))
      problems.push(`digest of artifact "${artifact.name}" is not a SHA-256 in hex`);
  }
  for (const [name, value] of Object.entries(version.metrics)) {
    if (!Number.isFinite(value)) problems.push(`metric "${name}" is ${value}; leave out what could not be computed`);
  }
  for (const gate of version.gates) {
    if (!Number.isFinite(gate.champion) || !Number.isFinite(gate.challenger)) {
      problems.push(`gate "${gate.name}" compares numbers that are not finite`);
    }
  }
  return problems;
}

/** The stage of a stored text. Throws for a text that no version can have: the store was changed from outside. */
export function storedStage(text: string): Stage {
  if (isStage(text)) return text;
  throw new Error(`the registry's store has a version with the unknown stage "${text}"`);
}
