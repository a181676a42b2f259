import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { gatewayError } from '../../errors.ts';

/**
 * Makes this process the only one of this machine that uses a folder; returns what gives it free again. The lock of a process that is
 * gone is taken over. Throws EVL_GATEWAY_JOURNAL_LOCKED. Processes of several machines are not kept apart: each needs a folder of its own.
 */
export function lockFolder(folder: string): () => void {
  const file = path.join(folder, 'lock');
  const mine = `${process.pid} ${hostname()}`;
  for (let tries = 0; ; tries += 1) {
    try {
      const lock = openSync(file, 'wx');
      writeSync(lock, mine);
      closeSync(lock);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST') || tries > 2) throw error;
    }
    const holder = holderOf(file);
    if (holder !== null && isAlive(holder)) {
      throw gatewayError(
        'EVL_GATEWAY_JOURNAL_LOCKED',
        `the journal in ${folder} is used by process ${holder.pid}: give each gateway a folder of its own (EVL_DATA_DIR)`,
      );
    }
    rmSync(file, { force: true });
  }
}

interface Holder {
  readonly pid: number;
  readonly host: string;
}

function holderOf(file: string): Holder | null {
  try {
    const [pid = '', host = ''] = readFileSync(file, 'utf8').split(' ');
    return /^\d+$/.test(pid) ? { pid: Number(pid), host } : null;
  } catch {
    return null;
  }
}

/** A container that starts again has the same process id as before: that lock is its own, from before. */
function isAlive({ pid, host }: Holder): boolean {
  if (pid === process.pid || host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
