import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { serverProperties } from './kafka.ts';
import { kafkaAnswers } from './kafka-probe.ts';
import { redisAnswers } from './redis.ts';

/** A server that answers the n-th connection with the n-th text or bytes. */
async function serving<T>(answers: readonly Buffer[], test: (port: number) => Promise<T>): Promise<T> {
  let connections = 0;
  const server = createServer((socket) => {
    const answer = answers[Math.min(connections, answers.length - 1)] ?? Buffer.alloc(0);
    connections += 1;
    socket.on('error', () => undefined);
    socket.once('data', () => {
      // In two pieces, as a network may deliver them.
      socket.write(answer.subarray(0, 3));
      setImmediate(() => socket.write(answer.subarray(3)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    return await test(typeof address === 'object' && address !== null ? address.port : 0);
  } finally {
    server.close();
  }
}

function framed(body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

const versions = framed(Buffer.from('000000070000', 'hex'));
const metadata = (brokers: number): Buffer =>
  framed(Buffer.from(`0000000700000000${brokers.toString(16).padStart(8, '0')}`, 'hex'));

describe('kafkaAnswers', () => {
  it.each([
    ['a broker that is admitted', [versions, metadata(1)], true],
    ['a broker that its controller has not admitted yet', [versions, metadata(0)], false],
    ['a broker that refuses', [framed(Buffer.from('000000070023', 'hex'))], false],
  ])('%s', async (_name, answers, expected) => {
    expect(await serving(answers, (port) => kafkaAnswers('127.0.0.1', port))).toBe(expected);
  });

  it('an open port that says nothing is not ready', async () => {
    await expect(serving([Buffer.alloc(0)], (port) => kafkaAnswers('127.0.0.1', port, 50))).rejects.toThrow(
      /no answer/,
    );
  });
});

describe('redisAnswers', () => {
  it.each([
    ['+PONG\r\n', true],
    ['-LOADING Redis is loading\r\n', false],
  ])('%j', async (answer, expected) => {
    expect(await serving([Buffer.from(answer)], (port) => redisAnswers('127.0.0.1', port))).toBe(expected);
  });
});

it('server.properties listens on loopback alone and never deletes by age', () => {
  const text = serverProperties({ dataDir: '/data', port: 1, controllerPort: 2 });
  expect(text).toContain('listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2\n');
  expect(text).toContain('log.dirs=/data\n');
  expect(text).toContain('log.retention.ms=-1\n');
  expect(text).not.toContain('0.0.0.0');
});
