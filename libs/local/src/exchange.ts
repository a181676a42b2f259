import { connect } from 'node:net';

/**
 * Opens a connection, writes `request` and resolves with the bytes that came back once `complete` says that they are an answer.
 * Rejects when the connection fails or `timeoutMs` pass.
 */
export function exchange(
  to: { readonly host: string; readonly port: number; readonly timeoutMs: number },
  request: Buffer,
  complete: (received: Buffer) => boolean,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.host, port: to.port });
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(to.timeoutMs, () =>
      fail(new Error(`no answer from ${to.host}:${to.port} in ${to.timeoutMs} ms`)),
    );
    socket.once('error', fail);
    socket.once('close', () => reject(new Error(`${to.host}:${to.port} closed the connection`)));
    socket.once('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!complete(received)) return;
      socket.destroy();
      resolve(received);
    });
  });
}
