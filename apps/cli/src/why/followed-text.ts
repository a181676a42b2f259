import { type rollout, training } from '@everloop/contracts';
import type { Followed } from './chain.ts';

type Row = readonly [name: string, text: string];

/** Rollout steps that are shown of a version, the newest. */
const stepsMax = 8;
const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ').replace(' 00:00', '');

/** What came of a request, a row for each stage that it has reached; none for a decision that asked for nothing. */
export function followedRows({ request, jobs, versions, steps }: Followed): readonly Row[] {
  const last = jobs.at(-1);
  if (request === null && last === undefined) return [];
  const rows: Row[] = [['request', request === null ? 'not in the log any more' : request.id]];
  if (last === undefined) return [...rows, ['training', 'the trainer has not taken it up yet']];
  rows.push(['training', jobText(last)]);
  const gates = last.gates.map(({ name, verdict, detail }) => `${verdict.padEnd(12)} ${name}: ${detail}`);
  if (gates.length > 0) rows.push(['gates', gates.join('\n')]);
  const stages = versions.map(({ version, eventTimeMs }) => `${version?.stage ?? ''} ${day(eventTimeMs)}`);
  if (stages.length > 0) rows.push(['version', `${last.version}: ${stages.join(' → ')}`]);
  if (steps.length > 0) rows.push(['rollout', stepsText(steps)]);
  return rows;
}

function jobText({ state, version, versionStage, reason, rows, eventTimeMs, jobId }: training.JobEvent): string {
  const because = reason === '' ? '' : `: ${reason}`;
  switch (state) {
    case training.JobState.STARTED:
      return `runs since ${day(eventTimeMs)} (job ${jobId})${because}`;
    case training.JobState.SUCCEEDED:
      return `gave version ${version} from ${rows} rows, ${versionStage}${because}`;
    case training.JobState.FAILED:
      return `FAILED (job ${jobId})${because}`;
    case training.JobState.SKIPPED:
      return `skipped${because}`;
    case training.JobState.UNSPECIFIED:
      return `unknown state${because}`;
  }
}

/** Equal steps one after the other are one, with how often. */
function stepsText(steps: readonly rollout.RolloutStep[]): string {
  const runs: { readonly step: rollout.RolloutStep; times: number }[] = [];
  for (const step of steps) {
    const before = runs.at(-1);
    if (before?.step.action === step.action && before.step.canaryWeight === step.canaryWeight) before.times += 1;
    else runs.push({ step, times: 1 });
  }
  const left = Math.max(0, runs.length - stepsMax);
  const lines = runs.slice(left).map(({ step: { eventTimeMs, action, canaryWeight, reason }, times }) => {
    const weight = action === 'canary' || action === 'advanced' ? ` ${Math.round(canaryWeight * 100)} %` : '';
    return `${day(eventTimeMs)} ${action}${weight}${times > 1 ? ` (${times} times)` : ''}${reason === '' ? '' : `: ${reason}`}`;
  });
  return [...(left > 0 ? [`${left} earlier steps`] : []), ...lines].join('\n');
}
