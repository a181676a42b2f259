import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { closeUnaccepted } from './unaccepted.ts';

class Worker extends EventEmitter {
  readonly sent: unknown[][] = [];
  send = (...input: unknown[]): boolean => this.sent.push(input) > 0;
  deal(seq: number, closed: number[], more: object = { cmd: 'NODE_CLUSTER', act: 'newconn' }): void {
    this.send({ seq, ...more }, { close: () => void closed.push(seq) });
  }
}

describe('closeUnaccepted', () => {
  it('closes what was dealt and not taken when the worker is gone, once', () => {
    const [worker, closed] = [new Worker(), [] as number[]];
    closeUnaccepted(worker);
    for (const seq of [1, 2, 3]) worker.deal(seq, closed);
    worker.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: 2, accepted: true });
    worker.emit('internalMessage', { cmd: 'NODE_CLUSTER', act: 'listening' });
    expect(closed).toEqual([]);
    worker.emit('exit');
    worker.emit('exit');
    expect(closed).toEqual([1, 3]);
  });

  it('leaves all other messages and handles alone, and sends everything on as it was', () => {
    const [worker, closed] = [new Worker(), [] as number[]];
    closeUnaccepted(worker);
    worker.deal(1, closed, { cmd: 'NODE_CLUSTER', act: 'other' });
    worker.deal(2, closed, { act: 'newconn' });
    worker.send({ cmd: 'NODE_CLUSTER', act: 'newconn', seq: 3 }, undefined);
    worker.send('text');
    worker.emit('internalMessage', null);
    worker.emit('exit');
    expect(closed).toEqual([]);
    expect(worker.sent.map(([message]) => message)).toEqual([
      { cmd: 'NODE_CLUSTER', act: 'other', seq: 1 },
      { act: 'newconn', seq: 2 },
      { cmd: 'NODE_CLUSTER', act: 'newconn', seq: 3 },
      'text',
    ]);
  });

  it('does nothing for a process without a channel', () => {
    const worker = Object.assign(new EventEmitter(), { send: undefined });
    closeUnaccepted(worker);
    expect(worker.send).toBeUndefined();
  });
});
