import { features } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { serviceOf, serviceTable, serviceText } from './services.ts';

const services = [1, 2, 10].map((version) =>
  features.DescribeResponse_Service.fromPartial({
    ...{ name: 'lateness', version, description: 'late', digest: 'abcdef0123456789', features: ['delays.mean_late'] },
    request: [{ name: 'hour', type: 'number' }],
    onDemand: [{ name: 'hours', type: 'number', cel: 'delays.mean_late / 60', description: '' }],
    models: version === 2 ? ['late'] : [],
  }),
);

describe('feature services on the command line', () => {
  it('are found by name, the newest, or exactly', () => {
    expect(['lateness', 'lateness@2', 'lateness@3', 'x'].map((name) => serviceOf(name, services)?.version)).toEqual([
      ...[10, 2],
      ...[undefined, undefined],
    ]);
  });

  it('are listed with who pins them', () => {
    const lines = serviceTable(services).split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(/^lateness@2 +1 +1 +abcdef012345 +late$/);
  });

  it('are described with what they compute', () => {
    const [, second] = services;
    if (second === undefined) throw new Error('no service');
    const text = serviceText(second);
    expect(text).toMatch(/pinned by +Model\/late/);
    expect(text).toMatch(/request +hour \(number\)/);
    expect(text).toMatch(/onDemand.hours +number +delays.mean_late \/ 60/);
  });
});
