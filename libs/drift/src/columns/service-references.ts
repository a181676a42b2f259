import { drift } from '@everloop/contracts';

/** Verdicts of the gate, see serving.v1.Inference. */
const verdicts = ['accept', 'flag', 'impute', 'default'];

/** Attributions from here on have bins, in the unit of the score; two to an octave up to 1. */
const attributionLeast = 1 / 1_024;
const attributionSteps = 20;

/** Edges that do for any model whose score is a probability: attributions lie between -1 and 1. */
function attributionEdges(): number[] {
  const above = Array.from({ length: attributionSteps }, (_, k) => attributionLeast * 2 ** (k / 2));
  return [...above.map((edge) => -edge).reverse(), 0, ...above];
}

/** The rates of the gate's verdicts. No training row has met the gate, so the reference is empty: it is learned in service. */
export function verdictReference(): drift.FieldReference {
  return drift.FieldReference.fromPartial({
    field: 'gate.verdict',
    kind: 'categorical',
    categories: [...verdicts],
    counts: [...verdicts, 'other'].map(() => 0),
    measure: { kind: 'verdict' },
  });
}

/** What an input contributes to the score, where explanations are asked for. The reference is learned in service. */
export function attributionReference(input: string): drift.FieldReference {
  const edges = attributionEdges();
  return drift.FieldReference.fromPartial({
    field: `attribution.${input}`,
    kind: 'numeric',
    edges,
    counts: [0, ...edges.map(() => 0)],
    measure: { kind: 'attribution', inputs: [input] },
  });
}
