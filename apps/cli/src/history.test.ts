import { parseResources, toWire, type registry } from '@everloop/contracts';
import { expect, it } from 'vitest';
import { formatHistory } from './history.ts';

function revision(number: number, max: number, overridden: string[] = []): registry.ListRevisionsResponse_Revision {
  const text = `
kind: Source
name: trips
spec:
  topic: trips
  key: id
  eventTime: at
  fields: { id: { type: string, required: true, maxLength: ${max} }, at: { type: timestamp, required: true } }
`;
  const [source] = parseResources([{ name: 'f.yaml', text }]);
  if (source === undefined) throw new Error('no source');
  return { resource: { ...toWire(source), revision: number }, sequence: number * 2, overridden };
}

it('shows each revision with what changed, the newest first', () => {
  const lines = formatHistory([revision(1, 9), revision(2, 8, ['id: max']), revision(3, 8)]).split('\n');
  expect(lines.map((line) => line.replace(/digest .*/, 'digest'))).toEqual([
    'revision 3, ledger entry 6, digest',
    '  changed, but not what records are valid',
    'revision 2, ledger entry 4, digest',
    '  id: maxLength 9 → 8 (breaks backward)',
    '  let pass: id: max',
    'revision 1, ledger entry 2, digest',
    '  created',
  ]);
});
