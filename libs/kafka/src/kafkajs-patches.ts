import { createRequire } from 'node:module';
import type * as kafkajsModule from 'kafkajs';
import { readBatches, type BatchRecord } from './wire/batch-read.ts';
import { decompress } from './wire/decompress.ts';
import { frameRequest, writeProduceRequest, type ProduceRequest } from './wire/produce-request.ts';

/*
 * kafkajs 2.2.4 is no longer maintained. What must be mended inside it is mended here, before its main module is loaded; every
 * other file takes kafkajs from here.
 */
const require = createRequire(import.meta.url);

interface RequestQueue {
  readonly pending: { readonly length: number };
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

interface OutgoingMessage {
  readonly partition?: number;
}

type Partitioner = (args: { topic: string; partitionMetadata: readonly object[]; message: OutgoingMessage }) => number;

const pendingCheckMs = 10;

/**
 * The original re-arms a timer for ever, with a delay that is negative most of the time: 5 % of a core while idle and a
 * TimeoutNegativeWarning. A check is only of use while something is pending.
 */
function stopIdleTimer(): void {
  const module = require('kafkajs/src/network/requestQueue/index.js') as {
    prototype: { scheduleCheckPendingRequests: unknown };
  };
  module.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests(this: RequestQueue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : pendingCheckMs,
    );
  };
}

/** The original copies the whole array for every message: quadratic in the size of a batch. */
function groupInLinearTime(): void {
  const path = require.resolve('kafkajs/src/producer/groupMessagesPerPartition.js');
  require(path);
  const cached = require.cache[path];
  if (cached === undefined) return;
  cached.exports = (args: {
    topic: string;
    partitionMetadata: readonly object[];
    messages: readonly OutgoingMessage[];
    partitioner: Partitioner;
  }): Partial<Record<string, OutgoingMessage[]>> => {
    const { topic, partitionMetadata, messages, partitioner } = args;
    const result: Partial<Record<string, OutgoingMessage[]>> = {};
    if (partitionMetadata.length === 0) return result;
    for (const message of messages) {
      const partition = message.partition ?? partitioner({ topic, partitionMetadata, message });
      (result[partition] ??= []).push(message);
    }
    return result;
  };
}

/** What a fetch gives for one partition, in the place of kafkajs's messages. */
export interface FetchedBatches {
  readonly records: readonly BatchRecord[];
  /** One past the last batch; null when no whole batch came. */
  readonly nextOffset: bigint | null;
  /** For kafkajs itself, which looks whether there are messages at all. */
  readonly length: number;
}

interface Decoder {
  readInt32(): number;
  canReadBytes(length: number): boolean;
  readBytes(length: number): Buffer;
}

/**
 * The original takes 20 µs for a record with two headers, seconds for one with ten thousand, overflows the stack with a batch of more than a
 * hundred thousand records, and stands still before a batch that compaction has emptied. Its own consumer never fetches here
 * (`membership.ts`), so what a fetch gives has our form.
 */
function readBatchesAtOnce(): void {
  replaceExports('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js', (decoder: Decoder): FetchedBatches => {
    const length = decoder.readInt32();
    if (length <= 0 || !decoder.canReadBytes(length)) return { records: [], nextOffset: null, length: 0 };
    const { records, nextOffset } = readBatches(decoder.readBytes(length), decompress);
    return { records, nextOffset, length: records.length };
  });
}

/** What a request's `encode` gives: kafkajs's own encoder, or parts of ours. */
type Body = { readonly buffer: Buffer } | { readonly parts: readonly Buffer[] };

interface KafkajsRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly encode: () => Promise<Body>;
}

type ProduceOf = (request: ProduceRequest & { readonly compression?: number }) => KafkajsRequest;

/** The original allocates half a kilobyte for each record, copies each five times and sorts the timestamps as text. */
function writeBatchesAtOnce(): void {
  const path = 'kafkajs/src/protocol/requests/produce/v3/request.js';
  const original = require(path) as ProduceOf;
  replaceExports(path, (request: Parameters<ProduceOf>[0]): KafkajsRequest => {
    const made = original(request);
    if ((request.compression ?? 0) !== 0) return made;
    return { ...made, encode: () => Promise.resolve({ parts: writeProduceRequest(request, Date.now()) }) };
  });
  replaceExports('kafkajs/src/protocol/request.js', frame);
}

async function frame(args: {
  readonly correlationId: number;
  readonly clientId: string;
  readonly request: KafkajsRequest;
}): Promise<{ readonly buffer: Buffer }> {
  const { correlationId, clientId, request } = args;
  const { apiKey, apiVersion, encode } = request;
  const body = await encode();
  const head = { apiKey, apiVersion, correlationId, clientId };
  return { buffer: frameRequest(head, 'parts' in body ? body.parts : [body.buffer]) };
}

/** Must come before anything that requires the module by itself. */
function replaceExports(request: string, exports: unknown): void {
  const path = require.resolve(request);
  require(path);
  const cached = require.cache[path];
  if (cached !== undefined) cached.exports = exports;
}

stopIdleTimer();
groupInLinearTime();
readBatchesAtOnce();
writeBatchesAtOnce();

export const kafkajs = require('kafkajs') as typeof kafkajsModule;
