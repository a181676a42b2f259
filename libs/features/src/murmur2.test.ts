import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { keyPartition, murmur2 } from './murmur2.ts';

/** Values of Kafka's own UtilsTest.testMurmur2 (clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java). */
describe('murmur2', () => {
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('of %s', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('gives a partition within bounds, also for a negative hash', () => {
    expect(keyPartition('21', 4)).toBe((-973932308 & 0x7fffffff) % 4);
    expect(keyPartition('anything', 1)).toBe(0);
  });

  it('of a key is that of its UTF-8 bytes, ASCII or not', () => {
    const keys = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 20 }));
    fc.assert(
      fc.property(keys, fc.integer({ min: 2, max: 1_000 }), (key, partitions) => {
        expect(keyPartition(key, partitions)).toBe((murmur2(Buffer.from(key)) & 0x7fffffff) % partitions);
      }),
      { numRuns: 300 },
    );
  });
});
