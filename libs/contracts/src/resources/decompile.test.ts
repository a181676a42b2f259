import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decompileSpec } from './compile.ts';
import { parseResources } from './load.ts';

const files = ['sources', 'features', 'model', 'operations'].map((name) => {
  const url = new URL(`../../../../examples/flights/resources/${name}.yaml`, import.meta.url);
  return { name: `${name}.yaml`, text: readFileSync(url, 'utf8') };
});

describe('a compiled spec as it is written', () => {
  const compiled = parseResources(files);
  it.each(compiled.map((resource) => [`${resource.kind} ${resource.name}`, resource] as const))(
    '%s',
    (_name, { kind, name, spec }) => {
      const written = { kind, name, spec: decompileSpec(kind, spec) };
      // One alone would miss what it refers to.
      const others = compiled.filter((one) => one.name !== name || one.kind !== kind);
      const texts = [
        written,
        ...others.map((one) => ({ ...one, revision: undefined, spec: decompileSpec(one.kind, one.spec) })),
      ];
      const again = parseResources([
        { name: 'all.yaml', text: texts.map((one) => JSON.stringify(one)).join('\n---\n') },
      ]);
      expect(again.find((one) => one.kind === kind && one.name === name)?.spec).toEqual(spec);
    },
  );

  it('durations are short, and defaults are left out', () => {
    const source = compiled.find(({ name }) => name === 'flights-scheduled');
    const written = decompileSpec('Source', source?.spec) as Record<string, unknown>;
    expect(written).not.toHaveProperty('allowedLateness');
    expect(written).not.toHaveProperty('unexpected');
    expect(written).toMatchObject({ windows: [{ every: '1d' }] });
  });
});
