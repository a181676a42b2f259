import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonConfig, grpcConfig, loadConfig, parseDuration } from './config.ts';

const schema = {
  ...commonConfig,
  ...grpcConfig,
  batchMax: {
    env: 'EVL_BATCH_MAX',
    type: 'integer',
    default: 500,
    min: 1,
    max: 5_000,
    unit: 'records',
    why: 'A batch.',
  },
  ratio: { env: 'EVL_RATIO', type: 'number', default: 0.5, min: 0, max: 1, why: 'A share.' },
  strict: { env: 'EVL_STRICT', type: 'boolean', default: true, why: 'A switch.' },
  waitMs: { env: 'EVL_WAIT', type: 'duration', default: 5_000, why: 'A wait.' },
  folder: { env: 'EVL_FOLDER', type: 'string', why: 'Where files are.' },
  extra: { env: 'EVL_EXTRA', type: 'string', default: null, why: 'Optional.' },
} as const;

describe('loadConfig', () => {
  it('fills defaults, also those that differ by service', () => {
    const config = loadConfig('registry', schema, { EVL_FOLDER: '/data' });
    expect(config).toEqual({
      kafkaBrokers: ['127.0.0.1:19092'],
      httpHost: '127.0.0.1',
      httpPort: 8103,
      grpcHost: '127.0.0.1',
      grpcPort: 8003,
      logLevel: 'info',
      batchMax: 500,
      ratio: 0.5,
      strict: true,
      waitMs: 5_000,
      folder: '/data',
      extra: null,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it.each([
    ['127.0.0.1', {}, true],
    ['::1', {}, true],
    ['0.0.0.0', {}, false],
    ['10.0.0.7', {}, false],
    ['0.0.0.0', { EVL_ALLOW_INSECURE_BIND: 'true' }, true],
    ['0.0.0.0', { EVL_ALLOW_INSECURE_BIND: 'false' }, false],
  ])('listening on %s with %j is allowed: %s', (host, env, allowed) => {
    const load = () => loadConfig('registry', schema, { EVL_FOLDER: '/data', EVL_HTTP_HOST: host, ...env });
    if (allowed) expect(load().httpHost).toBe(host);
    else expect(load).toThrow(/EVL_HTTP_HOST is '[\d.]+', which others can reach.*EVL_ALLOW_INSECURE_BIND=true/);
  });

  it('gives each key its type', () => {
    const config = loadConfig('gateway', schema, {
      EVL_FOLDER: ' /x ',
      KAFKA_BROKERS: 'a:1, b:2,',
      EVL_STRICT: 'no',
      EVL_WAIT: '1.5s',
      EVL_RATIO: '1e-3',
      EVL_HTTP_PORT: '0',
    });
    const typed: {
      folder: string;
      kafkaBrokers: readonly string[];
      strict: boolean;
      waitMs: number;
      extra: string | null;
    } = config;
    expect(typed).toMatchObject({
      folder: '/x',
      kafkaBrokers: ['a:1', 'b:2'],
      strict: false,
      waitMs: 1_500,
      ratio: 0.001,
      httpPort: 0,
    });
  });

  it('reports every problem at once: variable, value, what is allowed', () => {
    const env = {
      EVL_BATCH_MAX: '9000',
      EVL_RATIO: 'half',
      EVL_STRICT: 'maybe',
      EVL_WAIT: '5',
      EVL_LOG_LEVEL: 'loud',
      KAFKA_BROKERS: ',',
    };
    const error = (() => {
      try {
        return loadConfig('elsewhere', schema, env);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toMatchObject({ code: 'EVL_CONFIG_INVALID', kind: 'terminal' });
    const { message } = error as Error;
    for (const part of [
      "EVL_BATCH_MAX is '9000'; allowed: a whole number from 1 up to 5000 (records). A batch.",
      "EVL_RATIO is 'half'; allowed: a number from 0 up to 1.",
      "EVL_STRICT is 'maybe'; allowed: true or false.",
      "EVL_WAIT is '5'; allowed: a duration such as",
      "EVL_LOG_LEVEL is 'loud'; allowed: trace, debug,",
      "KAFKA_BROKERS is ','; allowed: a comma-separated list",
      'EVL_FOLDER is not set; allowed: a text',
      'EVL_HTTP_PORT is not set',
      'EVL_GRPC_PORT is not set',
    ]) {
      expect(message).toContain(part);
    }
    expect(message).toContain('9 configuration variable(s)');
  });

  it.each([
    ['1.5', 'a fraction'],
    ['1e400', 'infinite'],
    ['', 'kept as not set'],
  ])('integer %j (%s)', (text) => {
    const read = (): unknown => loadConfig('registry', schema, { EVL_FOLDER: '/', EVL_BATCH_MAX: text });
    if (text === '') expect(read()).toMatchObject({ batchMax: 500 });
    else expect(read).toThrow(/EVL_BATCH_MAX/);
  });
});

describe('parseDuration', () => {
  it('reads every unit', () => {
    expect(['250ms', '5s', '2m', '1h', '1d', '0s'].map(parseDuration)).toEqual([
      250, 5_000, 120_000, 3_600_000, 86_400_000, 0,
    ]);
  });
  it('refuses any text without a unit', () => {
    fc.assert(fc.property(fc.string(), (text) => Number.isNaN(parseDuration(text)) || /(ms|s|m|h|d)$/.test(text)));
  });
});
