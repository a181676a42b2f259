import { parseTimestamp } from '@everloop/records';

/** Most different texts that are told apart; beyond, a field is no closed set. */
const textsMax = 50;
const textCharsMax = 100;
/** Fields and levels that are followed; a record with more is no table. */
const fieldsMax = 500;
const levelsMax = 6;

/** `12.50`: digits with a point, as exact decimals are written. */
const decimalText = /^-?\d{1,76}\.\d{1,76}$/;
const integerText = /^-?\d{1,76}$/;

/** What has been seen of the values at one place of the records. Memory is bounded whatever comes. */
export class ValueProfile {
  nulls = 0;
  booleans = 0;
  integers = 0;
  /** Numbers with a fraction, or beyond 2^53. */
  fractions = 0;
  texts = 0;
  objects = 0;
  arrays = 0;
  /** Texts that are RFC 3339 times. */
  times = 0;
  decimals = 0;
  digits = 0;
  min = Infinity;
  max = -Infinity;
  whole = 0;
  scale = 0;
  charsMin = Infinity;
  charsMax = 0;
  itemsMin = Infinity;
  itemsMax = 0;
  /** How often each text came; null when there were too many. */
  values: Map<string, number> | null = new Map();
  readonly fields = new Map<string, ValueProfile>();
  items: ValueProfile | null = null;
  /** Fields beyond the bound, which are not described. */
  fieldsLeftOut = 0;
  readonly #level: number;

  constructor(level = 0) {
    this.#level = level;
  }

  /** Values that are there and not null. */
  get present(): number {
    return this.booleans + this.integers + this.fractions + this.texts + this.objects + this.arrays;
  }

  add(value: unknown): void {
    switch (typeof value) {
      case 'boolean':
        this.booleans += 1;
        return;
      case 'number':
        this.#addNumber(value);
        return;
      case 'string':
        this.#addText(value);
        return;
      default:
        if (value === null || value === undefined) this.nulls += 1;
        else if (Array.isArray(value)) this.#addArray(value);
        else this.addObject(value as Readonly<Record<string, unknown>>);
    }
  }

  addObject(value: Readonly<Record<string, unknown>>): void {
    this.objects += 1;
    if (this.#level >= levelsMax) return;
    for (const [name, member] of Object.entries(value)) {
      let field = this.fields.get(name);
      if (field === undefined) {
        if (this.fields.size >= fieldsMax) {
          this.fieldsLeftOut += 1;
          continue;
        }
        this.fields.set(name, (field = new ValueProfile(this.#level + 1)));
      }
      field.add(member);
    }
  }

  #addNumber(value: number): void {
    if (Number.isSafeInteger(value)) this.integers += 1;
    else this.fractions += 1;
    this.min = Math.min(this.min, value);
    this.max = Math.max(this.max, value);
  }

  #addText(value: string): void {
    this.texts += 1;
    const { length } = value;
    this.charsMin = Math.min(this.charsMin, length);
    this.charsMax = Math.max(this.charsMax, length);
    if (length >= 20 && parseTimestamp(value) !== null) this.times += 1;
    else if (decimalText.test(value)) this.#addDecimal(value);
    else if (integerText.test(value)) {
      this.digits += 1;
      this.whole = Math.max(this.whole, value.replace('-', '').length);
    }
    if (this.values === null) return;
    const count = this.values.get(value);
    if (count === undefined && (this.values.size >= textsMax || length > textCharsMax)) this.values = null;
    else this.values.set(value, (count ?? 0) + 1);
  }

  #addDecimal(value: string): void {
    this.decimals += 1;
    const [whole = '', fraction = ''] = value.replace('-', '').split('.');
    this.whole = Math.max(this.whole, whole.replace(/^0+/, '').length);
    this.scale = Math.max(this.scale, fraction.length);
    this.min = Math.min(this.min, Number(value));
    this.max = Math.max(this.max, Number(value));
  }

  #addArray(value: readonly unknown[]): void {
    this.arrays += 1;
    this.itemsMin = Math.min(this.itemsMin, value.length);
    this.itemsMax = Math.max(this.itemsMax, value.length);
    if (this.#level >= levelsMax) return;
    this.items ??= new ValueProfile(this.#level + 1);
    for (const item of value) this.items.add(item);
  }
}
