import { serving } from '@everloop/contracts';
import { RecurringText, RecurringTexts } from './recurring-text.ts';
import { RowValues } from './row-values.ts';
import type { Row } from './row.ts';
import { WireReader } from './wire-reader.ts';

const bytesType = 2;
/** Tags of serving.v1.Inference: number of the field, times 8, and how it is written. */
const tags = {
  model: 0x1a,
  modelVersion: 0x22,
  championVersion: 0x2a,
  eventTimeMs: 0x50,
  inputName: 0x5a,
  inputValue: 0x62,
  score: 0x69,
  verdict: (17 << 3) | bytesType,
  requestName: (23 << 3) | bytesType,
  requestValue: (24 << 3) | bytesType,
  unit: (30 << 3) | bytesType,
  inclusionProbability: (34 << 3) | 1,
  attribution: (36 << 3) | 1,
  attributions: (36 << 3) | bytesType,
} as const;

const none: readonly string[] = [];

interface Scratch extends Row {
  model: string;
  modelVersion: string;
  championVersion: string;
  eventTimeMs: number;
  inputNames: readonly string[];
  score: number;
  verdict: string;
  unit: string;
  requestNames: readonly string[];
  inclusionProbability: number;
  readonly attributions: number[];
}

/**
 * Decodes predictions as far as a detector counts them, several times as fast as the generated code decodes all of them: what a producer writes
 * into every record (names, versions) is compared with the record before, and what is not counted is passed over unread. What it does not know
 * for sure (malformed bytes, values that nobody writes) is left to the generated code, so that both read and refuse the same.
 */
export class RowDecoder {
  readonly #wire = new WireReader();
  readonly #model = new RecurringText();
  readonly #modelVersion = new RecurringText();
  readonly #championVersion = new RecurringText();
  readonly #verdict = new RecurringText();
  readonly #inputNames = new RecurringTexts();
  readonly #requestNames = new RecurringTexts();
  readonly #inputValues = new RowValues();
  readonly #requestValues = new RowValues();
  readonly #row: Scratch = {
    ...{ model: '', modelVersion: '', championVersion: '', eventTimeMs: 0, score: 0.5, verdict: '', unit: '' },
    ...{ inputNames: none, inputValues: this.#inputValues.list, requestNames: none, attributions: [] },
    ...{ requestValues: this.#requestValues.list, inclusionProbability: 0.5 },
  };

  /**
   * The counted fields of an encoded serving.v1.Inference, valid until the next call: rows come by the million, and nobody keeps them. Throws, as
   * the generated code does, where the bytes are none. O(bytes).
   */
  decode(bytes: Buffer): Row {
    const wire = this.#wire;
    const row = this.#reset();
    wire.reset(bytes);
    const end = bytes.length;
    while (wire.at < end) {
      const tag = wire.uint32();
      if (tag === tags.inputValue) this.#inputValues.read(wire);
      else this.#field(tag, row);
    }
    this.#inputValues.end();
    this.#requestValues.end();
    return wire.isBroken ? serving.Inference.decode(bytes) : row;
  }

  #reset(): Scratch {
    const row = this.#row;
    row.model = '';
    row.modelVersion = '';
    row.championVersion = '';
    row.eventTimeMs = 0;
    row.inputNames = none;
    row.score = 0;
    row.verdict = '';
    row.unit = '';
    row.requestNames = none;
    row.inclusionProbability = 0;
    if (row.attributions.length > 0) row.attributions.length = 0;
    this.#inputValues.reset();
    this.#requestValues.reset();
    return row;
  }

  #field(tag: number, row: Scratch): void {
    const wire = this.#wire;
    switch (tag) {
      case tags.model:
        row.model = this.#text(this.#model);
        break;
      case tags.modelVersion:
        row.modelVersion = this.#text(this.#modelVersion);
        break;
      case tags.championVersion:
        row.championVersion = this.#text(this.#championVersion);
        break;
      case tags.eventTimeMs:
        row.eventTimeMs = wire.whole();
        break;
      case tags.inputName:
        row.inputNames = this.#names(tag, row.inputNames, this.#inputNames);
        break;
      case tags.score:
        row.score = wire.double();
        break;
      default:
        this.#rarer(tag, row);
    }
  }

  #rarer(tag: number, row: Scratch): void {
    const wire = this.#wire;
    switch (tag) {
      case tags.verdict:
        row.verdict = this.#text(this.#verdict);
        break;
      case tags.unit: {
        const end = wire.end();
        row.unit = wire.bytes.toString('utf8', wire.at, end);
        wire.at = end;
        break;
      }
      case tags.requestName:
        row.requestNames = this.#names(tag, row.requestNames, this.#requestNames);
        break;
      case tags.requestValue:
        this.#requestValues.read(wire);
        break;
      case tags.inclusionProbability:
        row.inclusionProbability = wire.double();
        break;
      case tags.attribution:
        row.attributions.push(wire.double());
        break;
      case tags.attributions:
        this.#doubles(row.attributions);
        break;
      default:
        // Number 0 is none, and other ways of writing a counted field are the generated code's affair.
        if (tag < 8 || countedFields.has(tag >>> 3)) wire.isBroken = true;
        wire.skip(tag);
    }
  }

  #doubles(into: number[]): void {
    const wire = this.#wire;
    const end = wire.end();
    while (wire.at < end) into.push(wire.double());
    if (wire.at !== end) wire.isBroken = true;
  }

  #text(recurring: RecurringText): string {
    const wire = this.#wire;
    const end = wire.end();
    const text = recurring.read(wire.bytes, wire.at, end);
    wire.at = end;
    return text;
  }

  /** Names from here on, while the tag is the same; mostly those of the row before. */
  #names(tag: number, before: readonly string[], recurring: RecurringTexts): readonly string[] {
    const wire = this.#wire;
    const { bytes } = wire;
    const from = wire.at - (tag < 0x80 ? 1 : 2);
    const end = before.length === 0 ? recurring.endOfSame(bytes, from) : -1;
    if (end >= 0) {
      wire.at = end;
      return recurring.texts;
    }
    const names: string[] = [];
    for (;;) {
      const nameEnd = wire.end();
      names.push(bytes.toString('utf8', wire.at, nameEnd));
      wire.at = nameEnd;
      if (wire.isBroken || nameEnd >= bytes.length) break;
      const next = wire.uint32();
      if (next === tag) continue;
      wire.at = nameEnd;
      break;
    }
    if (!wire.isBroken) recurring.keep(bytes, from, wire.at, names);
    return before.length === 0 ? names : [...before, ...names];
  }
}

const countedFields: ReadonlySet<number> = new Set(Object.values(tags).map((tag) => tag >>> 3));
