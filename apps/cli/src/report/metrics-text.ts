/** One sample of Prometheus' text format. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const unescaped: Readonly<Record<string, string>> = { n: '\n' };

/**
 * Samples of one metric in a page of Prometheus' text format 0.0.4; none when the page does not have it. O(length of the page).
 *
 * @example samplesOf('a{b="c"} 2\nab 3', 'a') // [{ labels: { b: 'c' }, value: 2 }]
 */
export function samplesOf(page: string, metric: string): readonly MetricSample[] {
  const samples: MetricSample[] = [];
  for (const line of page.split('\n')) {
    const rest = line.startsWith(metric) ? line.slice(metric.length) : '';
    const [, inner = '', value] = /^(?:\{(.*)\})? (\S+)/s.exec(rest) ?? [];
    if (value === undefined) continue;
    const labels: Record<string, string> = {};
    for (const [, name = '', text = ''] of inner.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/gs))
      labels[name] = text.replaceAll(/\\(.)/gs, (_, next: string) => unescaped[next] ?? next);
    samples.push({ labels, value: Number(value) });
  }
  return samples;
}
