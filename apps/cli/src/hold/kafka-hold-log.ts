import { encodeEvent, quality, qualityTopic, qualityTypes, topics } from '@everloop/contracts';
import type { Bus, BusRecord } from '@everloop/kafka';
import { deferred, ServiceError } from '@everloop/service';
import type { HoldLog } from './holds.ts';

/** Longest wait for the validator's answer, milliseconds. */
const answerMs = 30_000;

/** Holds as the topics have them. */
export function holdLog(bus: Bus, waitMs = answerMs): HoldLog {
  return {
    async holds() {
      const holds = new Map<string, quality.Hold>();
      await read(bus, topics.qualityHold, (record) => {
        const hold = readHold(record);
        if (hold !== null) holds.set(hold.id, hold);
      });
      return [...holds.values()];
    },
    async reports(hold) {
      const reports = new Map<string, quality.WindowReport>();
      await read(bus, topics.qualityReport, ({ key, value }) => {
        if (value === null || key?.toString() !== hold.source) return;
        const report = quality.WindowReport.fromJSON(JSON.parse(value.toString()));
        if (report.holdId === hold.id) reports.set(report.id, report);
      });
      return [...reports.values()].sort((a, b) => a.startMs - b.startMs);
    },
    async release(command) {
      const answer = deferred<quality.Hold | null>();
      const follower = bus.follow({
        topics: [topics.qualityHold],
        from: 'end',
        onRecord: (record) => {
          const hold = readHold(record);
          if (hold?.id === command.hold?.id && hold?.state !== quality.HoldState.OPEN) answer.resolve(hold);
        },
      });
      await follower.start();
      const timer = setTimeout(() => answer.resolve(null), waitMs);
      try {
        await say(bus, command);
        return await answer.promise;
      } finally {
        clearTimeout(timer);
        await follower.stop();
      }
    },
  };
}

async function say(bus: Bus, command: quality.ReleaseHold): Promise<void> {
  const { source = '', topic = '' } = command.hold ?? {};
  const event = encodeEvent({
    id: command.id,
    type: qualityTypes.release,
    source: 'everloop/cli',
    subject: source,
    data: quality.ReleaseHold.toJSON(command),
  });
  const publisher = bus.publisher({ name: 'hold' });
  await publisher.start();
  try {
    await publisher.publish([{ topic: qualityTopic(topic), partition: 0, key: source, ...event }]);
  } finally {
    await publisher.stop();
  }
}

/** Null for what is no hold: how far a Source is judged is in the same topic. */
function readHold({ key, value }: BusRecord): quality.Hold | null {
  if (value === null || value.length === 0 || key?.toString().startsWith('judged/') !== false) return null;
  return quality.Hold.fromJSON(JSON.parse(value.toString()));
}

/** Reads a topic; one that nobody has created yet is empty. */
async function read(bus: Bus, topic: string, onRecord: (record: BusRecord) => void): Promise<void> {
  try {
    await bus.readAll([topic], ({ records }) => records.forEach(onRecord));
  } catch (error) {
    if (!(error instanceof ServiceError && error.code === 'EVL_KAFKA_TOPIC_MISSING')) throw error;
  }
}
