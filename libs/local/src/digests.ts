import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { localError } from './fail.ts';

/** File name → SHA-512, lower-case hex. */
export type Digests = ReadonlyMap<string, string>;

/** Reads lines of `<sha512>  <file name>`, the format of sha512sum. */
export function readDigests(path: string): Digests {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, digest, name] = /^([0-9a-f]{128}) {2}(\S+)$/.exec(line) ?? [];
      if (digest === undefined || name === undefined) {
        throw localError('EVL_LOCAL_DIGESTS_INVALID', `${path}: '${line}' is not '<sha512>  <file name>'.`);
      }
      return [name, digest];
    }),
  );
}

/** SHA-512 of a file, lower-case hex. */
export async function sha512File(path: string): Promise<string> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Checks every listed file in `folder`; throws EVL_LOCAL_DIGEST_MISMATCH naming each that is missing or differs. */
export async function verifyFiles(folder: string, digests: Digests, advice: string): Promise<void> {
  const problems: string[] = [];
  for (const [name, digest] of digests) {
    const path = join(folder, name);
    if (!existsSync(path)) problems.push(`${name} is missing`);
    else if ((await sha512File(path)) !== digest)
      problems.push(`${name} is not the file that was published (its SHA-512 differs)`);
  }
  if (problems.length > 0) {
    throw localError('EVL_LOCAL_DIGEST_MISMATCH', `${folder} cannot be trusted: ${problems.join('; ')}. ${advice}`);
  }
}
