import { readFile, writeFile } from 'node:fs/promises';
import {
  exportOdcs,
  importOdcs,
  loadResources,
  nearest,
  ofKind,
  parseResource,
  parseResources,
  ResourceErrors,
  type ExportedSource,
  type OdcsNote,
  type WrittenSource,
} from '@everloop/contracts';
import { errorText } from '@everloop/service';
import type { Command } from 'commander';
import { Document, parseDocument, stringify } from 'yaml';
import { badInput } from '../errors.ts';
import { addresses } from '../options.ts';
import { withRegistry } from '../registry-client.ts';
import type { ContractsContext } from './command.ts';

/** Largest contract file, bytes. */
const fileBytesMax = 8 * 1_048_576;

interface ExportOptions {
  readonly from?: string;
  readonly registry?: string;
  readonly brokers?: string;
  readonly version?: string;
  readonly out?: string;
}

interface ImportOptions {
  readonly key?: string;
  readonly eventTime?: string;
  readonly out?: string;
}

/** `everloop contract export|import`. */
export function addOdcsCommands(program: Command, { env, print }: ContractsContext): void {
  const group = program
    .command('contract')
    .description('contracts of Sources in the form of the Open Data Contract Standard v3.1');
  const give = async (text: string, out: string | undefined): Promise<void> => {
    if (out === undefined) print(text.trimEnd());
    else {
      await writeFile(out, text);
      print(`written to ${out}`);
    }
  };
  group
    .command('export')
    .description('write applied Sources, or those of a folder, as one contract')
    .argument('<source...>', 'names of Sources')
    .option('--from <folder>', 'read the Sources from a folder of resources instead of the registry')
    .option('--brokers <list>', 'Kafka that the contract names as its server, host:port[,host:port]')
    .option('--contract-version <version>', 'version of the contract', '1.0.0')
    .option('--out <file>', 'write it to a file instead')
    .option('--registry <address>', 'registry, host:port (EVL_REGISTRY_ADDRESS)')
    .action(async (names: string[], options: ExportOptions & { readonly contractVersion: string }) => {
      const { from, out, brokers, contractVersion } = options;
      const all = from === undefined ? await applied(addresses(env, options).registryAddress) : await written(from);
      const sources = names.map((name) => found(all, name));
      const contract = exportOdcs(sources, {
        version: contractVersion,
        ...(brokers === undefined ? {} : { brokers }),
      });
      await give(stringify(contract, { lineWidth: 0 }), out);
    });
  group
    .command('import')
    .description('draw Sources from a contract, and say what they cannot say')
    .argument('<file>', 'contract, YAML or JSON')
    .option('--key <field>', 'field that is the Kafka key, where the contract does not tell')
    .option('--event-time <field>', 'field with the event time, where the contract does not tell')
    .option('--out <file>', 'write the resources to a file instead')
    .action(async (file: string, { out, ...options }: ImportOptions) => {
      await give(importText(await readContract(file), options), out);
    });
}

async function applied(registryAddress: string): Promise<readonly ExportedSource[]> {
  const { resources } = await withRegistry(registryAddress, (client) => client.listResources({ kind: 'Source' }));
  return ofKind(resources.map(parseResource), 'Source');
}

async function written(folder: string): Promise<readonly ExportedSource[]> {
  return ofKind((await loadResources(folder)).resources, 'Source');
}

function found(sources: readonly ExportedSource[], name: string): ExportedSource {
  const source = sources.find((each) => each.name === name);
  if (source !== undefined) return source;
  const names = sources.map((each) => each.name);
  const meant = nearest(name, names);
  const hint = meant === undefined ? `; there are: ${names.join(', ') || 'none'}` : `; did you mean "${meant}"?`;
  throw badInput(`there is no Source "${name}"${hint}`);
}

async function readContract(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw badInput(`${file} cannot be read: ${errorText(error)}`);
  });
  if (text.length > fileBytesMax) throw badInput(`${file} is longer than ${fileBytesMax} bytes`);
  // Few aliases: a small file must not become a large tree.
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw badInput(`${file} is neither YAML nor JSON: ${problem.message}`);
  return document.toJS({ maxAliasCount: 100 });
}

/** The Sources as resources, with remarks and what is still wrong with them in comments before. */
function importText(contract: unknown, options: Omit<ImportOptions, 'out'>): string {
  const { sources, notes } = importOdcs(contract, options);
  const documents = sources.map(({ name, spec }) => new Document({ kind: 'Source', name, spec }));
  const head = [
    ...notes.map(noteText),
    ...problemsOf(sources).map((problem) => `Before it can be applied: ${problem}`),
  ];
  const [first] = documents;
  if (first !== undefined && head.length > 0) first.commentBefore = head.map((line) => ` ${line}`).join('\n');
  return documents.map((document) => document.toString({ lineWidth: 0 })).join('---\n');
}

function noteText({ path, message }: OdcsNote): string {
  return `${path}: ${message}`.replaceAll(/\s+/g, ' ');
}

/** What `everloop apply` would say of them. */
function problemsOf(sources: readonly WrittenSource[]): readonly string[] {
  try {
    parseResources(
      sources.map(({ name, spec }) => ({ name: `${name}.yaml`, text: stringify({ kind: 'Source', name, spec }) })),
    );
    return [];
  } catch (error) {
    if (!(error instanceof ResourceErrors)) throw error;
    return error.problems.map(
      ({ file, path, message }) => `${file.replace(/\.yaml$/, '')} ${path.join('.')}: ${message}`,
    );
  }
}
