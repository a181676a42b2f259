/**
 * Random numbers in [0, 1) that depend on the seed alone. Good enough to draw samples; not for secrets.
 *
 * Source: B. Jenkins's small fast counting generator as sfc32 in PractRand (C. Doty-Humphrey), 128 bits of state.
 */
export function seededRandom(seed: number): () => number {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i += 1) next();
  return next;
}

/** `count` of the given items, each set as likely as any other, in their own order. O(items). */
export function drawSorted(items: Int32Array, count: number, random: () => number): Int32Array {
  const drawn = new Int32Array(count);
  let taken = 0;
  // Selection sampling: D. E. Knuth, The Art of Computer Programming 2, algorithm 3.4.2 S.
  for (let i = 0; taken < count; i += 1) {
    if ((items.length - i) * random() < count - taken) drawn[taken++] = items[i] as number;
  }
  return drawn;
}
