import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topics } from '@everloop/contracts';
import { expect, it } from 'vitest';
import { silent, testContext, testPublisher, testResources, testVersion } from '../fixtures.ts';
import { applyResources } from './apply-resources.ts';
import type { AppContext } from './context.ts';
import { createOutboxPublisher } from './outbox-publisher.ts';
import { registerVersion } from './register-version.ts';

function started(context: AppContext, publisher = testPublisher()) {
  const outbox = createOutboxPublisher({ store: context.store, publisher, telemetry: silent, topic: topics.resources });
  return { outbox, publisher, context: { ...context, outbox } };
}

it('publishes in order as things happen', async () => {
  const { outbox, publisher, context } = started(testContext());
  await outbox.start();
  applyResources(context, { resources: testResources() });
  await publisher.reached(2);
  registerVersion(context, { version: testVersion('a') });
  await publisher.reached(3);
  await outbox.stop();
  expect(publisher.events.map((event) => event.key)).toEqual(['Source/trips', 'Model/late-trips', 'late-trips']);
  expect([context.store.queuedCount(), outbox.health?.()]).toEqual([0, { ok: true }]);
});

it('requests succeed while the broker is away; everything is published when it is back', async () => {
  const { outbox, publisher, context } = started(testContext());
  publisher.setAway(true);
  await outbox.start();
  applyResources(context, { resources: testResources() });
  await expect
    .poll(() => outbox.health?.(), { interval: 5 })
    .toMatchObject({ ok: false, reason: expect.stringMatching(/^2 events wait/) });
  publisher.setAway(false);
  await publisher.reached(2);
  await outbox.stop();
  expect(context.store.queuedCount()).toBe(0);
});

it('a lost acknowledgement repeats the same ids', async () => {
  const { outbox, publisher, context } = started(testContext());
  applyResources(context, { resources: testResources() });
  publisher.loseAcknowledgement();
  await outbox.start();
  await publisher.reached(4);
  await outbox.stop();
  const ids = publisher.events.map((event) => event.headers['ce_id']);
  expect(ids.slice(2)).toEqual(ids.slice(0, 2));
});

it('a restart goes on with what waits', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'evl-registry-'));
  const first = testContext({ path: join(dir, 'registry.sqlite') });
  applyResources(first, { resources: testResources() });
  first.store.close();
  const { outbox, publisher, context } = started(testContext({ path: join(dir, 'registry.sqlite') }));
  await outbox.start();
  await publisher.reached(2);
  await outbox.stop();
  expect(context.store.queuedCount()).toBe(0);
  context.store.close();
  await rm(dir, { recursive: true });
});

it('resources that the topic lost are published again with their ids', async () => {
  const { outbox, publisher, context } = started(testContext());
  await outbox.start();
  applyResources(context, { resources: testResources() });
  await publisher.reached(2);
  await outbox.stop();
  const emptied = testPublisher();
  const second = started(context, emptied);
  await second.outbox.start();
  await emptied.reached(2);
  await second.outbox.stop();
  expect(emptied.events.map((event) => event.headers['ce_id']).sort()).toEqual(
    publisher.events.map((event) => event.headers['ce_id']).sort(),
  );
});

it('stops before it was started', async () => {
  await started(testContext()).outbox.stop();
});
