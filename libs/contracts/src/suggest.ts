/** Edits (insert, delete, replace, swap of neighbours) between two words: optimal string alignment (Boytsov 2011, section 2.1). O(|a|·|b|). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The candidate that `word` was most likely meant to be, or undefined when none is near (more than a third of its letters differ, at least 2). */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const plain = fold(word);
  if (plain.length === 0 || plain.length > 100) return undefined;
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const other = fold(candidate);
    const starts = plain.length >= 3 && (other.startsWith(plain) || plain.startsWith(other));
    const distance = starts ? 0.5 : editDistance(plain, other);
    const limit = Math.max(2, Math.floor(Math.max(plain.length, other.length) / 3));
    if (distance <= limit && distance < Math.min(bestDistance, other.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_\s.]/g, '');
}

/** Names for an error message: at most twenty, then how many more. */
export function listNames(names: Iterable<string>): string {
  const all = [...names];
  if (all.length === 0) return 'none';
  return all.length <= 20 ? all.join(', ') : `${all.slice(0, 20).join(', ')} and ${all.length - 20} more`;
}
