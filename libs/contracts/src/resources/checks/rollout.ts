import { compileCel } from '../../cel.ts';
import { ContractError, type Finding } from '../../errors.ts';
import { askedFields } from '../actions.ts';
import type { RolloutSpec } from '../types.ts';
import { ofKind, type ResourceOf } from '../wire.ts';
import { type CheckContext, repeats, unknownName, wrongValue } from './context.ts';
import { checkModelOnce } from './operations.ts';

type Rollout = ResourceOf<'Rollout'>;

/** What `record` holds beside the request's fields. */
const unitField = 'unit';

/** What is wrong with a Rollout: its model, its steps, or versions and rules that cannot be combined. Nothing is left out without a word. */
export function checkRollout(rollout: Rollout, context: CheckContext): Finding[] {
  return [
    ...checkModelOnce('Rollout', rollout, context),
    ...checkStrategy(rollout.spec),
    ...checkSteps(rollout.spec),
    ...checkWeights(rollout.spec),
    ...checkRoles(rollout.spec),
    ...checkTargets(rollout.spec, context),
    ...checkExploration(rollout.spec),
  ];
}

function checkStrategy({ strategy, steps, bakeMs }: RolloutSpec): Finding[] {
  if (strategy === 'canary') {
    const findings: Finding[] = [];
    if (steps.length === 0)
      findings.push(
        wrongValue(['spec', 'steps'], 'the strategy canary needs at least one step', 'a weight and a hold'),
      );
    if (bakeMs !== undefined)
      findings.push(wrongValue(['spec', 'bake'], 'the strategy canary has no bake: its steps have holds'));
    return findings;
  }
  const findings: Finding[] = [];
  if (steps.length > 0)
    findings.push(
      wrongValue(['spec', 'steps'], 'the strategy blue-green switches at once and has no steps; give a bake'),
    );
  if (bakeMs === undefined)
    findings.push(wrongValue(['spec', 'strategy'], 'the strategy blue-green needs a bake', 'bake: 1d and so on'));
  return findings;
}

function checkSteps({ steps }: RolloutSpec): Finding[] {
  return steps.flatMap((step, i) => {
    const before = steps[i - 1];
    if (before === undefined || step.weight > before.weight) return [];
    const message = `the weight ${step.weight} is not above the ${before.weight} of the step before`;
    return [wrongValue(['spec', 'steps', i, 'weight'], message)];
  });
}

function checkWeights({ steps, challengers }: RolloutSpec): Finding[] {
  const millionths = (weight: number): number => Math.round(weight * 1e6);
  const largest = Math.max(0, ...steps.map((step) => millionths(step.weight)));
  const total = challengers.reduce((sum, { weight }) => sum + millionths(weight), largest);
  if (total <= 1e6) return [];
  const canary = largest > 0 ? ` with the largest canary step ${largest / 1e6}` : '';
  return [
    wrongValue(['spec', 'challengers'], `the weights are ${total / 1e6} together${canary}; at most 1 can be drawn`),
  ];
}

/** Each version has one role; a shadow that answers would be compared with itself. */
function checkRoles({ champion, challengers, targets, shadows, exploration }: RolloutSpec): Finding[] {
  const findings: Finding[] = [];
  for (const [list, items] of Object.entries({ challengers, shadows })) {
    const named: readonly { readonly version: string }[] = items;
    for (const { index, key } of repeats(named, ({ version }) => version))
      findings.push(wrongValue(['spec', list, index, 'version'], `version ${key} is there twice`));
  }
  challengers.forEach(({ version }, i) => {
    if (version === champion)
      findings.push(wrongValue(['spec', 'challengers', i, 'version'], `version ${version} is the champion`));
  });
  const answering = new Map([
    ...targets.map(({ name, version }) => [version, `the target "${name}"`] as const),
    ...challengers.map(({ version }) => [version, 'a challenger'] as const),
    ...(exploration?.versions ?? []).map((version) => [version, 'an explored version'] as const),
    ...(champion === undefined ? [] : [[champion, 'the champion'] as const]),
  ]);
  shadows.forEach(({ version }, i) => {
    const role = answering.get(version);
    if (role === undefined) return;
    const message = `version ${version} answers as ${role}; a shadow answers nobody`;
    findings.push(wrongValue(['spec', 'shadows', i, 'version'], message));
  });
  return findings;
}

function checkExploration({ exploration, challengers }: RolloutSpec): Finding[] {
  if (exploration === undefined) return [];
  const path = ['spec', 'exploration'];
  const { versions, epsilon, floor } = exploration;
  const findings = repeats(versions, (version) => version).map(({ index, key }) =>
    wrongValue([...path, 'versions', index], `version ${key} is there twice`),
  );
  if (challengers.length > 0) {
    const message = 'an exploration decides what each version takes; standing challengers beside it would take it away';
    findings.push(wrongValue(['spec', 'challengers'], message, 'either of them'));
  }
  if (floor > epsilon)
    findings.push(
      wrongValue([...path, 'floor'], `the floor ${floor} is above epsilon, ${epsilon}; epsilon only falls`),
    );
  return findings;
}

function checkTargets({ model, targets }: RolloutSpec, context: CheckContext): Finding[] {
  const findings: Finding[] = repeats(targets, ({ name }) => name).map(({ index, key }) =>
    wrongValue(['spec', 'targets', index, 'name'], `there are two targets "${key}"`),
  );
  const found = ofKind(context.resources, 'Model').find(({ name }) => name === model);
  const fields = found === undefined ? undefined : askedFields(found.spec).map(({ name }) => name);
  targets.forEach(({ cel }, i) => findings.push(...checkRule(cel, ['spec', 'targets', i, 'cel'], fields)));
  return findings;
}

function checkRule(cel: string, path: Finding['path'], fields: readonly string[] | undefined): Finding[] {
  try {
    const named = compileCel(cel).fields;
    if (fields === undefined) return [];
    const known = [...fields, unitField];
    const clash = fields.includes(unitField) && named.includes(unitField);
    return [
      ...named
        .filter((field) => !known.includes(field))
        .map((field) => unknownName(path, `the request has no field "${field}"`, field, known)),
      ...(clash
        ? [wrongValue(path, 'record.unit is a request field of this Model and the unit of the draw alike')]
        : []),
    ];
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return [wrongValue(path, error.message)];
  }
}
