import { type Kind, kinds, nearest, type registry, resolveService } from '@everloop/contracts';
import { badInput } from './errors.ts';
import { withRegistry } from './registry-client.ts';
import { table } from './table.ts';

/** The kind that was meant: any case, with or without -, _ or a plural s. Throws EVL_CLI_INPUT_INVALID with the nearest. */
export function readKind(text: string): Kind {
  const fold = (word: string): string =>
    word
      .toLowerCase()
      .replace(/[-_\s]/g, '')
      .replace(/s$/, '');
  const kind = kinds.find((candidate) => fold(candidate) === fold(text));
  if (kind !== undefined) return kind;
  const meant = nearest(text, kinds);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  throw badInput(`there is no kind "${text}"${hint}; allowed: ${kinds.join(', ')}`);
}

/** The resources of a kind as a table, or the spec of one as JSON; of a FeatureService by its plain name the newest version. */
export async function getResources(kind: Kind, name: string | undefined, registryAddress: string): Promise<string> {
  const { resources } = await withRegistry(registryAddress, (client) => client.listResources({ kind }));
  if (name === undefined) {
    const rows = resources.map((resource) => [resource.name, String(resource.revision), resource.digest.slice(0, 12)]);
    return rows.length === 0 ? `no ${kind} is applied` : table(['NAME', 'REVISION', 'DIGEST'], rows);
  }
  const exact = kind === 'FeatureService' ? resolveService(name, names(resources)) : name;
  const found = resources.find((resource) => resource.name === exact);
  if (found === undefined) {
    const meant = nearest(name, names(resources));
    throw badInput(`there is no ${kind} "${name}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`);
  }
  return JSON.stringify(JSON.parse(found.specJson), null, 2);
}

function names(resources: readonly registry.Resource[]): string[] {
  return resources.map((resource) => resource.name);
}

/** The versions of a model as a table, oldest first. */
export async function getVersions(model: string, registryAddress: string): Promise<string> {
  const { versions } = await withRegistry(registryAddress, (client) => client.listVersions({ model }));
  if (versions.length === 0) return `"${model}" has no version yet`;
  return table(
    ['VERSION', 'STAGE', 'TRAINED AT', 'TRIGGER', 'ROWS', 'AUC', 'PARENT', 'GATES'],
    versions.map(versionRow),
  );
}

function versionRow(version: registry.ModelVersion): string[] {
  const auc = Object.entries(version.metrics).find(([name]) => /(^|[._])auc$/i.test(name))?.[1];
  const failed = version.gates.filter((gate) => gate.verdict !== 'pass').map((gate) => `${gate.name} ${gate.verdict}`);
  return [
    version.version,
    version.stage,
    new Date(version.eventTimeMs).toISOString().slice(0, 16).replace('T', ' '),
    version.trigger,
    String(version.dataset?.rows ?? 0),
    auc === undefined ? '-' : auc.toFixed(4),
    version.parentVersion === '' ? '-' : version.parentVersion,
    version.gates.length === 0 ? '-' : failed.length === 0 ? 'all pass' : failed.join(', '),
  ];
}
