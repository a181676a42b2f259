import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameRequest, writeProduceRequest, type ProduceRequest } from './produce-request.ts';

/** kafkajs as it comes, not mended: this file does not load `kafkajs-patches.ts`. */
const require = createRequire(import.meta.url);
interface Encoder {
  readonly buffer: Buffer;
}
const kafkajsProduce = require('kafkajs/src/protocol/requests/produce/v3/request.js') as (request: ProduceRequest) => {
  encode: () => Promise<Encoder>;
};
const kafkajsFrame = require('kafkajs/src/protocol/request.js') as (args: object) => Promise<Encoder>;

describe('a request to write', () => {
  it('is what kafkajs sends, byte for byte', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 });
    const message = fc.record({
      key: fc.option(text),
      value: fc.option(text),
      headers: fc.dictionary(fc.constantFrom('a', 'ö'), text),
    });
    const partition = fc.record({
      partition: fc.nat(1_000),
      firstSequence: fc.nat(1_000),
      // kafkajs takes the smallest time for the first: of one message both are the same.
      messages: fc
        .tuple(message, fc.integer({ min: 1, max: 4e12 }))
        .map(([one, ms]) => [{ ...one, timestamp: String(ms) }]),
    });
    const request = fc.record({
      transactionalId: fc.option(text.filter((id) => id !== '')),
      acks: fc.constantFrom(-1, 1),
      timeout: fc.nat(60_000),
      producerId: fc.nat().map(String),
      producerEpoch: fc.nat(100),
      topicData: fc.array(fc.record({ topic: text, partitions: fc.array(partition, { minLength: 1, maxLength: 3 }) }), {
        minLength: 1,
        maxLength: 2,
      }),
    });
    await fc.assert(
      fc.asyncProperty(request, fc.nat(), text, async (asked, correlationId, clientId) => {
        const head = { apiKey: 0, apiVersion: 7, correlationId, clientId };
        const body = kafkajsProduce(asked);
        const { buffer } = await kafkajsFrame({
          correlationId,
          clientId,
          request: { ...body, apiKey: 0, apiVersion: 7 },
        });
        expect(frameRequest(head, writeProduceRequest(asked, 0)).equals(buffer)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('of a producer without ids says so', () => {
    const topicData = [{ topic: 't', partitions: [{ partition: 0, messages: [{ value: 'v' }] }] }];
    const body = Buffer.concat(writeProduceRequest({ acks: -1, timeout: 1_000, topicData }, 5));
    expect(body.readInt16BE(0)).toBe(-1);
    const batch = body.subarray(body.length - 69);
    expect([batch.readBigInt64BE(43), batch.readBigInt64BE(27), batch.readInt16BE(21)]).toEqual([-1n, 5n, 0]);
  });
});
