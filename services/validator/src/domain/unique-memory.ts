import { formatDuration, type SourceSpec, type UniqueRule } from '@everloop/contracts';
import { reason, type Reason, type Verdict } from '@everloop/records/check';
import { TimeHeap } from './time-heap.ts';
import { compileUniqueKey, ruleId, type UniqueKey } from './unique-key.ts';

/** What a judgement needs of a record in Kafka. */
export interface Placed {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
}

interface Rule {
  readonly id: string;
  readonly spec: UniqueRule;
  readonly keyOf: UniqueKey;
  /** Accepted records by key; those of one key are at least the rule's time apart. */
  readonly byKey: Map<string, Entry[]>;
}

/** A record that was accepted, under one rule. */
interface Entry {
  readonly rule: Rule;
  readonly key: string;
  readonly timeMs: number;
  readonly offset: bigint;
}

export interface UniqueChanges {
  /** What the changelog must say, by key; null removes. */
  readonly changes: ReadonlyMap<string, string | null>;
  /** Entries that were forgotten before their time, because there were too many. */
  readonly evicted: number;
}

const clockKey = 'clock';
/** An event time further ahead of the record's own time in Kafka does not say how far the stream is. Milliseconds. */
const aheadMsMax = 86_400_000;

/**
 * Remembers the accepted records of one partition, and finds those that repeat one: equal values, event times less than `within` apart,
 * in whatever order they come. A record is forgotten when nothing that may still come can repeat it, that is when the watermark, or without
 * markers the newest event time, is later by `within` and the allowed lateness. What is decided depends on the records and markers alone,
 * not on how they are cut into batches, and is the same after a restart.
 */
export class UniqueMemory {
  readonly #rules: readonly Rule[];
  readonly #longestMs: number;
  readonly #latenessMs: number;
  readonly #entriesMax: number;
  readonly #byAge = new TimeHeap<Entry>();
  #watermarkMs: number | null = null;
  #streamMs: number | null = null;
  #writtenClock = '[null,null]';
  #changes = new Map<string, string | null>();
  #evicted = 0;

