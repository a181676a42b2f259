/** One line of a service's log for a person: level, message, and the error's code and text; other text is kept as it is. */
export function readableLine(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const record = JSON.parse(line) as Record<string, unknown>;
    const err = record['err'] as { code?: unknown; message?: unknown; cause?: { message?: unknown } } | undefined;
    const parts = [
      text(record['level']).padEnd(5),
      text(record['message']),
      ...(err === undefined
        ? []
        : [`(${[err.code, err.message, err.cause?.message].map(text).filter(Boolean).join(': ')})`]),
    ];
    return parts.join(' ').trimEnd();
  } catch {
    return line;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
