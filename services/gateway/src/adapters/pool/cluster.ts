import cluster from 'node:cluster';
import type { FromWorker, ToWorker } from './messages.ts';
import type { WorkerProcess } from './supervisor.ts';
import { closeUnaccepted } from './unaccepted.ts';
import type { Channel } from './worker-link.ts';

/** Names the worker that a process is; set by the supervisor. */
const workerVariable = 'EVL_GATEWAY_WORKER';

/**
 * Starts this program again as a worker. The supervisor accepts connections and deals them out in turn, so that one that comes while a worker stops
 * goes to another.
 */
export function forkWorker(worker: number): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const child = cluster.fork({ [workerVariable]: String(worker) });
  closeUnaccepted(child.process);
  // What cannot be sent to it, since it is going: its exit tells.
  child.on('error', () => undefined);
  return {
    pid: child.process.pid,
    // A worker that is going does not need it any more; its exit tells.
    send: (message) => void child.send(message, () => undefined),
    kill: (signal) => void child.process.kill(signal),
    onMessage: (listener) => void child.on('message', (message: FromWorker) => listener(message)),
    onExit: (listener) =>
      void child.once('exit', (code: number | null, signal: string | null) => listener(signal ?? `code ${code}`)),
  };
}

/** This worker's channel to its supervisor. A worker whose supervisor dies ends at once (by `node:cluster`); its journal has everything. */
export function supervisorChannel(): Channel {
  return {
    send: (message: FromWorker) => void process.send?.(message, undefined, undefined, () => undefined),
    onMessage: (listener) => void process.on('message', (message: ToWorker) => listener(message)),
  };
}
