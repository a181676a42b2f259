import { createRequire } from 'node:module';
import type * as kafkajsModule from 'kafkajs';

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

stopIdleTimer();
groupInLinearTime();

export const kafkajs = require('kafkajs') as typeof kafkajsModule;

export const filterAbortedMessages = require('kafkajs/src/consumer/filterAbortedMessages.js') as <M>(args: {
  readonly messages: readonly M[];
  readonly abortedTransactions: readonly object[];
}) => readonly M[];
