import { quality, topics } from '@everloop/contracts';
import type { Bus, BusRecord, Follower } from '@everloop/kafka';
import { deferred, type Logger } from '@everloop/service';
import type { Holds } from '../ports.ts';

/** Ended holds that are kept; of older ones nothing is held any more that a training would still look at. */
const holdsMax = 10_000;

interface Waiting {
  readonly source: string;
  readonly timeMs: number;
  readonly resolve: () => void;
}

/** Holds as the validator tells of them, and how far it has judged each Source. */
export function createFollowedHolds(
  bus: Pick<Bus, 'follow'>,
  logger: Logger,
  timeoutMs: number,
): { readonly follower: Follower; readonly holds: Holds } {
  const holds = new Map<string, quality.Hold>();
  const judgedMs = new Map<string, number>();
  let waiting: readonly Waiting[] = [];

  function take(record: BusRecord): void {
    const key = record.key?.toString('utf8') ?? '';
    if (record.value === null) {
      holds.delete(key);
      return;
    }
    try {
      const json: unknown = JSON.parse(record.value.toString('utf8'));
      if (key.startsWith('judged/')) pass(quality.SourceJudged.fromJSON(json));
      else keep(quality.Hold.fromJSON(json));
    } catch (error) {
      logger.error({ key, err: error }, 'a hold could not be read and is passed over');
    }
  }

  function keep(hold: quality.Hold): void {
    holds.delete(hold.id);
    holds.set(hold.id, hold);
    if (holds.size <= holdsMax) return;
    for (const [id, { state }] of holds) {
      if (state === quality.HoldState.OPEN) continue;
      holds.delete(id);
      return;
    }
  }

  function pass({ source, watermarkMs }: quality.SourceJudged): void {
    judgedMs.set(source, watermarkMs);
    const isReached = (one: Waiting): boolean => one.source === source && one.timeMs <= watermarkMs;
    const reached = waiting.filter(isReached);
    waiting = waiting.filter((one) => !isReached(one));
    for (const one of reached) one.resolve();
  }

  const behind = (sources: readonly string[], timeMs: number): readonly string[] =>
    sources.filter((source) => (judgedMs.get(source) ?? -Infinity) < timeMs);

  const follower = bus.follow({ topics: [topics.qualityHold], from: 'beginning', onRecord: take });
  return {
    follower,
    holds: {
      asOf: async (sources, timeMs, signal) => {
        const { promise: ended, resolve: end } = deferred();
        const onAbort = (): void => end();
        const timer = setTimeout(end, timeoutMs);
        signal.addEventListener('abort', onAbort, { once: true });
        const own = behind(sources, timeMs).map((source) => ({ source, timeMs, ...deferred() }));
        waiting = [...waiting, ...own];
        try {
          await Promise.race([Promise.all(own.map(({ promise }) => promise)), ended]);
          signal.throwIfAborted();
          const left = behind(sources, timeMs);
          return left.length > 0 ? { kind: 'behind', sources: left } : { kind: 'known', holds: [...holds.values()] };
        } finally {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          waiting = waiting.filter((one) => !own.some((mine) => mine === one));
        }
      },
    },
  };
}
