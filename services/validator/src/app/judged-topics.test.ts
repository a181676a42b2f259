import type { TopicSpec } from '@everloop/kafka';
import { describe, expect, it } from 'vitest';
import type { Stream } from '../ports.ts';
import { ensureJudgedTopics } from './judged-topics.ts';

const mib = 1_048_576;

/** Topics with their limits; what is created gets the limit that it asks for. */
function streamOf(limits: Map<string, number>): Pick<Stream, 'ensureTopics' | 'messageBytesMax'> {
  return {
    ensureTopics: (specs: readonly TopicSpec[]) => {
      for (const { name, config } of specs)
        if (!limits.has(name)) limits.set(name, Number(config?.['max.message.bytes'] ?? mib));
      return Promise.resolve();
    },
    messageBytesMax: (topic: string) => Promise.resolve(limits.get(topic) ?? NaN),
  };
}

describe('ensureJudgedTopics', () => {
  it.each([
    ['none is there', {}, 11 * mib],
    ['the source topic takes less than ours would', { t: mib }, mib],
    ['the source topic takes more than ours would', { t: 40 * mib }, 40 * mib],
    ['all are there and large enough', { t: mib, 't.valid': 2 * mib, 't.quarantine': 3 * mib }, mib],
  ])('%s: whatever the source topic takes fits into the others, with reasons', async (_name, before, largest) => {
    const limits = new Map<string, number>(Object.entries(before));
    await ensureJudgedTopics(streamOf(limits) as Stream, 't', 2);
    expect(limits.get('t')).toBe(largest);
    expect(limits.get('t.valid')).toBeGreaterThan(largest + 60_000);
    expect(limits.get('t.quarantine')).toBeGreaterThanOrEqual(largest + mib);
  });

  it.each([
    ['valid', { t: 2 * mib, 't.valid': mib }, "topic 't.valid' takes 1048576 bytes"],
    [
      'quarantine',
      { t: mib, 't.quarantine': mib },
      "topic 't.quarantine' takes 1048576 bytes, but a record of 't' can need 2097152",
    ],
  ])('%s was made too small before: said at once, with what to do', async (_name, before, message) => {
    const limits = new Map<string, number>(Object.entries(before));
    await expect(ensureJudgedTopics(streamOf(limits) as Stream, 't', 2)).rejects.toMatchObject({
      code: 'EVL_VALIDATOR_TOPIC_TOO_SMALL',
      message: expect.stringContaining(message) as string,
    });
  });
});
