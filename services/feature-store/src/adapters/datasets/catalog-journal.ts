import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { stagingFolder } from '@everloop/storage';

import { errors } from '../../errors.ts';
import type { TagMove } from '../../ports.ts';

/** A change of the catalog. */
export type CatalogChange =
  | {
      readonly kind: 'record';
      readonly id: string;
      readonly model: string;
      readonly createdAtMs: number;
      readonly createdBy: string;
      readonly reason: string;
    }
  | ({ readonly kind: 'tag' } & TagMove);

/**
 * The changes of the catalog, one file each, numbered from 1 without a gap, beside the objects. A number is given by `link(2)`, so of several
 * processes, on whatever hosts share the folder, one gets it. What is there is never changed.
 */
export class CatalogJournal {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(join(dir, stagingFolder), { recursive: true });
  }

  /** The change of a number; null when there is none yet. EVL_FEATURES_CATALOG_INVALID when it cannot be read. */
  read(number: number): CatalogChange | null {
    const path = this.#path(number);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      const change = JSON.parse(text) as CatalogChange;
      if (typeof change.id !== 'string' || !['record', 'tag'].includes(change.kind)) throw new Error('it is no change');
      return change;
    } catch (error) {
      throw errors.catalogInvalid(path, error);
    }
  }

  /** Writes a change under a number, durably; false when somebody has the number. */
  append(number: number, change: CatalogChange): boolean {
    const staged = join(this.#dir, stagingFolder, randomUUID());
    try {
      writeFileSync(staged, JSON.stringify(change));
      sync(staged);
      linkSync(staged, this.#path(number));
      sync(this.#dir);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(staged, { force: true });
    }
  }

  #path(number: number): string {
    return join(this.#dir, `${String(number).padStart(12, '0')}.json`);
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
