import type { Finding } from '../../errors.ts';
import type { ResourceOf } from '../wire.ts';
import { repeats, unknownName, wrongValue } from './context.ts';

/** Names that columns begin with that belong to no input. */
const reserved = ['score', 'gate', 'attribution'];

/** What is wrong with the texts and embeddings of a Model: their inputs, their types, their names. */
export function checkEmbeddings({ spec }: ResourceOf<'Model'>): Finding[] {
  const { inputs, embeddings = [] } = spec;
  const findings = inputs.flatMap(({ text, type }, i) =>
    text === true && type !== 'category'
      ? [wrongValue(['spec', 'inputs', i, 'text'], 'only a category can be free text', 'type: category')]
      : [],
  );
  const numbers = inputs.filter(({ type }) => type === 'number').map(({ name }) => name);
  const taken = [...inputs.map(({ name }) => name), ...reserved];
  embeddings.forEach(({ name, inputs: own }, i) => {
    const path = ['spec', 'embeddings', i];
    if (taken.includes(name)) findings.push(wrongValue([...path, 'name'], `"${name}" is the name of something else`));
    own.forEach((input, part) => {
      if (numbers.includes(input)) return;
      findings.push(unknownName([...path, 'inputs', part], `there is no number input "${input}"`, input, numbers));
    });
  });
  const names = repeats(embeddings, ({ name }) => name);
  findings.push(
    ...names.map(({ index, key }) =>
      wrongValue(['spec', 'embeddings', index, 'name'], `there are two embeddings "${key}"`),
    ),
  );
  const members = embeddings.flatMap(({ inputs: own }, i) => own.map((input, part) => ({ input, i, part })));
  for (const { index, key } of repeats(members, ({ input }) => input)) {
    const { i, part } = members[index] ?? { i: 0, part: 0 };
    findings.push(wrongValue(['spec', 'embeddings', i, 'inputs', part], `input "${key}" is in two embeddings`));
  }
  return findings;
}
