import type { OdcsNote } from './types.ts';

/** Properties of the standard that say something about people, money or papers, not about records. */
const beside = 'a Source says nothing about it; keep the contract beside it';

/** Collects what a Source cannot say. Equal remarks about many places become one. */
export class Notes {
  readonly #places = new Map<string, string[]>();

  add(path: string, message: string): void {
    const places = this.#places.get(message);
    if (places === undefined) this.#places.set(message, [path]);
    else places.push(path);
  }

  /** Says of each key that was not looked at that it is left out; an unknown property is never passed over in silence. */
  leftOver(path: string, object: object, known: readonly string[]): void {
    for (const [key, value] of Object.entries(object)) {
      if (known.includes(key) || value === undefined || (Array.isArray(value) && value.length === 0)) continue;
      this.add(path === '' ? key : `${path}.${key}`, `${key} is left out: ${beside}`);
    }
  }

  /** In the order in which they were met; of many places the first and their number. */
  all(): readonly OdcsNote[] {
    return [...this.#places].map(([message, [first = '', ...others]]) => ({
      path: others.length === 0 ? first : `${first} and ${others.length} more`,
      message,
    }));
  }
}
