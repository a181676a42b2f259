import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { releaseCall, releaseEndedStreams } from '../src/ended-streams.ts';

it('a stream that closes loses its listeners, all of which are told; however many servers there are, by one listener', () => {
  releaseEndedStreams();
  releaseEndedStreams();
  const stream = new EventEmitter();
  channel('http2.server.stream.start').publish({ stream });
  expect(stream.listenerCount('close')).toBe(1);
  let told = 0;
  stream.on('data', () => undefined);
  stream.once('close', () => (told += 1));
  stream.emit('close');
  expect(told).toBe(1);
  expect(stream.eventNames()).toEqual([]);
});

it('a call that is released does not hold what grpc-js keeps of it', () => {
  const call = { call: {}, metadata: {} };
  releaseCall(call);
  expect(call).toEqual({ call: null, metadata: {} });
});
