import { type Document, isMap, isScalar, LineCounter, parseAllDocuments } from 'yaml';
import type { Finding, ResourceProblem } from '../errors.ts';
import { listNames, nearest } from '../suggest.ts';
import { featureServiceName } from './feature-services.ts';
import { isKind, kinds } from './schemas.ts';
import type { Kind } from './types.ts';
import { validateDocument } from './validate.ts';

/** A YAML document whose shape is right. */
export interface ResourceDocument {
  readonly kind: Kind;
  readonly name: string;
  /** The spec as written, with defaults. */
  readonly spec: unknown;
  /** The finding with the file, line and column of what it is about. */
  locate(finding: Finding): ResourceProblem;
}

/** Kind and name of a document whose shape may be wrong: references to it are not reported as missing as well. */
export interface Declared {
  readonly kind: Kind;
  readonly name: string;
}

/** The documents of one file. */
export interface FileDocuments {
  readonly documents: readonly ResourceDocument[];
  readonly problems: readonly ResourceProblem[];
  readonly declared: readonly Declared[];
}

/** Reads and checks the shape of every document in a file; empty documents are passed over. */
export function readDocuments(file: { readonly name: string; readonly text: string }): FileDocuments {
  const lines = new LineCounter();
  const documents: ResourceDocument[] = [];
  const problems: ResourceProblem[] = [];
  const declared: Declared[] = [];
  const parsed = parseAllDocuments(file.text, { lineCounter: lines, prettyErrors: false });
  for (const yaml of Array.isArray(parsed) ? parsed : []) {
    const locate = (finding: Finding): ResourceProblem => ({
      ...finding,
      file: file.name,
      ...place(lines, offsetOf(yaml, finding)),
    });
    if (yaml.errors.length > 0) {
      problems.push(...yaml.errors.map((e) => ({ ...syntax(e.message), file: file.name, ...place(lines, e.pos[0]) })));
      continue;
    }
    if (yaml.contents === null || (isScalar(yaml.contents) && yaml.contents.value === null)) continue;
    const read = readDocument(yaml);
    problems.push(...read.findings.map(locate));
    if (read.declared !== undefined) declared.push(read.declared);
    if (read.declared !== undefined && read.findings.length === 0)
      documents.push({ ...read.declared, spec: read.spec, locate });
  }
  return { documents, problems, declared };
}

interface ReadDocument {
  readonly findings: readonly Finding[];
  readonly declared?: Declared;
  readonly spec?: unknown;
}

function readDocument(yaml: Document): ReadDocument {
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return { findings: [syntax(error instanceof Error ? error.message : String(error))] };
  }
  if (!isRecord(value))
    return { findings: [{ path: [], at: 'value', message: 'must be a mapping with kind, name and spec' }] };
  const kind = value['kind'];
  if (kind === undefined)
    return { findings: [{ path: [], at: 'key', message: '"kind" is missing', allowed: listNames(kinds) }] };
  if (typeof kind !== 'string' || !isKind(kind)) {
    const meant = typeof kind === 'string' ? nearest(kind, kinds) : undefined;
    const hint = meant === undefined ? {} : { didYouMean: meant };
    return {
      findings: [
        {
          path: ['kind'],
          at: 'value',
          message: `unknown kind ${JSON.stringify(kind)}`,
          ...hint,
          allowed: listNames(kinds),
        },
      ],
    };
  }
  const findings = validateDocument(kind, value);
  const name = value['name'];
  if (typeof name !== 'string') return { findings };
  const spec = value['spec'];
  return { findings, declared: { kind, name: resourceName(kind, name, spec) }, spec };
}

/** Versions of a FeatureService live side by side, each a resource of its own. */
function resourceName(kind: Kind, name: string, spec: unknown): string {
  const version = kind === 'FeatureService' && isRecord(spec) ? spec['version'] : undefined;
  return typeof version === 'number' ? featureServiceName(name, version) : name;
}

function syntax(message: string): Finding {
  return { path: [], at: 'value', message: `not readable as YAML: ${message}` };
}

function place(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** Offset of the node that a finding is about; of the nearest enclosing one when the path leads nowhere (a default, for example). */
function offsetOf(yaml: Document, finding: Finding): number {
  for (let length = finding.path.length; length > 0; length--) {
    const path = finding.path.slice(0, length);
    const key = path[path.length - 1];
    const wantsKey = length < finding.path.length || finding.at === 'key';
    const parent: unknown = length === 1 ? yaml.contents : yaml.getIn(path.slice(0, -1), true);
    if (wantsKey && isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair !== undefined && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = yaml.getIn(path, true);
    const start = startOf(node);
    if (start !== undefined) return start;
  }
  return startOf(yaml.contents) ?? 0;
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
