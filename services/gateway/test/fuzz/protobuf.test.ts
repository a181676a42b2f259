import { inference } from '@everloop/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode, mutate, varint } from './protobuf.ts';
import { randomOf } from './random.ts';
import { inferSeeds } from './seeds.ts';

describe('messages without their schema', () => {
  it.each(inferSeeds().map((seed, index) => [index, seed] as const))('seed %i is read and written again', (_, seed) => {
    const fields = decode(seed) ?? [];
    expect(fields.length).toBeGreaterThan(2);
    expect(encode(fields).equals(seed)).toBe(true);
  });

  it('reads messages within: inputs and the contents in them', () => {
    const [seed = Buffer.alloc(0)] = inferSeeds();
    const input = decode(seed)?.find(({ number }) => number === 5)?.value;
    expect(Array.isArray(input) && input.some(({ value }) => Array.isArray(value))).toBe(true);
  });

  it('takes any bytes as none or as what it writes again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const fields = decode(Buffer.from(bytes));
        expect(fields === null || encode(fields).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  it.each([
    [0n, '00'],
    [300n, 'ac02'],
    [-1n, 'ffffffffffffffffff01'],
  ])('varint %s', (value, hex) => {
    expect(varint(value).toString('hex')).toBe(hex);
  });
});

describe('mutate', () => {
  const seeds = inferSeeds();
  const [seed = Buffer.alloc(0)] = seeds;
  const all = Array.from({ length: 2_000 }, (_, index) => mutate(randomOf(7, index), seed, seeds));

  it('is the same for the same seed and leaves the message that it begins from alone', () => {
    const again = Array.from({ length: 50 }, (_, index) => mutate(randomOf(7, index), seed, seeds));
    expect(again.map((bytes) => bytes.toString('hex'))).toEqual(all.slice(0, 50).map((bytes) => bytes.toString('hex')));
    expect(inferSeeds()[0]?.equals(seed)).toBe(true);
  });

  it('makes messages that can be read and others that cannot, hardly any of them the one it began from', () => {
    const read = all.map((bytes) => {
      try {
        return inference.ModelInferRequest.decode(bytes);
      } catch {
        return null;
      }
    });
    const readable = read.filter((each) => each !== null);
    expect(readable.length).toBeGreaterThan(600);
    expect(read.length - readable.length).toBeGreaterThan(200);
    expect(all.filter((bytes) => bytes.equals(seed)).length).toBeLessThan(100);
    const shapes = readable.flatMap(({ inputs }) => inputs.flatMap(({ shape }) => shape));
    expect(shapes.some((size) => size < 0n)).toBe(true);
    expect(shapes.some((size) => size > 2n ** 53n)).toBe(true);
    expect(readable.some(({ inputs }) => inputs.length > 100)).toBe(true);
  });
});
