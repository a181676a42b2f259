import { type BuiltinRule, cut, reason, reasonsMax, type Reason, unexpectedMax } from './verdict.ts';

/**
 * What is found while one record is judged. Bounded: reasons beyond the most that are kept are only counted. One object serves all
 * records of a check, so that a valid record costs no allocation.
 */
export class Findings {
  #reasons: Reason[] = [];
  #unexpected: string[] | null = null;
  #left = 0;

  /** Forgets the record before. */
  reset(): void {
    if (this.#reasons.length > 0) this.#reasons = [];
    this.#unexpected = null;
    this.#left = 0;
  }

  /** How many reasons are kept; a mark for `prefix`. */
  get count(): number {
    return this.#reasons.length;
  }

  add(rule: BuiltinRule | `cel:${string}`, path: string, message: string, value?: unknown): void {
    if (this.#reasons.length < reasonsMax) this.#reasons.push(reason(rule, path, message, value));
    else this.#left += 1;
  }

  /** A column that the Source does not list. */
  addUnexpected(path: string): void {
    this.#unexpected ??= [];
    if (this.#unexpected.length < unexpectedMax) this.#unexpected.push(cut(path));
  }

  /** How many unexpected columns are named; a mark for `prefix`. */
  get unexpectedCount(): number {
    return this.#unexpected === null ? 0 : this.#unexpected.length;
  }

  get unexpected(): readonly string[] | null {
    return this.#unexpected;
  }

  /** Puts a container's name before the paths that were found in it, that is since the two marks. */
  prefix(container: string, reasonsBefore: number, unexpectedBefore: number): void {
    for (let i = reasonsBefore; i < this.#reasons.length; i += 1) {
      const found = this.#reasons[i];
      if (found !== undefined) this.#reasons[i] = { ...found, path: cut(joinPath(container, found.path)) };
    }
    if (this.#unexpected === null) return;
    for (let i = unexpectedBefore; i < this.#unexpected.length; i += 1) {
      this.#unexpected[i] = cut(joinPath(container, this.#unexpected[i] ?? ''));
    }
  }

  /** Whether a reason names just this path. */
  has(path: string): boolean {
    return this.#reasons.some((found) => found.path === path);
  }

  /** All reasons; one more says how many were left out. */
  get reasons(): readonly Reason[] {
    if (this.#left === 0) return this.#reasons;
    return [...this.#reasons, reason('more', '', `${this.#left} more reasons are left out`)];
  }
}

function joinPath(container: string, path: string): string {
  return path === '' || container === '' || path.startsWith('[') ? `${container}${path}` : `${container}.${path}`;
}
