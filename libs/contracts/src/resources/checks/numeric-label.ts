import type { Finding } from '../../errors.ts';
import { hasNumericLabel, type ModelSpec, type MonitorSpec } from '../types.ts';
import { wrongValue } from './context.ts';

/** Recipe of a Model that is never trained here: its versions are registered from outside. */
const noRecipe = 'none';

/** What is wrong with the label of a Model and with what is made of it: labels of two classes can be learned here, numbers cannot. */
export function checkLabelKind({
  label,
  training,
  choose,
  rewards,
}: Pick<ModelSpec, 'choose' | 'label' | 'rewards' | 'training'>): Finding[] {
  if (!hasNumericLabel(label)) {
    if (label.default === undefined || label.default === 0 || label.default === 1) return [];
    return [wrongValue(['spec', 'label', 'default'], `the label is 0 or 1 (above), never ${label.default}`, '0 or 1')];
  }
  const findings: Finding[] = [];
  if (training.recipe !== noRecipe) {
    const message = `recipe "${training.recipe}" fits labels of two classes, and a label without above is a number: versions of this Model are registered from outside`;
    findings.push(wrongValue(['spec', 'training', 'recipe'], message, `${noRecipe}, or a label with above`));
  }
  if (choose !== undefined && rewards === undefined) {
    const message = 'actions are judged by labels of two classes; a label without above is a number';
    findings.push(wrongValue(['spec', 'choose'], message, 'rewards, or a label with above'));
  }
  return findings;
}

/** What a Monitor cannot ask of a Model whose label is a number. */
export function checkNumericMonitor(
  { retrain, performance }: Pick<MonitorSpec, 'performance' | 'retrain'>,
  model: { readonly name: string; readonly spec: Pick<ModelSpec, 'label'> },
): Finding[] {
  const isNumeric = hasNumericLabel(model.spec.label);
  if (performance !== undefined && isNumeric !== (performance.maxMaeExcess !== undefined)) {
    const message = isNumeric
      ? `the label of Model "${model.name}" is a number: say how much its mean absolute error may grow, in its unit`
      : `the label of Model "${model.name}" is 0 or 1, which is judged by maxLogLossExcess`;
    return [wrongValue(['spec', 'performance', 'maxMaeExcess'], message)];
  }
  if (!isNumeric || !retrain) return [];
  const message = `Model "${model.name}" has a numeric label, which no recipe fits`;
  return [wrongValue(['spec', 'retrain'], message, 'false')];
}
