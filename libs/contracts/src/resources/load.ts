import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ContractError, type ResourceProblem, ResourceErrors } from '../errors.ts';
import { checkResources } from './checks/index.ts';
import { compileSpec } from './compile.ts';
import { type Declared, type ResourceDocument, readDocuments } from './documents.ts';
import { kinds } from './schemas.ts';
import type { TypedResource } from './types.ts';

/** Largest file, bytes: far above any folder of resources a person writes, and small enough to parse in memory. */
const fileBytesMax = 1_048_576;
/** Most files in a folder; more means that the wrong folder was named. */
const filesMax = 500;

/** What a file is called in messages, and its text. */
export interface ResourceFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Reads every `.yaml` and `.yml` file under a folder (or one file), checks each document and what they say about one another, and
 * returns the compiled resources in order of kind and name, revision 0.
 *
 * Throws ResourceErrors (EVL_RESOURCE_INVALID) with all problems of all files, or ContractError EVL_RESOURCE_NOT_FOUND when the
 * folder cannot be read or has no resources.
 */
export async function loadResources(folder: string): Promise<{ resources: TypedResource[] }> {
  const paths = await resourcePaths(folder);
  if (paths.length === 0) throw notFound(folder, 'there is no .yaml or .yml file in it');
  if (paths.length > filesMax)
    throw notFound(folder, `it has more than ${filesMax} YAML files; is it the right folder?`);
  const files = await Promise.all(paths.map((path) => readResourceFile(path)));
  return { resources: parseResources(files) };
}

/** As `loadResources`, from text that is already in memory. */
export function parseResources(files: readonly ResourceFile[]): TypedResource[] {
  const problems: ResourceProblem[] = [];
  const documents: ResourceDocument[] = [];
  const declared: Declared[] = [];
  for (const file of files) {
    const read = readDocuments(file);
    documents.push(...read.documents);
    declared.push(...read.declared);
    problems.push(...read.problems);
  }
  problems.push(...duplicates(documents));
  const compiled = documents.map((document) => ({
    document,
    // The document has passed the schema of its kind, which is what the type says; a test compares the two.
    resource: {
      kind: document.kind,
      name: document.name,
      revision: 0,
      spec: compileSpec(document.kind, document.spec),
    } as TypedResource,
  }));
  const byResource = new Map(compiled.map(({ resource, document }) => [resource, document]));
  for (const { resource, finding } of checkResources(
    compiled.map((entry) => entry.resource),
    declared,
  )) {
    const document = byResource.get(resource);
    if (document !== undefined) problems.push(document.locate(finding));
  }
  if (problems.length > 0) throw new ResourceErrors(problems.sort(byPlace));
  return compiled.map((entry) => entry.resource).sort(byKindAndName);
}

function duplicates(documents: readonly ResourceDocument[]): ResourceProblem[] {
  const first = new Map<string, ResourceDocument>();
  const problems: ResourceProblem[] = [];
  for (const document of documents) {
    const key = `${document.kind}/${document.name}`;
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, document);
      continue;
    }
    const place = earlier.locate({ path: ['name'], at: 'value', message: '' });
    const message = `there is already a ${document.kind} named "${document.name}" at ${place.file}:${place.line}`;
    problems.push(document.locate({ path: ['name'], at: 'value', message }));
  }
  return problems;
}

async function resourcePaths(folder: string): Promise<string[]> {
  try {
    if ((await stat(folder)).isFile()) return [folder];
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(
        (path) =>
          !relative(folder, path)
            .split(/[\\/]/)
            .some((part) => part.startsWith('.') || part === 'node_modules'),
      )
      .sort();
  } catch (error) {
    throw notFound(folder, error instanceof Error ? error.message : String(error), error);
  }
}

async function readResourceFile(path: string): Promise<ResourceFile> {
  const { size } = await stat(path);
  if (size > fileBytesMax)
    throw notFound(path, `it has ${size} bytes, more than the ${fileBytesMax} that a resource file may have`);
  return { name: path, text: await readFile(path, 'utf8') };
}

function notFound(where: string, why: string, cause?: unknown): ContractError {
  const message = `no resources can be read from ${where}: ${why}; name a folder with YAML resources`;
  return new ContractError('EVL_RESOURCE_NOT_FOUND', message, cause);
}

function byPlace(a: ResourceProblem, b: ResourceProblem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

function byKindAndName(a: TypedResource, b: TypedResource): number {
  const order = kinds.indexOf(a.kind) - kinds.indexOf(b.kind);
  if (order !== 0) return order;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
