import type { drift, serving } from '@everloop/contracts';
import { distinctValues, hashText } from '@everloop/stats';
import type { Row } from '../rows/row.ts';
import { mergedUnits, unitsMax } from './counts.ts';

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
/** Different units: exact while all are kept, else estimated, see `distinctValues`. */
export function distinctUnits({ hashes, counts, incomplete }: drift.UnitCounts): number {
  const values = hashes.map((hash, i) => ({ hash: hash * hashStep, count: counts[i] ?? 0, text: '' }));
  return distinctValues({ values, complete: !incomplete });
}

/** Rows whose units are gathered before they are counted. */
const blockRows = 4 * unitsMax;

/**
 * How many rows each unit has. Hashes are gathered as numbers and counted when there are many, since a table of a pane's units would be an object
 * for each row that lives as long as the pane.
 */
export class UnitCounter {
  readonly #field: string | undefined;
  #block = new Uint32Array(256);
  #gathered = 0;
  #counts: drift.UnitCounts | undefined;

  /** `field`: see `unitOf`. */
  constructor(field: string | undefined) {
    this.#field = field;
  }

  /** Amortised O(log rows). */
  add(row: Row): void {
    const unit = unitOf(row, this.#field);
    if (unit === '') return;
    if (this.#gathered === this.#block.length) this.#makeRoom();
    this.#block[this.#gathered] = Math.floor(hashText(unit) / hashStep);
    this.#gathered += 1;
  }

  /** Undefined where no row named a unit. O(rows log rows) of those that were not counted yet. */
  counts(): drift.UnitCounts | undefined {
    this.#countBlock();
    return this.#counts;
  }

  #makeRoom(): void {
    if (this.#block.length >= blockRows) {
      this.#countBlock();
      return;
    }
    const larger = new Uint32Array(this.#block.length * 2);
    larger.set(this.#block);
    this.#block = larger;
  }

  #countBlock(): void {
    if (this.#gathered === 0) return;
    const sorted = this.#block.subarray(0, this.#gathered).sort();
    const hashes: number[] = [];
    const counts: number[] = [];
    let isOver = false;
    for (let i = 0; i < sorted.length;) {
      const hash = sorted[i] ?? 0;
      const from = i;
      while (i < sorted.length && sorted[i] === hash) i += 1;
      isOver = hashes.length === unitsMax;
      if (isOver) break;
      hashes.push(hash);
      counts.push(i - from);
    }
    this.#counts = mergedUnits(this.#counts, { hashes, counts, incomplete: isOver });
    this.#gathered = 0;
  }
}
