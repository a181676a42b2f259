import ts from 'typescript';
import { textOf, walk, type SourceFile } from './source.ts';

/** A metric that a service exports. */
export interface MetricEntry {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** As written: a list of texts, or the name of one. */
  readonly labels: readonly string[];
  readonly file: string;
}

const kinds: Readonly<Record<string, MetricEntry['kind']>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
};

/** Every metric, by name. Throws for a name that is put together when the program runs, since nobody could search for it. */
export function collectMetrics(sources: readonly SourceFile[]): readonly MetricEntry[] {
  const found = new Map<string, MetricEntry>();
  for (const { path, tree } of sources) {
    walk(tree, (node) => {
      if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
      const kind = kinds[node.expression.name.text];
      if (kind === undefined || !/metrics$/i.test(node.expression.expression.getText())) return;
      const [nameNode, helpNode, third, fourth] = node.arguments;
      const name = textOf(nameNode);
      if (name === null || name.includes('…'))
        throw new Error(`${path}: write the name of a ${kind} out, not ${nameNode?.getText() ?? 'nothing'}`);
      const labels = labelsOf(kind === 'histogram' ? fourth : third, tree);
      found.set(name, { name, kind, help: textOf(helpNode) ?? '', labels, file: path });
    });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Texts of a list, or of the list that a constant of the file is. */
function labelsOf(node: ts.Expression | undefined, tree: ts.SourceFile): readonly string[] {
  if (node === undefined) return [];
  if (ts.isArrayLiteralExpression(node))
    return node.elements.flatMap((each) => textOf(each) ?? labelsOf(spreadOf(each), tree));
  if (ts.isAsExpression(node)) return labelsOf(node.expression, tree);
  let found: readonly string[] = [];
  walk(tree, (each) => {
    if (ts.isVariableDeclaration(each) && each.name.getText() === node.getText() && found.length === 0)
      found = labelsOf(each.initializer, tree);
  });
  return found;
}

function spreadOf(node: ts.Expression): ts.Expression | undefined {
  return ts.isSpreadElement(node) ? node.expression : undefined;
}
