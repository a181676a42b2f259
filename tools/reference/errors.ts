import ts from 'typescript';
import { property, textOf, walk, type SourceFile } from './source.ts';

/** An error code of the program. */
export interface ErrorEntry {
  readonly code: string;
  /** What it asks for; null where the place that throws it decides. */
  readonly kind: string | null;
  /** What it says, `…` for what is filled in; empty where the text comes from elsewhere. */
  readonly message: string;
  /** The file that defines it. */
  readonly file: string;
}

const codePattern = /^EVL_[A-Z0-9]+(_[A-Z0-9]+)+$/;

/** Every error code, in order. A code that is only compared or configured is not defined there; `variables` only look like codes. */
export function collectErrors(sources: readonly SourceFile[], variables: ReadonlySet<string>): readonly ErrorEntry[] {
  const found = new Map<string, ErrorEntry>();
  const byKey = messagesByKey(sources);
  for (const { path, tree } of sources) {
    walk(tree, (node) => {
      const told = toldIn(node);
      if (told !== null) found.set(told.code, better(found.get(told.code), { ...told, kind: null, file: path }));
      const listed = listedIn(node);
      if (listed !== null)
        found.set(listed.code, better(found.get(listed.code), { ...listed, message: '', file: path }));
      if (!ts.isStringLiteralLike(node) || !codePattern.test(node.text)) return;
      if (variables.has(node.text) || !isDefinition(node)) return;
      const entry = { code: node.text, file: path, ...describe(node, byKey) };
      found.set(node.text, better(found.get(node.text), entry));
    });
  }
  return [...found.values()].sort((a, b) => (a.code < b.code ? -1 : 1));
}

/** A text that begins with its code: what is told without an error. */
function toldIn(node: ts.Node): Pick<ErrorEntry, 'code' | 'message'> | null {
  const text = ts.isTemplateExpression(node) || ts.isStringLiteralLike(node) ? textOf(node) : null;
  const [, code, message] = /^(EVL_[A-Z0-9_]+): (.+)$/s.exec(text ?? '') ?? [];
  return code === undefined || message === undefined ? null : { code, message };
}

const kinds: ReadonlySet<string | null> = new Set(['terminal', 'retryable', 'bug']);

/** `EVL_X: 'retryable'`: a line of a table that says what errors ask for. */
export function listedIn(node: ts.Node): Pick<ErrorEntry, 'code' | 'kind'> | null {
  if (!ts.isPropertyAssignment(node)) return null;
  const [code, kind] = [node.name.getText(), textOf(node.initializer)];
  return codePattern.test(code) && kinds.has(kind) ? { code, kind } : null;
}

/** The one that says more, the first of equals, with what only the other says. */
function better(known: ErrorEntry | undefined, entry: ErrorEntry): ErrorEntry {
  if (known === undefined) return entry;
  const weight = ({ kind, message }: ErrorEntry): number => (kind === null ? 0 : 1) + (message === '' ? 0 : 2);
  const [more, less] = weight(entry) > weight(known) ? [entry, known] : [known, entry];
  return { ...more, kind: more.kind ?? less.kind };
}

/** Not a variable of the environment, not a comparison, not a type. */
function isDefinition(node: ts.StringLiteralLike): boolean {
  const { parent } = node;
  if (ts.isElementAccessExpression(parent) || ts.isLiteralTypeNode(parent) || ts.isCaseClause(parent)) return false;
  if (ts.isPropertyAssignment(parent)) return parent.name !== node;
  if (ts.isBinaryExpression(parent)) {
    const { kind } = parent.operatorToken;
    return kind !== ts.SyntaxKind.EqualsEqualsEqualsToken && kind !== ts.SyntaxKind.ExclamationEqualsEqualsToken;
  }
  return true;
}

function describe(
  node: ts.StringLiteralLike,
  byKey: ReadonlyMap<string, string>,
): Pick<ErrorEntry, 'kind' | 'message'> {
  const { parent } = node;
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) {
    const texts = (parent.arguments ?? []).filter((each) => each !== node).map(textOf);
    return { kind: null, message: texts.find((text) => text?.includes(' ') === true) ?? '' };
  }
  if (!ts.isPropertyAssignment(parent) || !ts.isObjectLiteralExpression(parent.parent))
    return { kind: null, message: '' };
  const object = parent.parent;
  const owner = object.parent;
  const key = ts.isPropertyAssignment(owner) ? owner.name.getText() : '';
  return {
    kind: textOf(property(object, 'kind')),
    message: textOf(property(object, 'message')) ?? byKey.get(key) ?? '',
  };
}

/** Texts of calls `somethingError('key', 'text')`, for codes that are kept in a table by key. */
function messagesByKey(sources: readonly SourceFile[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { tree } of sources) {
    walk(tree, (node) => {
      if (!ts.isCallExpression(node) || !/Error$/.test(node.expression.getText())) return;
      const [key, text] = node.arguments.map(textOf);
      if (typeof key === 'string' && typeof text === 'string' && !texts.has(key)) texts.set(key, text);
    });
  }
  return texts;
}
