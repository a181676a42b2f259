import { pause, type Logger } from '@everloop/service';
import type { KafkaAdmin } from './admin.ts';

const reminderMs = 30_000;

/** Waits until all topics exist, however long that takes; says what is missing at once and then every 30 s. Rejects when aborted. */
export async function waitForTopics(args: {
  readonly admin: KafkaAdmin;
  readonly logger: Logger;
  readonly topics: readonly string[];
  readonly signal: AbortSignal;
  readonly onMissing?: (missing: readonly string[]) => void;
}): Promise<void> {
  let remindedAt = -Infinity;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const existing = await args.admin.describe();
    const missing = args.topics.filter((topic) => !existing.has(topic));
    if (missing.length === 0) return;
    args.onMissing?.(missing);
    if (performance.now() - remindedAt >= reminderMs) {
      remindedAt = performance.now();
      args.logger.info({ topics: missing }, 'waiting for topics that another service creates');
    }
    await pause(pauseMs, args.signal);
  }
}
