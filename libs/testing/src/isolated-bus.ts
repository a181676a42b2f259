import type {
  Batch,
  Bus,
  BusRecord,
  Feed,
  OutRecord,
  TaskContext,
  TaskHandler,
  TaskRunnerOptions,
} from '@everloop/kafka';

/**
 * A bus whose topics and consumer groups carry `prefix` on the broker, and not in what its user sees: a service under test can use its
 * real topic names on a broker that other tests share. Progress is not reported. Starting and stopping is the inner bus's.
 */
export function isolatedBus(bus: Bus, prefix: string): Bus {
  const out = (topic: string): string => `${prefix}.${topic}`;
  const back = (topic: string): string => (topic.startsWith(`${prefix}.`) ? topic.slice(prefix.length + 1) : topic);
  const record = (one: BusRecord): BusRecord => ({ ...one, topic: back(one.topic) });
  const batch = (one: Batch): Batch => ({ ...one, topic: back(one.topic), records: one.records.map(record) });
  const emitted = (one: OutRecord): OutRecord => ({ ...one, topic: out(one.topic) });
  const context = (inner: TaskContext): TaskContext => ({
    partition: inner.partition,
    replaying: inner.replaying,
    emit: (one) => inner.emit(emitted(one)),
    emitWatermark: (topic, watermarkMs, partition) => inner.emitWatermark(out(topic), watermarkMs, partition),
  });
  const handlers = new WeakMap<TaskHandler, TaskHandler>();
  const handler = (inner: TaskHandler): TaskHandler => {
    const outer: TaskHandler = {
      onRecords: (records, ctx) => inner.onRecords(batch(records), context(ctx)),
      onWatermark: (watermarkMs, ctx) => inner.onWatermark?.(watermarkMs, context(ctx)),
      flush: (ctx) => inner.flush?.(context(ctx)),
      settled: (isCommitted) => inner.settled?.(isCommitted),
    };
    handlers.set(outer, inner);
    return outer;
  };
  const restoreOf = (restore: NonNullable<TaskRunnerOptions['restore']>): NonNullable<TaskRunnerOptions['restore']> => {
    if (restore.kind !== 'changelog') return restore;
    const take = (outer: TaskHandler, records: readonly BusRecord[]) =>
      restore.restore(handlers.get(outer) ?? outer, records.map(record));
    return { kind: 'changelog', topic: out(restore.topic), restore: take };
  };
  const isolatedFeed = (feed: Feed): Feed => ({
    everyMs: feed.everyMs,
    open: async (state) => {
      const handler = await feed.open(state);
      return {
        next: async (signal) => {
          const batch = await handler.next(signal);
          if (batch === null) return null;
          const markers = (batch.markers ?? []).map((marker) => ({ ...marker, topic: out(marker.topic) }));
          return { records: batch.records.map(emitted), state: batch.state, markers };
        },
        close: async () => {
          await handler.close?.();
        },
      };
    },
  });
  return {
    name: bus.name,
    start: () => bus.start(),
    stop: () => bus.stop(),
    health: () => bus.health?.() ?? { ok: true },
    ensureTopics: (specs) => bus.ensureTopics(specs.map((spec) => ({ ...spec, name: out(spec.name) }))),
    awaitTopics: (names, timeoutMs) => bus.awaitTopics(names.map(out), timeoutMs),
    partitionCount: (topic) => bus.partitionCount(out(topic)),
    messageBytesMax: (topic) => bus.messageBytesMax(out(topic)),
    offsets: (topic) => bus.offsets(out(topic)),
    committed: (groupId, topic) => bus.committed(out(groupId), out(topic)),
    publisher(options) {
      const inner = bus.publisher({ ...options, name: `${prefix}.${options.name}` });
      return {
        name: inner.name,
        start: () => inner.start(),
        stop: () => inner.stop(),
        health: () => inner.health?.() ?? { ok: true },
        publish: (records) => inner.publish(records.map(emitted)),
        publishPlaced: (records) => inner.publishPlaced(records.map(emitted)),
        publishWatermark: (topic, watermarkMs) => inner.publishWatermark(out(topic), watermarkMs),
        get queuedBytes() {
          return inner.queuedBytes;
        },
      };
    },
    tasks: ({ groupId, inputs, createHandler, restore }) =>
      bus.tasks({
        groupId: out(groupId),
        inputs: inputs.map(out),
        createHandler: async (partition) => handler(await createHandler(partition)),
        ...(restore === undefined ? {} : { restore: restoreOf(restore) }),
      }),
    sink: ({ groupId, inputs, handler: inner }) =>
      bus.sink({
        groupId: out(groupId),
        inputs: inputs.map(out),
        handler: {
          position: (topic, partition) => inner.position(back(topic), partition),
          apply: (records, after) => inner.apply(batch(records), after),
          onWatermark: (watermarkMs) => inner.onWatermark?.(watermarkMs),
          released: (topic, partition) => inner.released?.(back(topic), partition),
        },
      }),
    feeds({ groupId, stateTopic }) {
      const inner = bus.feeds({ groupId: out(groupId), stateTopic: out(stateTopic) });
      return {
        name: inner.name,
        start: () => inner.start(),
        stop: () => inner.stop(),
        health: () => inner.health?.() ?? { ok: true },
        trouble: (name) => inner.trouble(name),
        set: (name, feed) => inner.set(name, feed === null ? null : isolatedFeed(feed)),
      };
    },
    follow: ({ topics, from, onRecord, onWatermark }) =>
      bus.follow({
        topics: topics.map(out),
        from,
        onRecord: (one) => onRecord(record(one)),
        ...(onWatermark === undefined
          ? {}
          : { onWatermark: (topic, watermarkMs) => onWatermark(back(topic), watermarkMs) }),
      }),
    readRanges: (ranges, onRecords) =>
      bus.readRanges(
        ranges.map((range) => ({ ...range, topic: out(range.topic) })),
        (one) => onRecords(batch(one)),
      ),
    readAll: (names, onRecords) => bus.readAll(names.map(out), (one) => onRecords(batch(one))),
  };
}
