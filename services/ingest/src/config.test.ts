import { describe, expect, it } from 'vitest';
import { connectionVariable, postgresConnection, readConfig, s3Connection } from './config.ts';

describe('connections', () => {
  it('are found by the variable of their name', () => {
    expect(connectionVariable('lake-eu')).toBe('EVL_INGEST_CONNECTION_LAKE_EU');
    const env = { EVL_INGEST_CONNECTION_LAKE: 'https://key:a%2Fb%2Bc@s3.example:9000?region=eu-west-1' };
    expect(s3Connection('lake', env)).toEqual({
      endpoint: 'https://s3.example:9000',
      region: 'eu-west-1',
      accessKeyId: 'key',
      secretAccessKey: 'a/b+c',
    });
  });

  it('of S3 may take key, secret and region from the usual variables', () => {
    const env = {
      EVL_INGEST_CONNECTION_LAKE: 'http://127.0.0.1:1/',
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
    };
    expect(s3Connection('lake', env)).toEqual({
      endpoint: 'http://127.0.0.1:1',
      region: 'us-east-1',
      accessKeyId: 'k',
      secretAccessKey: 's',
    });
  });

  it.each<[string, () => unknown, string, RegExp]>([
    ['missing', () => s3Connection('lake', {}), 'EVL_INGEST_CONNECTION_MISSING', /set EVL_INGEST_CONNECTION_LAKE/],
    [
      'no address',
      () => postgresConnection('db', { EVL_INGEST_CONNECTION_DB: 'secret text' }),
      'EVL_INGEST_CONNECTION_INVALID',
      /EVL_INGEST_CONNECTION_DB is no address/,
    ],
    [
      'of another kind',
      () => postgresConnection('db', { EVL_INGEST_CONNECTION_DB: 'https://u:secret@h' }),
      'EVL_INGEST_CONNECTION_INVALID',
      /must be postgres/,
    ],
    [
      'without keys',
      () => s3Connection('lake', { EVL_INGEST_CONNECTION_LAKE: 'https://h' }),
      'EVL_INGEST_CONNECTION_INVALID',
      /has no key/,
    ],
  ])('%s: says which variable, never its value', (_, read, code, message) => {
    expect(read).toThrow(expect.objectContaining({ code, kind: 'terminal' }));
    expect(read).toThrow(message);
    expect(read).not.toThrow(/secret text|secret@/);
  });

  it('the service has its own port', () => expect(readConfig({}).httpPort).toBe(8109));
});
