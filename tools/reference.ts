/**
 * Makes docs/reference from the program: error codes, metrics, topics, configuration and the gateway's OpenAPI document. Then looks for names in the documents, alert rules and
 * runbooks that the program does not have.
 *
 *   node tools/reference.ts           writes the pages
 *   node tools/reference.ts --check   changes nothing; exit code 1 when a page or a name is stale
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'prettier';
import { collectErrors } from './reference/errors.ts';
import { staleNames, type Names } from './reference/mentions.ts';
import { collectMetrics } from './reference/metrics.ts';
import { configurationPage, errorsPage, metricsPage, topicsPage, type VariableEntry } from './reference/pages.ts';
import { readSources } from './reference/source.ts';
import { collectTopicFamilies, collectTopics } from './reference/topics.ts';
import { collectVariables } from './reference/variables.ts';

const root = path.resolve(import.meta.dirname, '..');
const folder = 'docs/reference';
const topicsFile = 'libs/contracts/src/topics.ts';

type ConfigKeys = Readonly<Record<string, Omit<VariableEntry, 'services'>>>;

/** Variables of all services, those of several once. */
async function readConfiguration(): Promise<readonly VariableEntry[]> {
  const found = new Map<string, VariableEntry>();
  for (const service of readdirSync(path.join(root, 'services')).sort()) {
    const file = path.join(root, 'services', service, 'src', 'config.ts');
    const { configSchema } = (await import(pathToFileURL(file).href)) as { readonly configSchema?: ConfigKeys };
    if (configSchema === undefined) throw new Error(`${file} must export configSchema`);
    for (const key of Object.values(configSchema)) {
      const services = [...(found.get(key.env)?.services ?? []), service];
      found.set(key.env, { ...key, services });
    }
  }
  return [...found.values()].sort((a, b) => (a.env < b.env ? -1 : 1));
}

/** Documents that name things: pages of the repository and what operators install. */
function documents(): readonly string[] {
  const all = ['docs', 'deploy', 'libs', 'services', 'apps', 'examples', 'recipes'].flatMap((name) =>
    readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' }).map((each) => `${name}/${each}`),
  );
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docker-compose.yml', ...all]
    .map((name) => name.replaceAll(path.sep, '/'))
    .filter((name) => /\.(md|ya?ml)$/.test(name) && !/node_modules|^docs\/reference\//.test(name));
}

async function main(isCheck: boolean): Promise<number> {
  const sources = readSources(root);
  const topicsSource = sources.find((each) => each.path === topicsFile);
  if (topicsSource === undefined) throw new Error(`${topicsFile} is gone`);
  const configuration = await readConfiguration();
  const variables = new Set([...configuration.map(({ env }) => env), ...collectVariables(sources)]);
  const names: Names = {
    errors: collectErrors(sources, variables),
    metrics: collectMetrics(sources),
    topics: collectTopics(topicsSource),
    topicFamilies: collectTopicFamilies(topicsSource),
    variables,
  };
  const { openApiDocument } = await import('../services/gateway/src/adapters/openapi.ts');
  const { serverVersion } = await import('../services/gateway/src/app/inference-service.ts');
  const pages = {
    'gateway-openapi.json': JSON.stringify(openApiDocument(serverVersion)),
    'errors.md': errorsPage(names.errors),
    'metrics.md': metricsPage(names.metrics),
    'topics.md': topicsPage(names.topics),
    'configuration.md': configurationPage(configuration),
  };
  let isStale = false;
  for (const [name, text] of Object.entries(pages)) {
    const file = path.join(root, folder, name);
    const wanted = await format(
      text,
      name.endsWith('.json') ? { parser: 'json', printWidth: 120 } : { parser: 'markdown', printWidth: 180 },
    );
    if (existsSync(file) && readFileSync(file, 'utf8') === wanted) continue;
    if (isCheck) {
      console.error(`${folder}/${name} is not what the program says: run "npm run reference".`);
      isStale = true;
    } else {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, wanted);
    }
  }
  for (const file of documents()) {
    for (const { name } of staleNames(file, readFileSync(path.join(root, file), 'utf8'), names)) {
      console.error(`${file} speaks of ${name}, which the program does not have.`);
      isStale = true;
    }
  }
  return isStale ? 1 : 0;
}

process.exitCode = await main(process.argv.includes('--check'));
