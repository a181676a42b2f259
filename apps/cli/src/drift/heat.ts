/** Shares of its limit that a field's index may have, with the colours between which they lie; beyond both ends the colour stays. */
const stops: readonly (readonly [share: number, colour: readonly [number, number, number]])[] = [
  [0.1, [247, 247, 245]],
  [0.5, [226, 229, 222]],
  [1, [253, 212, 158]],
  [3, [252, 141, 89]],
  [10, [215, 48, 31]],
  [50, [97, 0, 22]],
];

/** Shares that the legend names. */
export const heatMarks = [0.1, 1, 3, 10, 50] as const;

/** Index that stands for a share of 1: the limit of most windows; where that is none, the largest, or 0.1 nats. */
export function unitOf({ usual, most }: { readonly usual: number; readonly most: number }): number {
  return usual || most || 0.1;
}

/** Colour of what is written on an index's colour. */
export function inkOn(share: number): string {
  return share > 5 ? '#ffffff' : '#1f2933';
}

/**
 * Colour of an index: grey below its limit, from light orange at the limit to dark red at fifty times. Logarithmic, since indices of one model lie
 * orders of magnitude apart.
 * @example heat(1) // 'rgb(253,212,158)'
 */
export function heat(share: number): string {
  const [first, last] = [stops[0], stops.at(-1)];
  const upper = stops.findIndex(([at]) => share <= at);
  if (first === undefined || last === undefined) return '#ffffff';
  if (upper === 0 || Number.isNaN(share)) return rgb(first[1]);
  const [low, high] = [stops[upper - 1], stops[upper]];
  if (low === undefined || high === undefined) return rgb(last[1]);
  const part = Math.log(share / low[0]) / Math.log(high[0] / low[0]);
  return rgb(low[1].map((from, channel) => from + ((high[1][channel] ?? from) - from) * part));
}

function rgb(channels: readonly number[]): string {
  return `rgb(${channels.map((channel) => Math.round(channel)).join(',')})`;
}
