import { quarantineTopic } from '@everloop/contracts';
import type { SourceBalance } from './types.ts';

const raw = 1;
const valid = 2;
const quarantined = 4;
const repeated = 8;

/** One byte of flags for each offset of a partition; grows as offsets come. */
class OffsetFlags {
  #flags = new Uint8Array(1_024);
  length = 0;

  get(offset: number): number {
    return this.#flags[offset] ?? 0;
  }

  add(offset: number, flag: number): void {
    if (offset >= this.#flags.length) {
      const grown = new Uint8Array(Math.max(offset + 1, this.#flags.length * 2));
      grown.set(this.#flags);
      this.#flags = grown;
    }
    this.#flags[offset] = this.get(offset) | flag;
    this.length = Math.max(this.length, offset + 1);
  }
}

/**
 * Invariant I1 of one source topic: each raw record is in exactly one of `<topic>.valid` and `<topic>.quarantine`, exactly once, as
 * their `evl-src` header says. One byte of memory for each offset; the topics may be added in any order.
 */
export class SourceLedger {
  readonly topic: string;
  readonly #partitions = new Map<number, OffsetFlags>();
  #strange = 0;
  #replayed = 0;

  constructor(topic: string) {
    this.topic = topic;
  }

  #of(partition: number): OffsetFlags {
    const known = this.#partitions.get(partition);
    if (known !== undefined) return known;
    const made = new OffsetFlags();
    this.#partitions.set(partition, made);
    return made;
  }

  /** `replayOf` is the `evl-replay-of` header of a record that came back from the quarantine. */
  addRaw(partition: number, offset: bigint, replayOf?: string): void {
    if (replayOf?.startsWith(`${quarantineTopic(this.topic)}/`) === true) this.#replayed += 1;
    this.#of(partition).add(Number(offset), raw);
  }

  /** `source` is the `evl-src` header, `<topic>/<partition>/<offset>`. */
  addOutput(output: 'valid' | 'quarantine', source: string | undefined): void {
    const parts = source?.split('/') ?? [];
    const [partition, offset] = [Number(parts[1]), Number(parts[2])];
    if (
      parts.length !== 3 ||
      parts[0] !== this.topic ||
      !Number.isSafeInteger(partition) ||
      !Number.isSafeInteger(offset)
    ) {
      this.#strange += 1;
      return;
    }
    const flags = this.#of(partition);
    const flag = output === 'valid' ? valid : quarantined;
    flags.add(offset, (flags.get(offset) & flag) === 0 ? flag : repeated);
  }

  balance(): SourceBalance {
    const count = {
      records: 0,
      replayed: this.#replayed,
      valid: 0,
      quarantined: 0,
      missing: 0,
      duplicated: 0,
      inBoth: 0,
      unknown: this.#strange,
    };
    for (const flags of this.#partitions.values()) {
      for (let offset = 0; offset < flags.length; offset++) {
        const flag = flags.get(offset);
        if (flag === 0) continue;
        const outputs = flag & (valid | quarantined);
        if ((flag & raw) === 0) count.unknown += 1;
        else count.records += 1;
        if ((flag & valid) !== 0) count.valid += 1;
        if ((flag & quarantined) !== 0) count.quarantined += 1;
        if (outputs === 0) count.missing += 1;
        if (outputs === (valid | quarantined)) count.inBoth += 1;
        if ((flag & repeated) !== 0) count.duplicated += 1;
      }
    }
    return { topic: this.topic, ...count };
  }
}

/** True when every raw record went to exactly one output, once. */
export function isSourceBalanced(balance: SourceBalance): boolean {
  return balance.missing + balance.duplicated + balance.inBoth + balance.unknown === 0;
}
