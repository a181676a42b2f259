import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { topics } from '@everloop/contracts';
import type { Feed, FeedBatch, FeedRunner } from '@everloop/kafka';
import { pause } from '@everloop/service';
import { afterEach, describe, expect, it } from 'vitest';
import { createJournalLog } from './journal-log.ts';
import { Journal } from './journal.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Kafka as the feed sees it: what is committed, with the state behind it; away while it is told to be. */
class FakeFeeds implements FeedRunner {
  readonly name = 'feeds';
  readonly committed: string[] = [];
  readonly timestamps: (number | undefined)[] = [];
  readonly state = new Map<string, string>();
  isAway = false;
  /** Fails the next commit; the broker has it all the same, or not. */
  doubt: 'written' | 'lost' | null = null;
  #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  start = () => Promise.resolve();
  trouble = () => (this.isAway ? 'away' : null);

  set(_name: string, feed: Feed | null): void {
    if (feed !== null) this.#running = this.#run(feed);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(feed: Feed): Promise<void> {
    const { signal } = this.#stopping;
    let handler = await feed.open(new Map(this.state));
    while (!signal.aborted) {
      const batch = this.isAway ? null : await handler.next(signal);
      if (batch === null) await pause(1);
      else if (!this.#commit(batch)) handler = await feed.open(new Map(this.state));
    }
  }

  #commit(batch: FeedBatch): boolean {
    const { doubt } = this;
    this.doubt = null;
    if (doubt === 'lost') return false;
    for (const [key, value] of batch.state) if (value !== null) this.state.set(key, value);
    this.committed.push(...batch.records.map(({ topic, key }) => `${topic} ${String(key)}`));
    this.timestamps.push(...batch.records.map(({ timestampMs }) => timestampMs));
    return doubt === null;
  }
}

function setUp(feeds = new FakeFeeds(), folder = mkdtempSync(path.join(tmpdir(), 'everloop-journal-'))) {
  const facts: string[] = [];
  const journal = new Journal({
    folder,
    segmentBytes: 500,
    syncEveryMs: 1_000,
    onDamaged: () => facts.push('damaged'),
  });
  const log = createJournalLog({
    ...{ journal, feeds, lingerMs: 60_000, bytesMax: 1_500, nowMs: () => 17 },
    publisher: {
      publishWatermark: async (topic, watermarkMs) =>
        void facts.push(`marked ${topic} ${watermarkMs} behind ${feeds.committed.length}`),
    },
    onRecovered: () => facts.push('recovered'),
    onPositionLost: () => facts.push('position lost'),
  });
  const start = async () => {
    for (const part of log.parts) await part.start();
    cleanUps.push(stop);
  };
  const stop = async () => {
    for (const part of log.parts.toReversed()) await part.stop();
  };
  cleanUps.unshift(() => rmSync(folder, { recursive: true, force: true }));
  return { log, feeds, facts, folder, journal, start, stop };
}

const record = (joinKey: string, bytes = 10) => ({ joinKey, value: Buffer.alloc(bytes) });
const served = (key: string) => `${topics.inferenceServed} ${key}`;

describe('the log of predictions', () => {
  it('writes the watermark to both topics behind everything that was appended', async () => {
    const { log, feeds, facts, start } = setUp();
    await start();
    log.append('served', [record('a')]);
    log.append('shadowed', [record('b')]);
    await log.advance(5, ['served', 'shadowed']);
    expect(feeds.committed).toEqual([served('a'), `${topics.inferenceShadowed} b`]);
    expect(facts).toEqual([
      `marked ${topics.inferenceServed} 5 behind 2`,
      `marked ${topics.inferenceShadowed} 5 behind 2`,
    ]);
    expect(feeds.timestamps).toEqual([17, 17]);
    expect(log.queuedBytes).toBe(0);
  });

  it('takes predictions while Kafka is away, is not ready when there is no more room, and catches up', async () => {
    const feeds = new FakeFeeds();
    feeds.isAway = true;
    const { log, start } = setUp(feeds);
    await start();
    const health = () => log.parts.find(({ name }) => name === 'feeds')?.health?.();
    for (let n = 0; n < 40; n += 1) log.append('served', [record(`k${n}`)]);
    await log.written();
    expect(feeds.committed).toEqual([]);
    expect(health()).toEqual({ ok: true });
    for (let n = 40; n < 60; n += 1) log.append('served', [record(`k${n}`)]);
    expect(health()).toEqual({ ok: false, reason: 'the journal is full: away' });
    feeds.isAway = false;
    await log.flush();
    expect(feeds.committed).toEqual(Array.from({ length: 60 }, (_, n) => served(`k${n}`)));
    expect(health()).toEqual({ ok: true });
  });

  it.each(['written', 'lost'] as const)('writes each once though a commit failed and was %s', async (doubt) => {
    const { log, feeds, start } = setUp();
    await start();
    log.append('served', [record('a')]);
    await log.flush();
    feeds.doubt = doubt;
    log.append('served', [record('b'), record('c')]);
    await log.flush();
    expect(feeds.committed).toEqual([served('a'), served('b'), served('c')]);
  });

  it('brings what an earlier process left, and nothing twice', async () => {
    const feeds = new FakeFeeds();
    const first = setUp(feeds);
    await first.start();
    first.log.append('served', [record('a')]);
    await first.log.flush();
    // Killed here: what follows is in the journal only.
    await feeds.stop();
    first.log.append('served', [record('b')]);
    await first.log.written();
    cleanUps.splice(0);
    await first.journal.close();
    const later = new FakeFeeds();
    for (const [key, value] of feeds.state) later.state.set(key, value);
    const second = setUp(later, first.folder);
    await second.start();
    second.log.append('served', [record('c')]);
    await second.log.flush();
    expect(later.committed).toEqual([served('b'), served('c')]);
    expect(second.facts).toEqual(['recovered']);
  });

  it('ends a flush when there is nothing, also behind the files of an earlier life and damage', async () => {
    const first = setUp();
    first.log.append('served', [record('a')]);
    await first.log.written();
    cleanUps.splice(0);
    await first.journal.close();
    const [name = ''] = readdirSync(first.folder).filter((file) => file.endsWith('.journal'));
    appendFileSync(path.join(first.folder, name), 'half a record');
    const second = setUp(new FakeFeeds(), first.folder);
    await second.start();
    await second.log.flush();
    await second.log.flush();
    expect(second.feeds.committed).toEqual([served('a')]);
    expect(second.log.queuedBytes).toBe(0);
  });

  it('starts at its oldest record, and says so, when Kafka knows a place that the folder does not have', async () => {
    const feeds = new FakeFeeds();
    feeds.state.set('position', '999999999999999:7');
    const { log, facts, start } = setUp(feeds);
    log.append('served', [record('a')]);
    await log.written();
    await start();
    await log.flush();
    expect(feeds.committed).toEqual([served('a')]);
    expect(facts).toContain('position lost');
  });

  it('refuses all records of a request when one is larger than Kafka takes', async () => {
    const { log, start } = setUp();
    await start();
    expect(() => log.append('served', [record('a'), record('b', 1_000_001)])).toThrow(
      expect.objectContaining({ code: 'EVL_GATEWAY_REQUEST_INVALID' }),
    );
    expect(log.queuedBytes).toBe(0);
  });
});
