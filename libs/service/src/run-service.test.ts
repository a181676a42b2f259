import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { deferred } from './async.ts';
import { ServiceError } from './errors.ts';
import type { Health, Part } from './lifecycle.ts';
import { createLogger } from './logger.ts';
import { createMetrics, exportMetrics, mergeMetrics } from './metrics.ts';
import { runService, type ProcessHost, type ServiceOptions } from './run-service.ts';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly address?: string;
  readonly err?: { readonly code: string };
}

function harness(parts: readonly Part[], more: Partial<ServiceOptions> = {}) {
  const lines: Line[] = [];
  const address = deferred<string>();
  const running = deferred();
  const emitter = new EventEmitter();
  const codes: number[] = [];
  const exits: number[] = [];
  const host: ProcessHost = {
    on: (event, listener) => emitter.on(event, listener),
    off: (event, listener) => emitter.off(event, listener),
    setExitCode: (code) => codes.push(code),
    exit: (code) => exits.push(code),
  };
  const logger = createLogger({
    service: 'probe',
    write: (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line.address !== undefined) address.resolve(line.address);
      if (line.message === 'probe runs') running.resolve();
    },
  });
  const done = runService({ name: 'probe', parts, http: { host: '127.0.0.1', port: 0 }, logger, ...more }, host);
  return { lines, address: address.promise, running: running.promise, emitter, codes, exits, done };
}

function part(name: string, trace: string[], more: Partial<Part> = {}): Part {
  return {
    name,
    start: async () => void trace.push(`start ${name}`),
    stop: async () => void trace.push(`stop ${name}`),
    ...more,
  };
}

