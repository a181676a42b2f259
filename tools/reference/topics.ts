import ts from 'typescript';
import { textOf, walk, type SourceFile } from './source.ts';

/** A topic that Everloop owns. */
export interface TopicEntry {
  readonly name: string;
  readonly about: string;
}

/** The topics of the object `topics`, with the comment before each. */
export function collectTopics(source: SourceFile): readonly TopicEntry[] {
  const found: TopicEntry[] = [];
  walk(source.tree, (node) => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== 'topics') return;
    walk(node, (each) => {
      if (!ts.isPropertyAssignment(each)) return;
      const name = textOf(each.initializer);
      if (name !== null) found.push({ name, about: commentOf(each, source.tree) });
    });
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function commentOf(node: ts.Node, tree: ts.SourceFile): string {
  const [range] = ts.getLeadingCommentRanges(tree.text, node.pos) ?? [];
  const text = range === undefined ? '' : tree.text.slice(range.pos, range.end);
  return text
    .replace(/^\/\*\*|\*\/$/g, '')
    .replaceAll(/\n\s*\*/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Beginnings of topics that end with the name of a source topic: `everloop.x.y.v1` of a text `everloop.x.y.v1.<topic>`. */
export function collectTopicFamilies(source: SourceFile): readonly string[] {
  const found = new Set<string>();
  walk(source.tree, (node) => {
    const family = ts.isTemplateExpression(node)
      ? /^(everloop\.[a-z.-]+\.v\d+)\.…$/.exec(textOf(node) ?? '')?.[1]
      : undefined;
    if (family !== undefined) found.add(family);
  });
  return [...found].sort();
}
