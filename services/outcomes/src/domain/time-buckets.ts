/** Width of a bucket: fine enough that few entries are looked at before their time. */
const widthMs = 3_600_000;

/** Keys by a time, so that those before a limit are found without looking at all of them. */
export interface TimeBuckets {
  add(key: string, timeMs: number): void;
  /** Keys whose bucket begins before `limitMs`; they are taken out and must be added again if they are to stay. */
  takeBefore(limitMs: number): readonly string[];
}

/** Insertion is O(1), `takeBefore` O(buckets + keys taken). */
export function createTimeBuckets(): TimeBuckets {
  const buckets = new Map<number, Set<string>>();
  return {
    add(key, timeMs) {
      const bucket = Math.floor(timeMs / widthMs);
      const keys = buckets.get(bucket);
      if (keys === undefined) buckets.set(bucket, new Set([key]));
      else keys.add(key);
    },
    takeBefore(limitMs) {
      const taken: string[] = [];
      for (const [bucket, keys] of buckets) {
        if (bucket * widthMs >= limitMs) continue;
        taken.push(...keys);
        buckets.delete(bucket);
      }
      return taken;
    },
  };
}
