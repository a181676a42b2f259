import ts from 'typescript';
import { listedIn } from './errors.ts';
import { textOf, walk, type SourceFile } from './source.ts';

/** Variables of the environment that the program reads or sets by name, outside the schema of a service. */
export function collectVariables(sources: readonly SourceFile[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { tree } of sources) {
    walk(tree, (node) => {
      const name = ts.isTemplateExpression(node)
        ? textOf(node)
        : ts.isElementAccessExpression(node)
          ? textOf(node.argumentExpression)
          : ts.isBindingElement(node)
            ? (node.propertyName?.getText() ?? null)
            : ts.isPropertyAssignment(node)
              ? nameOf(node)
              : null;
      if (name !== null && /^EVL_[A-Z0-9_]+(_…)?$/.test(name)) found.add(name);
    });
  }
  return found;
}

/** The key of `{ EVL_X: … }` that is no error's, or the value of `{ env: 'EVL_X' }`. */
function nameOf(node: ts.PropertyAssignment): string | null {
  // Variables are texts; a line of a table of errors says their kind or several things.
  if (listedIn(node) !== null || ts.isArrayLiteralExpression(node.initializer)) return null;
  return node.name.getText() === 'env' ? textOf(node.initializer) : node.name.getText();
}
