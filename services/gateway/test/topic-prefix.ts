import type { Bus, BusRecord, Feed, FollowOptions, OutRecord, Publisher } from '@everloop/kafka';

/** A bus to topics of its own on a shared broker: every name gets the prefix, and records come back without it. */
export function withTopicPrefix(bus: Bus, prefix: string): Bus {
  const add = (topic: string): string => `${prefix}.${topic}`;
  const remove = (record: BusRecord): BusRecord => ({ ...record, topic: record.topic.slice(prefix.length + 1) });
  const publisher = (options: Parameters<Bus['publisher']>[0]): Publisher => {
    const inner = bus.publisher(options);
    return {
      name: inner.name,
      start: () => inner.start(),
      stop: () => inner.stop(),
      publish: (records: readonly OutRecord[]) =>
        inner.publish(records.map((each) => ({ ...each, topic: add(each.topic) }))),
      publishPlaced: (records) => inner.publishPlaced(records.map((each) => ({ ...each, topic: add(each.topic) }))),
      publishWatermark: (topic, watermarkMs) => inner.publishWatermark(add(topic), watermarkMs),
      get queuedBytes() {
        return inner.queuedBytes;
      },
    };
  };
  const follow = (options: FollowOptions) =>
    bus.follow({
      ...options,
      topics: options.topics.map(add),
      onRecord: (record) => options.onRecord(remove(record)),
      onWatermark: (topic, watermarkMs) => options.onWatermark?.(topic.slice(prefix.length + 1), watermarkMs),
    });
  return {
    name: bus.name,
    start: () => bus.start(),
    stop: () => bus.stop(),
    ensureTopics: (specs) => bus.ensureTopics(specs.map((spec) => ({ ...spec, name: add(spec.name) }))),
    awaitTopics: (names, timeoutMs) => bus.awaitTopics(names.map(add), timeoutMs),
    partitionCount: (topic) => bus.partitionCount(add(topic)),
    messageBytesMax: (topic) => bus.messageBytesMax(add(topic)),
    offsets: (topic) => bus.offsets(add(topic)),
    committed: (groupId, topic) => bus.committed(groupId, add(topic)),
    publisher,
    follow,
    tasks: (options) =>
      bus.tasks({
        ...options,
        groupId: add(options.groupId),
        inputs: options.inputs.map(add),
        createHandler: async (partition) => {
          const handler = await options.createHandler(partition);
          return {
            onRecords: (batch, context) =>
              handler.onRecords(
                { ...batch, records: batch.records.map(remove) },
                {
                  partition: context.partition,
                  replaying: context.replaying,
                  emit: (record) => context.emit({ ...record, topic: add(record.topic) }),
                  emitWatermark: (topic, watermarkMs, to) => context.emitWatermark(add(topic), watermarkMs, to),
                },
              ),
            settled: (isCommitted) => handler.settled?.(isCommitted),
          };
        },
      }),
    feeds: (options) => {
      const runner = bus.feeds({ ...options, stateTopic: add(options.stateTopic) });
      const prefixed = (feed: Feed): Feed => ({
        everyMs: feed.everyMs,
        async open(state) {
          const handler = await feed.open(state);
          return {
            async next(signal) {
              const batch = await handler.next(signal);
              if (batch === null) return null;
              return { ...batch, records: batch.records.map((each) => ({ ...each, topic: add(each.topic) })) };
            },
          };
        },
      });
      return {
        name: runner.name,
        start: () => runner.start(),
        stop: () => runner.stop(),
        health: () => runner.health?.() ?? { ok: true },
        set: (name, feed) => runner.set(name, feed === null ? null : prefixed(feed)),
        trouble: (name) => runner.trouble(name),
      };
    },
    sink: (options) => bus.sink({ ...options, inputs: options.inputs.map(add) }),
    readRanges: (ranges, onRecords) =>
      bus.readRanges(
        ranges.map((range) => ({ ...range, topic: add(range.topic) })),
        (batch) => onRecords(batch),
      ),
    readAll: (names, onRecords) => bus.readAll(names.map(add), onRecords),
  };
}
