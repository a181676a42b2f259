import { topics } from '@everloop/contracts';
import type { LogStream } from '../ports.ts';

/** The topic of each stream of the log. */
export const topicOf: Readonly<Record<LogStream, string>> = {
  served: topics.inferenceServed,
  shadowed: topics.inferenceShadowed,
  decided: topics.decisionMade,
  rewarded: topics.rewardReceived,
};
