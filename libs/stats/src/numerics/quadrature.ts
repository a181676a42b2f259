/**
 * Nodes on (0, 1) and weights of the Gauss-Legendre rule with `points` points: zeros of the Legendre polynomial by Newton's method.
 *
 * Source: Abramowitz and Stegun (1964), 25.4.30.
 *
 * gaussLegendre(2).map(({ node, weight }) => [node.toFixed(6), weight.toFixed(6)]) // → [["0.211325","0.500000"],["0.788675","0.500000"]]
 */
export function gaussLegendre(points: number): readonly { readonly node: number; readonly weight: number }[] {
  return Array.from({ length: points }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5));
    let slope = 1;
    for (let step = 0; step < 100; step += 1) {
      let [before, value] = [1, x];
      for (let k = 2; k <= points; k += 1) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = (points * (x * value - before)) / (x * x - 1);
      const change = value / slope;
      x -= change;
      if (Math.abs(change) < 1e-16) break;
    }
    return { node: (1 - x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}
