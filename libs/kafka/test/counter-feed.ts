import type { Feed } from '../src/index.ts';

/** A feed that counts from 0 to `total`, `step` numbers at a time, alternating over the topic's partitions by key. */
export function counterFeed(to: string, total: number, step: number): Feed {
  return {
    everyMs: 10,
    open: (state) => {
      let n = Number(state.get('n') ?? 0);
      return Promise.resolve({
        next: () => {
          if (n >= total) return Promise.resolve(null);
          const until = Math.min(n + step, total);
          const records = Array.from({ length: until - n }, (_, i) => ({
            topic: to,
            key: `k${n + i}`,
            value: String(n + i),
          }));
          n = until;
          return Promise.resolve({ records, state: new Map([['n', String(until)]]) });
        },
      });
    },
  };
}
