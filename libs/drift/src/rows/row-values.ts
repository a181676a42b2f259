import type { serving } from '@everloop/contracts';
import { RecurringText } from './recurring-text.ts';
import type { WireReader } from './wire-reader.ts';

/** Tags of serving.v1.FeatureValue. */
const [numberTag, textTag, missingTag] = [0x09, 0x12, 0x18];

const missing: serving.FeatureValue = { kind: { $case: 'missing', value: true } };
const absent: serving.FeatureValue = { kind: undefined };

/** A value of one place, used for every row. */
class Slot {
  readonly #number = { $case: 'number' as const, value: 0.5 };
  readonly #text = { $case: 'text' as const, value: '' };
  readonly #ofNumber: serving.FeatureValue = { kind: this.#number };
  readonly #ofText: serving.FeatureValue = { kind: this.#text };
  readonly #recurring = new RecurringText();

  number(value: number): serving.FeatureValue {
    this.#number.value = value;
    return this.#ofNumber;
  }

  text(bytes: Buffer, from: number, to: number): serving.FeatureValue {
    this.#text.value = this.#recurring.read(bytes, from, to);
    return this.#ofText;
  }
}

/** Values of rows, one after the other, in one list. */
export class RowValues {
  readonly list: serving.FeatureValue[] = [];
  readonly #slots: Slot[] = [];
  #count = 0;

  reset(): void {
    this.#count = 0;
  }

  /** Cuts off what an earlier row had more. */
  end(): void {
    if (this.list.length !== this.#count) this.list.length = this.#count;
  }

  /** Reads the next value, whose tag was read. */
  read(wire: WireReader): void {
    this.list[this.#count] = this.#value(wire);
    this.#count += 1;
  }

  #value(wire: WireReader): serving.FeatureValue {
    const { bytes } = wire;
    const end = wire.end();
    const length = end - wire.at;
    const first = bytes[wire.at];
    if (length === 9 && first === numberTag) {
      wire.at += 1;
      return this.#slot().number(wire.double());
    }
    if (first === textTag) {
      wire.at += 1;
      const [textEnd, from] = [wire.end(), wire.at];
      wire.at = end;
      if (textEnd === end) return this.#slot().text(bytes, from, end);
    }
    const isMissing = length === 2 && first === missingTag && bytes[wire.at + 1] === 1;
    wire.at = end;
    if (isMissing) return missing;
    if (length > 0) wire.isBroken = true;
    return absent;
  }

  #slot(): Slot {
    const known = this.#slots[this.#count];
    if (known !== undefined) return known;
    const slot = new Slot();
    this.#slots[this.#count] = slot;
    return slot;
  }
}
