import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** A file of the program, parsed. */
export interface SourceFile {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly tree: ts.SourceFile;
}

const folders = ['libs', 'services', 'apps', 'recipes', 'examples'];
const left = /(^|\/)(node_modules|gen|test)\/|\/src\/(testing|fixtures)\/|\.test\.ts$/;

/** Every file of the program that runs in production: no tests, nothing generated. */
export function readSources(root: string): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll(path.sep, '/')}`)
      .filter((name) => name.endsWith('.ts') && name.includes('/src/') && !left.test(name))
      .sort()
      .map((name) => parseSource(name, readFileSync(path.join(root, name), 'utf8'))),
  );
}

export function parseSource(name: string, text: string): SourceFile {
  return { path: name, tree: ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true) };
}

/** Calls `visit` for every node, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

/** What a text in the program says, `…` for what is filled in when it runs; null when it is no text. */
export function textOf(node: ts.Node | undefined): string | null {
  if (node === undefined) return null;
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map((span) => `…${span.literal.text}`).join('');
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [before, after] = [textOf(node.left), textOf(node.right)];
    return before === null && after === null ? null : `${before ?? '…'}${after ?? '…'}`;
  }
  return null;
}

/** The value of a property of an object literal. */
export function property(object: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  for (const each of object.properties) {
    if (ts.isPropertyAssignment(each) && each.name.getText() === name) return each.initializer;
  }
  return undefined;
}
