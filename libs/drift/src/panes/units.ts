import type { drift, serving } from '@everloop/contracts';
import { hashText, ValueCounts } from '@everloop/stats';
import type { Row } from '../rows/row.ts';
import { unitsMax } from './counts.ts';

function textOf(value: serving.FeatureValue | undefined): string {
  const kind = value?.kind;
  return kind === undefined || kind.$case === 'missing' ? '' : String(kind.value);
}

/** Unit of a row: the input or request field of that name; without a name, or where the row has no such value, what its draw was made for. */
export function unitOf(row: Row, field: string | undefined): string {
  if (field === undefined) return row.unit;
  const place = row.inputNames.indexOf(field);
  const text = textOf(place >= 0 ? row.inputValues[place] : row.requestValues[row.requestNames.indexOf(field)]);
  return text === '' ? row.unit : text;
}

/** Hashes of units have 32 bits: two of a thousand units are taken for one about once in 10,000 panes. */
const hashStep = 2 ** 21;

/** How many rows each unit has. */
export class UnitCounter {
  readonly #counts = new ValueCounts(unitsMax);
  readonly #field: string | undefined;
  #isCounted = false;

  /** `field`: see `unitOf`. */
  constructor(field: string | undefined) {
    this.#field = field;
  }

  add(row: Row): void {
    const unit = unitOf(row, this.#field);
    if (unit === '') return;
    this.#isCounted = true;
    this.#counts.add(Math.floor(hashText(unit) / hashStep));
  }

  /** Undefined where no row named a unit. O(units). */
  counts(): drift.UnitCounts | undefined {
    if (!this.#isCounted) return undefined;
    const { values, complete } = this.#counts.state();
    return {
      hashes: values.map(({ hash }) => hash),
      counts: values.map(({ count }) => count),
      incomplete: !complete,
    };
  }
}
