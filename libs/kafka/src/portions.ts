import type { Fetched } from './reader.ts';

/** What was fetched, in portions of at most `recordsMax` records of each input. */
export function* portions(fetched: readonly Fetched[], recordsMax: number): Generator<readonly Fetched[]> {
  let left = fetched;
  while (left.some(({ records }) => records.length > recordsMax)) {
    const cut = left.map((one) => cutOff(one, recordsMax));
    yield cut.map(({ first }) => first);
    left = cut.flatMap(({ rest }) => (rest === null ? [] : [rest]));
  }
  if (left.length > 0) yield left;
}

function cutOff(one: Fetched, count: number): { readonly first: Fetched; readonly rest: Fetched | null } {
  const from = one.records[count]?.offset;
  if (from === undefined) return { first: one, rest: null };
  return {
    first: { ...one, records: one.records.slice(0, count), nextOffset: from, hasMore: true },
    rest: { ...one, records: one.records.slice(count), from },
  };
}
