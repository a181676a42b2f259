import type { JournalRecord } from './frames.ts';

/** A place between two records. */
export interface Position {
  readonly segment: number;
  readonly byte: number;
}

export interface Read {
  readonly records: readonly JournalRecord[];
  readonly next: Position;
}

/** A position as text, `<segment>:<byte>`; null where it is none. */
export function parsePosition(text: string | undefined): Position | null {
  const [, segment, byte] = /^(\d+):(\d+)$/.exec(text ?? '') ?? [];
  return segment === undefined ? null : { segment: Number(segment), byte: Number(byte) };
}

export function positionText({ segment, byte }: Position): string {
  return `${segment}:${byte}`;
}

export function comparePositions(one: Position, other: Position): number {
  return one.segment - other.segment || one.byte - other.byte;
}
