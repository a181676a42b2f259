import { compareSources, describeChange, type Kind, parseResource, type registry } from '@everloop/contracts';
import { badInput } from './errors.ts';
import { withRegistry } from './registry-client.ts';

/** The revisions of a resource, newest first, each with what changed. */
export async function getHistory(kind: Kind, name: string | undefined, registryAddress: string): Promise<string> {
  if (name === undefined)
    throw badInput(`name the ${kind} whose history is wanted: everloop get ${kind} <name> --history`);
  const { revisions } = await withRegistry(registryAddress, (client) => client.listRevisions({ kind, name }));
  if (revisions.length === 0) throw badInput(`no ${kind} "${name}" was ever applied`);
  return formatHistory(revisions);
}

/** As `getHistory`, from revisions that are oldest first. */
export function formatHistory(revisions: readonly registry.ListRevisionsResponse_Revision[]): string {
  const blocks = revisions.map(({ resource, sequence, overridden }, i) => {
    const head = `revision ${resource?.revision ?? 0}, ledger entry ${sequence}, digest ${resource?.digest.slice(0, 12) ?? ''}`;
    const changes = differences(revisions[i - 1]?.resource, resource).map((line) => `  ${line}`);
    return [head, ...changes, ...overridden.map((line) => `  let pass: ${line}`)].join('\n');
  });
  return blocks.toReversed().join('\n');
}

function differences(before: registry.Resource | undefined, after: registry.Resource | undefined): string[] {
  if (after === undefined) return [];
  if (before === undefined) return ['created'];
  const [old, now] = [parseResource(before), parseResource(after)];
  if (old.kind === 'Source' && now.kind === 'Source') {
    const changes = compareSources(old.spec, now.spec).map(describeChange);
    return changes.length > 0 ? changes : ['changed, but not what records are valid'];
  }
  const [oldSpec, newSpec] = [old.spec, now.spec].map((spec) => new Map(Object.entries(spec)));
  const keys = [...new Set([...(oldSpec?.keys() ?? []), ...(newSpec?.keys() ?? [])])];
  return keys
    .filter((key) => JSON.stringify(oldSpec?.get(key)) !== JSON.stringify(newSpec?.get(key)))
    .map((key) => `${key}: ${shown(oldSpec?.get(key))} → ${shown(newSpec?.get(key))}`);
}

function shown(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
