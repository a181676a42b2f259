/** SQL identifier in double quotes. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Start of the hop that holds a moment: `tileStart` in SQL. */
export function hopStart(time: string, hopMs: number): string {
  return `CAST(floor(${time} / ${hopMs}) AS BIGINT) * ${hopMs}`;
}

/** A list of columns by a stem: `part(2, 'k')` is k0, k1. */
export function numbered(count: number, stem: string): string[] {
  return Array.from({ length: count }, (_, index) => `${stem}${index}`);
}

/** Condition that two relations are about the same entity. */
export function sameKey(parts: number, left: string, right: string): string {
  return numbered(parts, 'k')
    .map((key) => `${left}.${key} = ${right}.${key}`)
    .join(' AND ');
}
