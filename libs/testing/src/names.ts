import { randomUUID } from 'node:crypto';

/** `<prefix>-<8 hex digits>`: a topic, group or key that no other test and no earlier run has used. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}
