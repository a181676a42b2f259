/** Attributes of an element; numbers are rounded to hundredths, so that equal stories give equal bytes. */
export type Attributes = Readonly<Record<string, string | number>>;

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in XML; control characters, which XML cannot hold, are left out. @example escapeXml('a<b') // 'a&lt;b' */
export function escapeXml(text: string): string {
  return Array.from(text)
    .filter((character) => character >= ' ' || character === '\t' || character === '\n')
    .join('')
    .replace(/[&<>"]/g, (character) => entities[character] ?? '');
}

function attributeText(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => {
      const text = typeof value === 'number' ? String(Math.round(value * 100) / 100) : escapeXml(value);
      return ` ${name}="${text}"`;
    })
    .join('');
}

/** An element with children that are elements already. */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const inner = children.join('');
  return inner === ''
    ? `<${name}${attributeText(attributes)}/>`
    : `<${name}${attributeText(attributes)}>${inner}</${name}>`;
}

/** A text at a place. */
export function label(text: string, x: number, y: number, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, [escapeXml(text)]);
}

/** What a browser shows when the pointer rests on the parent, and what a screen reader says. */
export function tooltip(text: string): string {
  return element('title', {}, [escapeXml(text)]);
}

/** A line through points, with a gap where a value is null. */
export function path(points: readonly (readonly [number, number] | null)[], attributes: Attributes): string {
  const commands: string[] = [];
  let isDown = false;
  for (const point of points) {
    if (point !== null)
      commands.push(`${isDown ? 'L' : 'M'}${point.map((at) => Math.round(at * 100) / 100).join(' ')}`);
    isDown = point !== null;
  }
  return commands.length === 0 ? '' : element('path', { d: commands.join(''), fill: 'none', ...attributes });
}
