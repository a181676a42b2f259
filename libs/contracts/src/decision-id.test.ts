import { expect, it } from 'vitest';
import { decisionIdOf } from './decision-id.ts';
import { eventId } from './events.ts';

it.each([
  ['the only row', 0, null, ['decision', 'm', 'r']],
  ['a shadow of the only row', 0, '2', ['decision', 'm', 'r', '2']],
  ['the first of several rows', 1, null, ['decision', 'm', 'r', '#0']],
  ['a shadow of the third of several rows', 3, '2', ['decision', 'm', 'r', '#2', '2']],
])('the decision of %s', (_, requestRow, version, parts) => {
  expect(decisionIdOf({ model: 'm', requestId: 'r', requestRow }, version)).toBe(eventId(...parts));
});