describe('runService', () => {
  it('starts in order, stops in reverse on SIGTERM, exits 0', async () => {
    const trace: string[] = [];
    const run = harness([part('a', trace), part('b', trace), part('c', trace)]);
    await run.running;
    run.emitter.emit('SIGTERM', 'SIGTERM');
    run.emitter.emit('SIGINT', 'SIGINT');
    await run.done;
    expect(trace).toEqual(['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    expect(run.codes).toEqual([0]);
    expect(run.emitter.eventNames()).toEqual([]);
  });

  it('a part that fails to start stops the others, logs once, exits 1', async () => {
    const trace: string[] = [];
    const failure = new ServiceError({ code: 'EVL_TEST_START', kind: 'terminal', message: 'no' });
    const run = harness([
      part('a', trace),
      part('b', trace, { start: () => Promise.reject(failure) }),
      part('c', trace),
    ]);
    await run.done;
    expect(trace).toEqual(['start a', 'stop b', 'stop a']);
    expect(run.codes).toEqual([1]);
    expect(run.lines.filter((line) => line.err?.code === 'EVL_TEST_START')).toHaveLength(1);
  });

  it.each(['uncaughtException', 'unhandledRejection'])('%s stops the service and exits 1', async (event) => {
    const trace: string[] = [];
    const run = harness([part('a', trace)]);
    await run.running;
    run.emitter.emit(event, new TypeError('bug'));
    await run.done;
    expect(trace).toEqual(['start a', 'stop a']);
    expect(run.codes).toEqual([1]);
  });

  it('a part that fails while it runs stops the service; the first error wins', async () => {
    const trace: string[] = [];
    const failed = deferred<unknown>();
    const run = harness([
      part('a', trace, { failed: failed.promise }),
      part('b', trace, { stop: () => Promise.reject(new Error('second')) }),
    ]);
    await run.running;
    failed.resolve(new ServiceError({ code: 'EVL_TEST_FIRST', kind: 'bug', message: 'first' }));
    await run.done;
    expect(run.codes).toEqual([1]);
    expect(run.lines.filter((line) => line.level === 'fatal').map((line) => line.err?.code)).toEqual([
      'EVL_TEST_FIRST',
    ]);
    expect(trace).toContain('stop a');
  });

  it('a part that does not stop is ended by force after the drain deadline with 70', async () => {
    const run = harness([part('a', [], { stop: () => new Promise(() => undefined) })], { drainMs: 30 });
    await run.running;
    run.emitter.emit('SIGINT', 'SIGINT');
    await run.done;
    expect(run.codes).toEqual([70]);
    expect(run.exits).toEqual([70]);
  });

  it('a stop request interrupts a start that waits', async () => {
    const trace: string[] = [];
    const waits = deferred();
    const run = harness([
      part('a', trace, { start: () => (waits.resolve(), new Promise(() => undefined)) }),
      part('b', trace),
    ]);
    await waits.promise;
    run.emitter.emit('SIGTERM', 'SIGTERM');
    await run.done;
    expect(trace).toEqual(['stop a']);
    expect(run.codes).toEqual([0]);
  });
});

describe('HTTP', () => {
  it('answers while the service starts, and reports each part', async () => {
    let health: Health = { ok: true };
    const gate = deferred();
    createMetrics('probe').counter('everloop_probe_things_total', 'Things.').inc(3);
    const run = harness([part('a', [], { start: () => gate.promise, health: () => health })], {
      extraRoutes: (app) => {
        app.get('/missing', () => {
          throw new ServiceError({ code: 'EVL_PROBE_NOT_FOUND', kind: 'terminal', message: 'nothing here' });
        });
      },
    });
    const url = await run.address;
    const ready = async (): Promise<unknown> => {
      const response = await fetch(`${url}/readyz`);
      return { status: response.status, ...((await response.json()) as object) };
    };
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await ready()).toMatchObject({
      status: 503,
      state: 'starting',
      parts: [{ name: 'a', health: { ok: false } }],
    });
    gate.resolve();
    await run.running;
    expect(await ready()).toMatchObject({ status: 200, ok: true, state: 'running' });
    health = { ok: false, reason: 'Redis is away' };
    expect(await ready()).toMatchObject({ status: 503, parts: [{ name: 'a', health: { reason: 'Redis is away' } }] });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('everloop_probe_things_total{service="probe"} 3');
    const missing = await fetch(`${url}/missing`);
    expect([missing.status, await missing.json()]).toEqual([
      404,
      { code: 'EVL_PROBE_NOT_FOUND', message: 'nothing here' },
    ]);
    run.emitter.emit('SIGTERM', 'SIGTERM');
    await run.done;
  });

  it('listens only while all parts run, where processes share a port, and serves the metrics that it is given', async () => {
    const trace: string[] = [];
    const metrics = () => Promise.resolve({ text: 'of all', contentType: 'text/plain' });
    const listening = { url: '' };
    const reach = async () =>
      listening.url === ''
        ? 0
        : await fetch(listening.url).then(
            ({ status }) => status,
            () => 0,
          );
    const run = harness(
      [
        part('a', trace, {
          start: async () => void trace.push(`start ${await reach()}`),
          stop: async () => void trace.push(`stop ${await reach()}`),
        }),
      ],
      {
        http: { host: '127.0.0.1', port: 0, onlyWhileRunning: true, metrics },
      },
    );
    await run.running;
    listening.url = `${await run.address}/readyz`;
    expect(await reach()).toBe(200);
    expect(await (await fetch(`${await run.address}/metrics`)).text()).toBe('of all');
    run.emitter.emit('SIGTERM', 'SIGTERM');
    await run.done;
    expect(trace).toEqual(['start 0', 'stop 0']);
  });

  it('listens nowhere where it is told so', async () => {
    const run = harness([part('a', [])], { http: null });
    await run.running;
    expect(run.lines.some(({ message }) => message === 'HTTP listens')).toBe(false);
    run.emitter.emit('SIGTERM', 'SIGTERM');
    await run.done;
    expect(run.codes).toEqual([0]);
  });

  it('a busy port is an error that says what to do', async () => {
    const first = harness([]);
    const port = Number(new URL(await first.address).port);
    const second = harness([], { http: { host: '127.0.0.1', port } });
    await second.done;
    expect(second.codes).toEqual([1]);
    expect(second.lines.map((line) => line.err?.code)).toContain('EVL_SERVICE_HTTP_LISTEN');
    first.emitter.emit('SIGTERM', 'SIGTERM');
    await first.done;
  });
});

describe('metrics', () => {
  it('of several processes become one: counters are added, gauges as they say', async () => {
    const metrics = createMetrics('probe');
    metrics.counter('everloop_probe_merged_total', 'Merged.', ['kind']).inc({ kind: 'a' }, 2);
    metrics.gauge('everloop_probe_merged_ratio', 'Merged.', [], 'average').set(0.5);
    metrics.gauge('everloop_probe_merged_max', 'Merged.', [], 'max').set(4);
    // Another process sees a copy.
    const one = structuredClone(await exportMetrics());
    metrics.counter('everloop_probe_merged_total', 'Merged.', ['kind']).inc({ kind: 'a' }, 3);
    metrics.gauge('everloop_probe_merged_ratio', 'Merged.', [], 'average').set(0.25);
    metrics.gauge('everloop_probe_merged_max', 'Merged.', [], 'max').set(1);
    const { text } = await mergeMetrics([one, await exportMetrics()]);
    expect(text).toContain('everloop_probe_merged_total{kind="a",service="probe"} 7');
    expect(text).toContain('everloop_probe_merged_ratio{service="probe"} 0.375');
    expect(text).toContain('everloop_probe_merged_max{service="probe"} 4');
  });

  it('the same name gives the same metric; a wrong name or type is refused', () => {
    const metrics = createMetrics('probe');
    const counter = metrics.counter('everloop_probe_same_total', 'Same.', ['kind']);
    expect(metrics.counter('everloop_probe_same_total', 'Same.', ['kind'])).toBe(counter);
    expect(() => metrics.gauge('everloop_probe_same_total', 'Same.')).toThrow(/another type/);
    expect(() => metrics.gauge('requests', 'Wrong.')).toThrow(/must be named everloop_/);
  });
});
