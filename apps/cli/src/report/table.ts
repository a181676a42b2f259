/** One column: its heading, and on which side its cells stand. */
export interface TableColumn {
  readonly heading: string;
  readonly align: 'left' | 'right';
}

/** A table in plain text: two spaces between columns, a line under the headings. */
export function table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) =>
    Math.max(column.heading.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        return align === 'right' ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0);
      })
      .join('  ')
      .trimEnd();
  return [
    line(columns.map(({ heading }) => heading)),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
  ].join('\n');
}

/** @example count(336776) // '336,776' */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** Three digits after the point; a dash where there is no number. @example figure(0.7432) // '0.743' */
export function figure(value: number | null): string {
  return value === null ? '-' : value.toFixed(3);
}
