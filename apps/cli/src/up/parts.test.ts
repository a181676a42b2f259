import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.ts';
import { listenForInterrupt } from './interrupt.ts';
import { readableLine } from './log-lines.ts';
import { createScreen } from './screen.ts';
import { serviceProcess } from './services.ts';
import { planPorts } from './ports.ts';

describe('log lines', () => {
  it.each([
    ['{"level":"warn","message":"slow","service":"x"}', 'warn  slow'],
    [
      '{"level":"fatal","message":"failed","err":{"code":"EVL_A","message":"m","cause":{"message":"c"}}}',
      'fatal failed (EVL_A: m: c)',
    ],
    ['Error: plain text', 'Error: plain text'],
    ['{"cut short', '{"cut short'],
  ])('%s', (line, expected) => expect(readableLine(line)).toBe(expected));
});

it('the screen shows seconds since the start and keeps lines together', () => {
  let now = 1_000;
  let out = '';
  const say = createScreen(
    (text) => (out += text),
    () => now,
  );
  now += 12_345;
  say('one\ntwo');
  expect(out).toBe('   12.3 s  one\n           two\n');
});

describe('interrupt', () => {
  it('the same Ctrl-C twice is one; another one insists', async () => {
    const emitter = new EventEmitter();
    let now = 0;
    const interrupt = listenForInterrupt(emitter, () => now);
    let insisted = false;
    void interrupt.insisted.then(() => (insisted = true));
    emitter.emit('SIGINT');
    now = 100;
    emitter.emit('SIGINT');
    await interrupt.asked;
    await Promise.resolve();
    expect(insisted).toBe(false);
    now = 2_000;
    emitter.emit('SIGTERM');
    await interrupt.insisted;
    interrupt.release();
    expect(emitter.eventNames()).toEqual([]);
  });
});

describe('data folder', () => {
  let runsDir = '';
  beforeEach(() => {
    runsDir = mkdtempSync(join(tmpdir(), 'everloop-runs-'));
  });
  afterEach(() => rmSync(runsDir, { recursive: true, force: true }));

  it('a default one is deleted, unless it is to be kept', () => {
    const folder = openDataFolder({ runsDir });
    expect(folder.discard()).toBe(true);
    expect(existsSync(folder.path)).toBe(false);
    const kept = openDataFolder({ runsDir, keepData: true });
    expect([kept.discard(), existsSync(kept.path)]).toEqual([false, true]);
  });

  it('a named one is never deleted', () => {
    const folder = openDataFolder({ runsDir, dataDir: join(runsDir, 'mine') });
    expect([folder.discard(), existsSync(folder.path)]).toEqual([false, true]);
  });

  it('keeps the newest two of dead runs and every running one', () => {
    for (const [name, pid] of [
      ['2001', 2 ** 30],
      ['2002', 2 ** 30],
      ['2003', 2 ** 30],
      ['2000', process.pid],
    ] as const) {
      mkdirSync(join(runsDir, name));
      writeFileSync(join(runsDir, name, 'pid'), String(pid));
    }
    const folder = openDataFolder({ runsDir });
    expect(readdirSync(runsDir).filter((name) => name.length === 4)).toEqual(['2000', '2002', '2003']);
    folder.discard();
  });
});

describe('flags of V8', () => {
  const around = { root: '/repo', dataDir: '/data', kafkaBrokers: 'k:1', redisUrl: 'redis://r', env: {} };
  const root = join(import.meta.dirname, '../../../..');

  it.each(['gateway', 'validator'] as const)('of the %s are those of its container', async (name) => {
    const { ports } = await planPorts(undefined, {});
    const { args } = serviceProcess(name, { ...around, ports, compileCache: '/cache' });
    const flags = args.filter((arg) => /^--\w+-(semi|old)-space-size=/.test(arg) && !arg.startsWith('--max-old'));
    expect(flags.length).toBeGreaterThan(0);
    const compose = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
    const [, service = ''] = new RegExp(`^  ${name}:\\n((?:    .*\\n)+)`, 'm').exec(compose) ?? [];
    expect(/NODE_FLAGS: ([^}\n]*[^} \n])/.exec(service)?.[1]).toBe(flags.join(' '));
  });

  it('are given to the program of the container, in front of it', () => {
    const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
    const [, entry = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile) ?? [];
    const [shell = '', option = '', script = ''] = JSON.parse(entry) as string[];
    const said = (flags: string): string =>
      execFileSync(shell, [option, script.replace('exec node', 'printf "%s\\n"'), 'gateway'], {
        ...{ encoding: 'utf8', env: { NODE_FLAGS: flags } },
      });
    expect(said('--a=1 --b=2')).toBe('--a=1\n--b=2\nservices/gateway/src/main.ts\n');
    expect(said('')).toBe('services/gateway/src/main.ts\n');
  });
});

it('a service gets its ports, folders and the addresses of the others', async () => {
  const { ports } = await planPorts(undefined, {});
  const process = serviceProcess('gateway', {
    root: '/repo',
    dataDir: '/data',
    ports,
    kafkaBrokers: 'k:1',
    redisUrl: 'redis://r',
    env: { HOME: '/home/x', EVL_HTTP_PORT: '1' },
    compileCache: '/cache',
  });
  expect(process.args.at(-1)).toBe('/repo/services/gateway/src/main.ts');
  expect(process.env).toMatchObject({
    HOME: '/home/x',
    KAFKA_BROKERS: 'k:1',
    REDIS_URL: 'redis://r',
    EVL_HTTP_PORT: '8101',
    EVL_GRPC_PORT: '8001',
    EVL_REGISTRY_ADDRESS: '127.0.0.1:8003',
    EVL_FEATURES_ADDRESS: '127.0.0.1:8002',
    EVL_OBJECT_STORE: '/data/objects',
    EVL_DATA_DIR: '/data/services/gateway',
    EVL_CLOCK: 'event',
  });
});
