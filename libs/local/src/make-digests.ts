/**
 * Makes kafka-jars.sha512 after pom.xml was changed: `node libs/local/src/make-digests.ts`. Compare the result with the digests
 * that the projects publish before committing it.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha512File } from './digests.ts';
import { copyDependencies, redisBinaryName, unpackRedis } from './provision.ts';
import { findMaven } from './tools.ts';

const libs = mkdtempSync(join(tmpdir(), 'everloop-digests-'));
try {
  await copyDependencies(findMaven(), libs, process.env);
  for (const [platform, arch] of [
    ['linux', 'x64'],
    ['linux', 'arm64'],
    ['darwin', 'arm64'],
    ['darwin', 'x64'],
  ] as const) {
    await unpackRedis(libs, redisBinaryName(platform, arch));
  }
  const lines: string[] = [];
  for (const name of readdirSync(libs).sort()) lines.push(`${await sha512File(join(libs, name))}  ${name}\n`);
  writeFileSync(fileURLToPath(new URL('../kafka-jars.sha512', import.meta.url)), lines.join(''));
  console.log(`${lines.length} digests written`);
} finally {
  rmSync(libs, { recursive: true, force: true });
}
