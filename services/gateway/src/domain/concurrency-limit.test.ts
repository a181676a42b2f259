import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimit } from './concurrency-limit.ts';

const options = { min: 4, max: 1_000, initial: 20, windowMs: 100 };

interface Event {
  readonly atMs: number;
  readonly act: () => void;
}

/** A server of so many workers with a queue in front, to which calls come at a steady pace whatever it does; in time of its own. */
function simulate({
  workers,
  serviceMs,
  everyMs,
  untilMs,
  limit,
}: {
  readonly workers: number;
  readonly serviceMs: (atMs: number) => number;
  readonly everyMs: (atMs: number) => number;
  readonly untilMs: number;
  readonly limit: ConcurrencyLimit | null;
}) {
  const events: Event[] = [];
  const answers: { readonly atMs: number; readonly tookMs: number }[] = [];
  const shed: number[] = [];
  const queue: number[] = [];
  let busy = 0;
  let nowMs = 0;
  const at = (atMs: number, act: () => void): void => {
    const place = events.findLastIndex((event) => event.atMs <= atMs);
    events.splice(place + 1, 0, { atMs, act });
  };
  const serve = (): void => {
    const begunMs = queue.shift();
    if (begunMs === undefined) return;
    busy += 1;
    at(nowMs + serviceMs(nowMs), () => {
      busy -= 1;
      const tookMs = nowMs - begunMs;
      limit?.end(nowMs, tookMs);
      answers.push({ atMs: nowMs, tookMs });
      serve();
    });
  };
  const arrive = (): void => {
    if (limit?.tryBegin() === false) shed.push(nowMs);
    else {
      queue.push(nowMs);
      if (busy < workers) serve();
    }
    at(nowMs + everyMs(nowMs), arrive);
  };
  at(0, arrive);
  for (let next = events.shift(); next !== undefined && next.atMs <= untilMs; next = events.shift()) {
    nowMs = next.atMs;
    next.act();
  }
  const between = (fromMs: number, toMs: number) => {
    const took = answers.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ tookMs }) => tookMs);
    took.sort((a, b) => a - b);
    const sheds = shed.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
    return { answered: took.length, shed: sheds, p99Ms: took[Math.floor(took.length * 0.99)] ?? NaN };
  };
  return { between };
}

/** 4 workers of 10 ms answer 400 calls a second. */
const server = { workers: 4, serviceMs: () => 10 };
/** 200 calls a second for 20 s, then 800, twice what the server can do, for 30 s, then 200 again. */
const rush = (atMs: number): number => (atMs < 20_000 || atMs >= 50_000 ? 5 : 1.25);

describe('ConcurrencyLimit before an overloaded server', () => {
  const open = simulate({ ...server, everyMs: rush, untilMs: 80_000, limit: null });
  const limit = new ConcurrencyLimit(options);
  const limited = simulate({ ...server, everyMs: rush, untilMs: 80_000, limit });

  it('keeps latency bounded where a queue without it grows', () => {
    expect(open.between(45_000, 50_000).p99Ms).toBeGreaterThan(5_000);
    expect(limited.between(25_000, 50_000).p99Ms).toBeLessThan(300);
  });

  it('keeps the server busy, and sheds only what it cannot do', () => {
    const { answered, shed } = limited.between(25_000, 50_000);
    expect(answered / 25).toBeGreaterThan(0.95 * 400);
    expect((answered + shed) / 25).toBeCloseTo(800, -1);
  });

  it('sheds nothing before and after', () => {
    expect(limited.between(0, 20_000).shed).toBe(0);
    expect(limited.between(52_000, 80_000)).toMatchObject({ shed: 0, p99Ms: 10 });
  });
});

describe('ConcurrencyLimit', () => {
  it('grows where more calls are answered as fast', () => {
    const limit = new ConcurrencyLimit(options);
    // So many workers that nothing ever waits.
    simulate({ workers: 10_000, serviceMs: () => 50, everyMs: () => 0.5, untilMs: 30_000, limit });
    expect(limit.limit).toBeGreaterThan(90);
  });

  it('falls, to its minimum at most, where a server becomes slow', () => {
    const limit = new ConcurrencyLimit(options);
    simulate({ ...server, serviceMs: (atMs) => (atMs < 10_000 ? 10 : 100), everyMs: () => 2, untilMs: 14_000, limit });
    expect(limit.limit).toBeLessThan(20);
    expect(limit.limit).toBeGreaterThanOrEqual(options.min);
  });

  it('says nothing about a server that is not used, nor by calls that failed', () => {
    const limit = new ConcurrencyLimit(options);
    for (let call = 0; call < 1_000; call += 1) {
      expect(limit.tryBegin()).toBe(true);
      limit.end(call * 50, call % 2 === 0 ? 1 + call : null);
    }
    expect(limit.limit).toBe(options.initial);
  });

  it('never lets more begin than it says, and stays within its bounds', () => {
    const steps = fc.array(fc.record({ begins: fc.nat(30), ends: fc.nat(30), tookMs: fc.nat(1_000) }), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(steps, (given) => {
        const limit = new ConcurrencyLimit(options);
        let nowMs = 0;
        let underWay = 0;
        for (const { begins, ends, tookMs } of given) {
          for (let call = 0; call < begins; call += 1) {
            const mayBegin = underWay < limit.limit;
            expect(limit.tryBegin()).toBe(mayBegin);
            if (mayBegin) underWay += 1;
          }
          for (let call = Math.min(ends, underWay); call > 0; call -= 1) {
            nowMs += 5;
            underWay -= 1;
            limit.end(nowMs, tookMs);
          }
          expect(limit.inFlight).toBe(underWay);
          expect(limit.limit).toBeGreaterThanOrEqual(options.min);
          expect(limit.limit).toBeLessThanOrEqual(options.max);
        }
      }),
    );
  });
});
