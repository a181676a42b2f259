import { describe, expect, it } from 'vitest';

import { tripResources } from '../../test/fixtures.ts';
import { topologyOf } from './topology.ts';

describe('what follows from the applied resources', () => {
  const resources = tripResources('t');

  it('reads each source that a view, the examples or the labels need', () => {
    const { work, waiting } = topologyOf(resources);
    expect([...work.keys()].sort()).toEqual(['t.arrived.valid', 't.planned.valid']);
    expect(work.get('t.arrived.valid')?.views.map(({ name }) => name)).toEqual(['origin', 'vehicle']);
    expect(waiting).toEqual([]);
  });

  it('says what it waits for while resources are missing', () => {
    const { work, waiting } = topologyOf(resources.filter(({ name }) => name !== 'arrived'));
    expect([...work.keys()]).toEqual(['t.planned.valid']);
    expect(waiting).toEqual([
      'FeatureView origin: there is no Source "arrived": apply it',
      'FeatureView vehicle: there is no Source "arrived": apply it',
      'There is no Source "arrived" yet',
    ]);
  });

  it('is the same work in any order of resources, and other work when a window changes', () => {
    const base = topologyOf(resources).identity;
    expect(topologyOf(resources.toReversed()).identity).toBe(base);
    const changed = resources.map((resource) =>
      resource.kind === 'FeatureView' && resource.name === 'origin'
        ? { ...resource, spec: { ...resource.spec, hopMs: 20 } }
        : resource,
    );
    expect(topologyOf(changed).identity).not.toBe(base);
  });
});
