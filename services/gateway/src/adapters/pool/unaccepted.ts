/** What is used of a worker's process: its own `send`, and the messages by which `node:cluster` deals connections out. */
export interface DealtTo {
  send?: unknown;
  on(event: 'internalMessage', listener: (message: unknown) => void): unknown;
  once(event: 'exit', listener: () => void): unknown;
}

interface Handle {
  close(): void;
}

interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

const isMessage = (message: unknown): message is ClusterMessage => typeof message === 'object' && message !== null;
const isHandle = (handle: unknown): handle is Handle =>
  typeof handle === 'object' && handle !== null && 'close' in handle && typeof handle.close === 'function';

/**
 * Closes the connections that were dealt to a worker which died before it took them. `node:cluster` (24: internal/cluster/round_robin_handle,
 * `handoff`) holds a connection until the worker acknowledges it, and for ever where it cannot: its caller would wait for its whole deadline
 * for nobody. Clients connect again as soon as a worker is gone, sooner than the supervisor notices, so this is no rare case.
 */
export function closeUnaccepted(worker: DealtTo): void {
  const send = worker.send as ((this: unknown, ...input: unknown[]) => unknown) | undefined;
  if (send === undefined) return;
  const dealt = new Map<unknown, Handle>();
  worker.send = function sendNoting(this: unknown, ...input: unknown[]): unknown {
    const [message, handle] = input;
    if (isMessage(message) && message.cmd === 'NODE_CLUSTER' && message.act === 'newconn' && isHandle(handle))
      dealt.set(message.seq, handle);
    return send.apply(this, input);
  };
  worker.on('internalMessage', (message) => {
    if (isMessage(message) && message.ack !== undefined) dealt.delete(message.ack);
  });
  worker.once('exit', () => {
    for (const handle of dealt.values()) handle.close();
    dealt.clear();
  });
}