  /** `entriesMax` bounds the memory, at about 250 bytes an entry; beyond it the oldest by event time is forgotten and counted. */
  constructor(spec: Pick<SourceSpec, 'fields' | 'unique' | 'allowedLatenessMs'>, entriesMax: number) {
    this.#rules = spec.unique.map((rule) => ({
      id: ruleId(rule),
      spec: rule,
      keyOf: compileUniqueKey(rule, spec),
      byKey: new Map<string, Entry[]>(),
    }));
    this.#longestMs = Math.max(0, ...spec.unique.map(({ withinMs }) => withinMs));
    this.#latenessMs = spec.allowedLatenessMs;
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#byAge.size;
  }

  /** Takes back what the changelog says; what belongs to rules that are no more is removed from it with the next changes. */
  restore(records: Iterable<{ readonly key: string; readonly value: string }>): void {
    for (const { key, value } of records) {
      if (key === clockKey) this.#restoreClock(value);
      else if (!this.#restoreEntry(key, value)) this.#changes.set(key, null);
    }
  }

  /** The verdict with a reason for each rule under which the record is a repeat. A record that stays valid is remembered. */
  judge(record: Placed, verdict: Verdict): Verdict {
    if (verdict.record === null || verdict.timeMs === null) return verdict;
    const { timeMs } = verdict;
    this.#passRecord(timeMs, record.timestampMs);
    const repeats: Reason[] = [];
    const entries: Entry[] = [];
    for (const rule of this.#rules) {
      const key = rule.keyOf(verdict.record);
      if (key === null || this.#isOver(rule, timeMs)) continue;
      const first = this.#find(rule, key, timeMs);
      if (first !== undefined) repeats.push(repeatOf(first, record));
      else entries.push({ rule, key, timeMs, offset: record.offset });
    }
    if (repeats.length > 0) {
      const reasons = verdict.kind === 'quarantine' ? [...verdict.reasons, ...repeats] : repeats;
      return { kind: 'quarantine', reasons, record: verdict.record, timeMs };
    }
    if (verdict.kind === 'valid') for (const entry of entries) this.#remember(entry);
    return verdict;
  }

  /** No event before `watermarkMs` follows. */
  passWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs;
  }

  /** What changed since the last call; forgets what is over. */
  takeChanges(): UniqueChanges {
    this.#forget();
    const clock = JSON.stringify([this.#watermarkMs, this.#streamMs]);
    if (clock !== this.#writtenClock) this.#changes.set(clockKey, clock);
    this.#writtenClock = clock;
    const taken = { changes: this.#changes, evicted: this.#evicted };
    this.#changes = new Map();
    this.#evicted = 0;
    return taken;
  }

  /** Event time before which nothing may come any more. */
  get #clockMs(): number {
    return (this.#watermarkMs ?? this.#streamMs ?? -Infinity) - this.#latenessMs;
  }

  #passRecord(timeMs: number, writtenMs: number): void {
    if (timeMs > (this.#streamMs ?? -Infinity) && timeMs <= writtenMs + aheadMsMax) this.#streamMs = timeMs;
  }

  #isOver(rule: Rule, timeMs: number): boolean {
    return timeMs + rule.spec.withinMs <= this.#clockMs;
  }

  #find(rule: Rule, key: string, timeMs: number): Entry | undefined {
    const { withinMs } = rule.spec;
    const others = rule.byKey.get(key);
    return others?.find((o) => Math.abs(o.timeMs - timeMs) < withinMs && !this.#isOver(rule, o.timeMs));
  }

  #remember(entry: Entry): void {
    this.#hold(entry);
    this.#changes.set(changelogKey(entry), String(entry.offset));
    while (this.#byAge.size > this.#entriesMax) {
      this.#drop(this.#byAge.take());
      this.#evicted += 1;
    }
  }

  #hold(entry: Entry): void {
    this.#byAge.add(entry);
    const others = entry.rule.byKey.get(entry.key);
    if (others === undefined) entry.rule.byKey.set(entry.key, [entry]);
    else others.push(entry);
  }

  /** The heap is in order of event time; with rules of several times an entry outstays its own by their difference. */
  #forget(): void {
    for (;;) {
      const { oldest } = this.#byAge;
      if (oldest === undefined || oldest.timeMs + this.#longestMs > this.#clockMs) return;
      this.#drop(this.#byAge.take());
    }
  }

  #drop(entry: Entry | undefined): void {
    if (entry === undefined) return;
    const left = (entry.rule.byKey.get(entry.key) ?? []).filter((other) => other !== entry);
    if (left.length > 0) entry.rule.byKey.set(entry.key, left);
    else entry.rule.byKey.delete(entry.key);
    this.#changes.set(changelogKey(entry), null);
  }

  #restoreClock(value: string): void {
    const [watermarkMs, streamMs] = JSON.parse(value) as readonly [number | null, number | null];
    this.#watermarkMs = watermarkMs;
    this.#streamMs = streamMs;
    this.#writtenClock = value;
  }

  #restoreEntry(changelog: string, value: string): boolean {
    const [, id, timeText, key] = /^([0-9a-f]{8}):(-?\d+):(.*)$/s.exec(changelog) ?? [];
    const rule = this.#rules.find((one) => one.id === id);
    if (rule === undefined || key === undefined) return false;
    this.#hold({ rule, key, timeMs: Number(timeText), offset: BigInt(value) });
    return true;
  }
}

function changelogKey({ rule, timeMs, key }: Entry): string {
  return `${rule.id}:${timeMs}:${key}`;
}

function repeatOf({ rule, key, offset }: Entry, { topic, partition }: Placed): Reason {
  const { fields, withinMs } = rule.spec;
  const message = `the same values came within ${formatDuration(withinMs)}, in ${topic}/${partition}/${offset}`;
  return reason('unique', fields.join(', '), message, key);
}
