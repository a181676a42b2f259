import { hourKey, trackKey, type createQualityState, type Judged, type OutcomeHour, type Track } from '@everloop/drift';

type QualityState = ReturnType<typeof createQualityState>;

/** What the changelog of stage 3 holds under one key. */
type Entry =
  | { readonly is: 'hour'; readonly hour: OutcomeHour }
  | {
      readonly is: 'track';
      readonly monitor: string;
      readonly version: string;
      readonly slice: string;
      readonly track: Track;
    }
  | {
      readonly is: 'judged';
      readonly monitor: string;
      readonly labelledMs: number | null;
      readonly estimatedMs: number | null;
    };

/** Keys of the state of stage 3 begin with this. */
export const qualityPrefix = 'quality/';

export const hourEntryKey = (key: string): string => `${qualityPrefix}hour/${key}`;
export const trackEntryKey = (key: string): string => `${qualityPrefix}track/${key}`;
export const judgedEntryKey = (monitor: string): string => `${qualityPrefix}judged/${monitor}`;

/** Infinity is not JSON. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

export function encodeHour(hour: OutcomeHour): string {
  return JSON.stringify({ is: 'hour', hour } satisfies Entry);
}

/** What is remembered of a version under a Monitor, overall (slice "") or in a slice. */
export function encodeTrack(of: Omit<Extract<Entry, { is: 'track' }>, 'is'>): string {
  return JSON.stringify({ is: 'track', ...of } satisfies Entry);
}

export function encodeJudged(monitor: string, { labelledMs, estimatedMs }: Judged): string {
  const entry: Entry = { is: 'judged', monitor, labelledMs: finite(labelledMs), estimatedMs: finite(estimatedMs) };
  return JSON.stringify(entry);
}

/** Puts an entry back into the state. Throws for a text that none of the functions above made. */
export function restoreEntry(state: QualityState, text: string): void {
  const entry = JSON.parse(text) as Entry;
  switch (entry.is) {
    case 'hour':
      state.hours.set(hourKey(entry.hour), entry.hour);
      return;
    case 'track':
      state.tracks.set(trackKey(entry.monitor, entry.version, entry.slice), entry.track);
      return;
    case 'judged':
      state.judged.set(entry.monitor, {
        labelledMs: entry.labelledMs ?? -Infinity,
        estimatedMs: entry.estimatedMs ?? -Infinity,
      });
      return;
    default:
      throw new TypeError('neither an hour, a track nor how far a Monitor has judged');
  }
}
