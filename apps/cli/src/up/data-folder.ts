import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

/** Runs that ended without deleting their folder (killed, or failed) of which the newest are kept to be looked at. */
const leftoversKept = 2;

/** Where a run keeps its data and logs. */
export interface DataFolder {
  readonly path: string;
  /** Deletes it, unless it is to be kept. Returns whether it is gone. */
  discard(): boolean;
}

/** The folder that the person named, which is never deleted, or a new one in the cache. */
export function openDataFolder(options: {
  readonly dataDir?: string | undefined;
  readonly keepData?: boolean | undefined;
  /** Folder of all runs. */
  readonly runsDir: string;
}): DataFolder {
  if (options.dataDir !== undefined) {
    const path = resolve(options.dataDir);
    mkdirSync(path, { recursive: true });
    return { path, discard: () => false };
  }
  mkdirSync(options.runsDir, { recursive: true });
  removeLeftovers(options.runsDir);
  const path = mkdtempSync(join(options.runsDir, `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}-`));
  writeFileSync(join(path, 'pid'), String(process.pid));
  return {
    path,
    discard: () => {
      if (options.keepData === true) return false;
      rmSync(path, { recursive: true, force: true });
      return true;
    },
  };
}

/** Deletes the folders of runs whose process is gone, but for the newest. */
function removeLeftovers(runsDir: string): void {
  const dead = readdirSync(runsDir)
    .map((name) => join(runsDir, name))
    .filter((path) => statSync(path).isDirectory() && !isRunning(path))
    .sort();
  for (const path of dead.slice(0, Math.max(0, dead.length - leftoversKept)))
    rmSync(path, { recursive: true, force: true });
}

function isRunning(path: string): boolean {
  const file = join(path, 'pid');
  // A folder without the file is being made at this moment.
  if (!existsSync(file)) return true;
  try {
    return process.kill(Number(readFileSync(file, 'utf8')), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
