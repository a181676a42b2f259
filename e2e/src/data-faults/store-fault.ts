import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

/*
 * For `node --import`: lets a feature store meet its fault at the two moments at which an effect is about to be seen by others.
 * EVL_FAULT_STORE = `<signal> <point> <n> <marker file>`: at the n-th time the marker file is written and the signal sent to itself.
 * `redis`: online rows and their position are about to be sent to Redis. `manifest`: a Parquet file is written, and the version of the manifest
 * that lists it is about to be put in place.
 */
const [signal = '', point = '', nth = '', marker = ''] = (process.env['EVL_FAULT_STORE'] ?? '').split(' ');
let passed = 0;

function pass(): void {
  if ((passed += 1) !== Number(nth)) return;
  fs.writeFileSync(marker, '');
  process.kill(process.pid, signal);
}

if (point === 'manifest') {
  const { rename, link } = fs.promises;
  let isWritten = false;
  fs.promises.rename = async (from, to) => {
    await rename(from, to);
    isWritten ||= String(to).endsWith('.parquet');
  };
  fs.promises.link = async (from, to) => {
    // Taking a partition over writes a version too, but lists nothing new.
    if (isWritten && String(to).includes('manifest')) pass();
    await link(from, to);
  };
  syncBuiltinESMExports();
}

if (point === 'redis') {
  const socket = net.Socket.prototype as { write(...args: unknown[]): boolean };
  const { write } = socket as { readonly write: (this: object, ...args: unknown[]) => boolean };
  socket.write = function (...args) {
    const [data] = args;
    const bytes = typeof data === 'string' || data instanceof Uint8Array ? Buffer.from(data).subarray(0, 65_536) : null;
    if (bytes?.includes('evl:fo:') === true && /eval/i.test(bytes.toString('latin1'))) pass();
    return write.apply(this, args);
  };
}
