import { ofKind } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { tripResources } from '../../test/fixtures.ts';
import { labelsSql } from './dataset-sql.ts';

const spec = ofKind(tripResources('x'), 'Model')[0]?.spec;

describe('labels of a training set', () => {
  it.each([
    ['the first, where the Model does not say', undefined, 1, /ORDER BY [^ ,]+, [^ ,]+, [^ ,]+\) = 1/],
    ['the first', 'first' as const, 1, /ORDER BY [^ ,]+, [^ ,]+, [^ ,]+\) = 1/],
    ['the last', 'last' as const, 1, /ORDER BY [^ ,]+ DESC, [^ ,]+ DESC, [^ ,]+ DESC\) = 1/],
  ])('%s', (_, conflict, asOfMs, expected) => {
    if (spec === undefined) throw new Error('the fixture has a Model');
    const label = conflict === undefined ? spec.label : { ...spec.label, conflict };
    expect(labelsSql({ ...spec, label }, 'labels', asOfMs)).toMatch(expected);
  });

  it('are 0 or 1, or the numbers themselves', () => {
    if (spec === undefined) throw new Error('the fixture has a Model');
    const { above, ...numeric } = spec.label;
    expect(labelsSql(spec, 'labels', 1)).toContain(`CAST("${spec.label.field}" > ${above ?? NaN} AS DOUBLE) AS y`);
    expect(labelsSql({ ...spec, label: numeric }, 'labels', 1)).toContain(`CAST("${spec.label.field}" AS DOUBLE) AS y`);
  });
});
