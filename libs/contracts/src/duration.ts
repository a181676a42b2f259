const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const pattern = /^(-?)(\d{1,15})(ms|s|m|h|d)$/;

/** How durations are written, for messages. */
export const durationForm = 'a whole number with ms, s, m, h or d, for example 30s, 15m, 3h or 7d';

/**
 * Milliseconds of a duration such as `30s`, `15m`, `3h`, `7d`; a leading `-` gives a negative one. Undefined when the text is no
 * duration or the result exceeds the integers that a double holds exactly.
 *
 * @example durationMs('15m') // 900000
 */
export function durationMs(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[2]) * (unitMs[match[3] ?? ''] ?? NaN);
  if (!Number.isSafeInteger(ms)) return undefined;
  return match[1] === '-' && ms !== 0 ? -ms : ms;
}

/** The shortest text for a duration in milliseconds; the inverse of `durationMs`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = unitMs[unit] ?? 1;
    if (ms !== 0 && ms % size === 0) return `${ms / size}${unit}`;
  }
  return ms === 0 ? '0s' : `${ms}ms`;
}
