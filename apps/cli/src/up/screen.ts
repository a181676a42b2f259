/** Says something to the person who started it. */
export type Say = (text: string) => void;

/** Lines that begin with the seconds since the start: `   3.2 s  Kafka 4.2.2 runs at 127.0.0.1:19092`. */
export function createScreen(write: (text: string) => void, nowMs: () => number = () => performance.now()): Say {
  const startedAt = nowMs();
  return (text) => {
    const seconds = ((nowMs() - startedAt) / 1_000).toFixed(1).padStart(7);
    const [first = '', ...rest] = text.split('\n');
    write([`${seconds} s  ${first}`, ...rest.map((line) => `${' '.repeat(11)}${line}`)].join('\n') + '\n');
  };
}
