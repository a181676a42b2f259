import { serving } from '@everloop/contracts';
import { table } from '../table.ts';
import type { ShownDecision } from './show.ts';

/** A decision for people: how it came about, what the model saw, what became of it. */
export function decisionText(shown: ShownDecision): string {
  const parts = [`decision ${shown.decisionId}`];
  if (shown.inference !== null) parts.push(...inferenceParts(shown, serving.Inference.fromJSON(shown.inference)));
  for (const { of, arms, pmf, seed, drawn, difference } of shown.draws) {
    const probabilities = arms.map((arm, at) => `${arm} ${pmf[at] ?? '?'}`).join(', ');
    const again = difference === '' ? `drawn again: ${drawn}` : `DIFFERENT when drawn again: ${difference}`;
    parts.push(`${of} drawn from ${probabilities}\nseed ${seed}\n${again}`);
  }
  if (shown.inference === null) parts.push(`decision record\n${lines(shown.decision)}`);
  for (const shadow of shown.shadows) {
    const { modelVersion, score } = serving.Inference.fromJSON(shadow);
    parts.push(`shadow ${modelVersion}: ${score}`);
  }
  parts.push(shown.outcome === null ? 'no outcome yet' : `outcome\n${lines(shown.outcome)}`);
  for (const reward of shown.rewards) parts.push(`reward\n${lines(reward)}`);
  return parts.join('\n\n');
}

function inferenceParts(shown: ShownDecision, one: serving.Inference): string[] {
  const how = one.learn ? `${one.arm}, drawn with probability ${one.propensity}` : one.arm;
  const rows = [
    ['model', `${one.model} version ${one.modelVersion} (${one.modelDigest.slice(0, 12)})`],
    ['request', one.requestId],
    ['unit', one.unit],
    ['join key', one.joinKey],
    ['at', new Date(one.eventTimeMs).toISOString()],
    ['by', how],
    ...(one.intendedVersion === '' ? [] : [['instead of', `${one.intendedArm} ${one.intendedVersion}`]]),
    ['policy', one.policyRevision],
    ['verdict', [one.verdict, ...one.gateFindings].join('; ')],
    ['score', String(one.score)],
    ['log', `partition/offset ${shown.place ?? '-'}`],
  ];
  const inputs = [
    ...one.inputNames.map((name, at) => [name, valueText(one.inputValues[at])]),
    ...one.requestNames.map((name, at) => [`(${name})`, valueText(one.requestValues[at])]),
  ];
  return [table(['', ''], rows).trimStart(), table(['INPUT', 'VALUE'], inputs)];
}

function valueText(value: serving.FeatureValue | undefined): string {
  const kind = value?.kind;
  return kind === undefined || kind.$case === 'missing' ? 'missing' : String(kind.value);
}

function lines(json: unknown): string {
  return Object.entries(json as object)
    .map(([name, value]) => `  ${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n');
}
