import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { redisSlot } from './redis-slot.ts';
import { readRedisUrl } from './redis-url.ts';

describe('the slot of a key', () => {
  it.each([
    // The check value of CRC-16/XMODEM, and slots as CLUSTER KEYSLOT of Redis 7.0.15 says.
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['somekey', 11_058],
    ['foo{hash_tag}', 2_515],
    ['bar{hash_tag}', 2_515],
    ['', 0],
  ])('%j is %i', (key, slot) => {
    expect(redisSlot(key)).toBe(slot);
  });

  it('is that of the first hash tag, unless it is empty', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^{}]{1,20}$/), fc.string(), (tag, rest) => {
        expect(redisSlot(`x{${tag}}${rest}`)).toBe(redisSlot(tag));
        expect(redisSlot(`{}${tag}`)).not.toBe(undefined);
      }),
    );
    expect(redisSlot('{}a')).not.toBe(redisSlot(''));
    expect(redisSlot('{a')).not.toBe(redisSlot('a'));
  });
});

describe('the address of Redis', () => {
  it.each(['redis://127.0.0.1:6379', 'rediss://user:secret@example.org/3'])('%s is one node', (url) => {
    expect(readRedisUrl(url)).toEqual({ kind: 'single' });
  });

  it('names nodes of a cluster, credentials, encryption and buckets', () => {
    expect(readRedisUrl('rediss+cluster://me:p%40ss@one:7001,two,[::1]:7003/?buckets=8')).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'one', port: 7_001 },
        { host: 'two', port: 6_379 },
        { host: '::1', port: 7_003 },
      ],
      username: 'me',
      password: 'p@ss',
      tls: true,
      buckets: 8,
    });
    expect(readRedisUrl('redis+cluster://:word@one')).toMatchObject({ username: null, password: 'word', buckets: 32 });
  });

  it.each([
    ['http://one', '"http" is no scheme'],
    ['one:6379', 'is no scheme'],
    ['redis://one:1,two:2', 'several nodes are a cluster'],
    ['redis+cluster://', '"" is no host:port'],
    ['redis+cluster://one:99999', 'is no host:port'],
    ['redis+cluster://one,,two', '"" is no host:port'],
    ['redis+cluster://one?bucket=3', '"bucket" is unknown'],
    ['redis+cluster://one?buckets=0', 'buckets must be from 1'],
    ['redis+cluster://one?buckets=2.5', 'buckets must be from 1'],
  ])('%s is refused with a reason', (url, reason) => {
    expect(() => readRedisUrl(url)).toThrow(reason);
  });

  it('keeps the password out of the message', () => {
    expect(() => readRedisUrl('redis://me:secret@one:1,two:2')).toThrow(/^(?!.*secret)/);
  });
});
