import { drift, type registry } from '@everloop/contracts';
import { baseline, baselineMessage } from '@everloop/drift/fixtures';
import { createLogger, createMetrics, ServiceError } from '@everloop/service';
import { describe, expect, test } from 'vitest';
import { cacheBaselines } from '../app/cached-baselines.ts';
import { createTelemetry } from '../telemetry.ts';
import { createRegistryBaselines } from './registry-baselines.ts';

const telemetry = createTelemetry(createLogger({ service: 'test', level: 'silent' }), createMetrics('drift-detector'));

describe('baselines', () => {
  const bytes = Buffer.from(JSON.stringify(drift.Baseline.toJSON(baselineMessage('1'))));
  const version = (artifacts: registry.Artifact[]): registry.GetVersionResponse =>
    ({ version: { artifacts } }) as unknown as registry.GetVersionResponse;
  const stored = version([{ name: 'baseline.json', digest: 'd', sizeBytes: bytes.length }]);

  test('come through JSON unchanged', async () => {
    const store = createRegistryBaselines({ getVersion: async () => stored }, { get: async () => bytes }, telemetry);
    expect((await store.get('m', '1'))?.fields.map(({ reference }) => reference)).toEqual(
      baseline().fields.map(({ reference }) => reference),
    );
  });

  test('are of the version that was asked for: recipes write them before the registry numbers it', async () => {
    const unnumbered = Buffer.from(JSON.stringify(drift.Baseline.toJSON({ ...baselineMessage(''), model: '' })));
    const store = createRegistryBaselines(
      { getVersion: async () => stored },
      { get: async () => unnumbered },
      telemetry,
    );
    expect(await store.get('m', '7')).toMatchObject({ model: 'm', version: '7' });
  });

  test.each([
    ['no artifact', version([]), bytes],
    ['not JSON', stored, Buffer.from('{')],
    ['wrong counts', stored, Buffer.from('{"fields":[{"field":"a","kind":"numeric","edges":[1],"counts":["1"]}]}')],
  ])('%s: none, and the service goes on', async (_, response, content) => {
    const store = createRegistryBaselines(
      { getVersion: async () => response },
      { get: async () => content },
      telemetry,
    );
    expect(await store.get('m', '1')).toBeNull();
  });

  test('a registry that is away is asked again', async () => {
    let calls = 0;
    const getVersion = async (): Promise<registry.GetVersionResponse> => {
      calls += 1;
      if (calls < 3) throw new ServiceError({ code: 'EVL_GRPC_UNAVAILABLE', kind: 'retryable', message: 'away' });
      return stored;
    };
    const store = createRegistryBaselines({ getVersion }, { get: async () => bytes }, telemetry);
    expect(await store.get('m', '1')).not.toBeNull();
  });

  test('the cache is bounded, keeps what is used, and does not remember absence or errors', async () => {
    const asked: string[] = [];
    const cache = cacheBaselines(
      {
        get: async (_, wanted) => {
          asked.push(wanted);
          if (wanted === 'broken') throw new Error('broken');
          return wanted === 'none' ? null : baseline(wanted);
        },
      },
      2,
    );
    for (const wanted of ['1', '2', '1', '3', '1', '2', 'none', 'none']) await cache.get('m', wanted);
    expect(asked).toEqual(['1', '2', '3', '2', 'none', 'none']);
    await expect(cache.get('m', 'broken')).rejects.toThrow('broken');
    await expect(cache.get('m', 'broken')).rejects.toThrow('broken');
  });
});
