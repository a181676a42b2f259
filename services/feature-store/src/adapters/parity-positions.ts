import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeWhole } from '@everloop/storage';

import type { ParityPositions } from '../ports.ts';

/** Positions in files of `<dataDir>/parity`, one per partition, so that replicas which share the folder do not touch each other's. */
export function createParityPositions(dataDir: string): ParityPositions {
  const folder = join(dataDir, 'parity');
  const fileOf = (partition: number): string => join(folder, `${partition}.json`);
  return {
    async read(partition) {
      try {
        const found: unknown = JSON.parse(await readFile(fileOf(partition), 'utf8'));
        const next = typeof found === 'object' && found !== null && 'nextOffset' in found ? found.nextOffset : null;
        return typeof next === 'string' && /^\d{1,18}$/.test(next) ? BigInt(next) : null;
      } catch (error) {
        // A damaged file costs a second look at predictions, no more.
        if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    async write(partition, nextOffset) {
      await mkdir(folder, { recursive: true });
      const text = JSON.stringify({ nextOffset: String(nextOffset) });
      await writeWhole(fileOf(partition), (staged) => writeFile(staged, text));
    },
  };
}
