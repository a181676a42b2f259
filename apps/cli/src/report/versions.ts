import type { registry } from '@everloop/contracts';
import type { Answers } from './decisions.ts';
import type { VersionRow } from './types.ts';

const time = (ms: number): string => new Date(ms).toISOString();

/** One row for each version, in the order of registration, from the registry's events. `answers` by `<model>/<version>`. */
export function versionRows(
  events: readonly registry.VersionChanged[],
  answers: ReadonlyMap<string, Answers>,
): readonly VersionRow[] {
  const newest = new Map<string, registry.ModelVersion>();
  for (const { version } of events)
    if (version !== undefined) newest.set(`${version.model}/${version.version}`, version);
  return [...newest].map(([key, version]) => {
    const answered = answers.get(key);
    return {
      model: version.model,
      version: version.version,
      trainedAt: time(version.eventTimeMs),
      rows: version.dataset?.rows ?? 0,
      trigger: version.trigger,
      stage: version.stage,
      parent: version.parentVersion,
      gates: version.gates.map(({ name, verdict, detail }) => ({ name, verdict, detail })),
      firstServed: answered === undefined ? null : time(answered.firstMs),
      answers: Math.round(answered?.count ?? 0),
      modelDigest: version.artifacts.find(({ name }) => name === 'model.onnx')?.digest ?? '',
      datasetHash: version.dataset?.contentHash ?? '',
      held: heldOf(version.parameters['held']),
    };
  });
}

/** The ranges that the trainer recorded. */
function heldOf(text: string | undefined): VersionRow['held'] {
  if (text === undefined) return [];
  const ranges = JSON.parse(text) as readonly { fromMs: number; untilMs: number; reason: string }[];
  return ranges.map(({ fromMs, untilMs, reason }) => ({ from: time(fromMs), until: time(untilMs), reason }));
}
