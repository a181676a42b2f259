/**
 * Whole numbers below `count`, uniform within 2⁻³², the same for the same seed (32 bits). SplitMix (Steele, Lea and Flood 2014, OOPSLA, 453-472), 32
 * bits of state.
 *
 * randomIndex(1)(100) // → 58
 */
export function randomIndex(seed: number): (count: number) => number {
  let state = seed >>> 0;
  return (count) => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed = (mixed ^ (mixed >>> 16)) >>> 0;
    return Math.floor((mixed / 0x1_0000_0000) * count);
  };
}
