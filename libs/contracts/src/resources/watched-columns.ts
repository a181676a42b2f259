import type { ModelSpec } from './model-types.ts';

/** Measures of a text, as its columns are named: `<input>.<measure>`. */
const textMeasures = ['length', 'encoding', 'unknownWords', 'ngrams'];

/** What a Monitor of the model can watch, by name: see `buildReferences` of @everloop/drift, which makes these columns. */
export function watchedColumns({
  inputs,
  embeddings = [],
}: Pick<ModelSpec, 'inputs' | 'embeddings'>): readonly string[] {
  const embedded = new Set(embeddings.flatMap((embedding) => embedding.inputs));
  const single = inputs.filter(({ name }) => !embedded.has(name));
  return [
    ...single.flatMap(({ name, text }) =>
      text === true ? textMeasures.map((measure) => `${name}.${measure}`) : [name],
    ),
    ...embeddings.flatMap(({ name, inputs: own, components }) => [
      `${name}.norm`,
      ...Array.from({ length: Math.min(components, own.length - 1) }, (_, c) => `${name}.component${c + 1}`),
      `${name}.residual`,
    ]),
    'score',
    'gate.verdict',
    ...single.map(({ name }) => `attribution.${name}`),
  ];
}

/**
 * Whether a name in a Monitor stands for a column: its own, or that of the text or embedding that it is measured from, or the group (`gate`,
 * `attribution`).
 */
export function namesColumn(name: string, column: string): boolean {
  return column === name || column.startsWith(`${name}.`);
}
