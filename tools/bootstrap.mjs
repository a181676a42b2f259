/**
 * The first thing that runs: `node tools/bootstrap.mjs start|test|bench|fuzz [arguments]`. Plain JavaScript without dependencies for
 * Node 20 and newer: installs the dependencies when they are missing or not those of package-lock.json, then hands over to Node 24.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const nodeMajorMin = { bootstrap: 20, program: 24 };

/** What each command runs, relative to the repository, and the arguments that come before the user's. */
export const commands = {
  start: { entry: 'apps/cli/src/main.ts', args: ['up'] },
  test: { entry: 'tools/test.ts', args: [] },
  bench: { entry: 'bench/src/main.ts', args: [] },
  fuzz: { entry: 'services/gateway/test/fuzz/main.ts', args: [] },
};

/** A message for a person; no stack. */
class Refusal extends Error {}

/** Major number of `v24.21.0` or `24.21.0`; 0 for anything else. */
export function majorOf(version) {
  return Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);
}

/**
 * Whether `npm ci` must run: true if node_modules is missing or was installed from another package-lock.json. What npm itself
 * installed after the lock file was last changed counts as installed from it.
 */
export function mustInstall(root) {
  const lock = join(root, 'package-lock.json');
  const marker = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(marker)) return true;
  const stamp = stampPath(root);
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8').trim() !== lockHash(root);
  return statSync(marker).mtimeMs < statSync(lock).mtimeMs;
}

export function writeStamp(root) {
  writeFileSync(stampPath(root), `${lockHash(root)}\n`);
}

function stampPath(root) {
  return join(root, 'node_modules', '.everloop-lock');
}

function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

function install(root) {
  console.log('Installing dependencies with npm (about 700 MB on disk; once, a minute or two) ...');
  const startedAt = performance.now();
  const npm = process.env.npm_execpath;
  const args = ['ci', '--loglevel=error', '--no-audit', '--no-fund'];
  // The runtime that comes in the package is enough; its install script would download more.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const viaNode = npm !== undefined && /\.c?js$/.test(npm);
  const result = spawnSync(viaNode ? process.execPath : 'npm', viaNode ? [npm, ...args] : args, {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  if (result.error?.code === 'ENOENT')
    throw new Refusal('npm is needed and was not found; install Node.js together with npm.');
  if (result.signal !== null) process.exit(128 + (constants.signals[result.signal] ?? 0));
  if (result.status !== 0) {
    throw new Refusal(
      'npm could not install the dependencies (see above). Check the network and the registry that npm is set to, then try again.',
    );
  }
  writeStamp(root);
  console.log(`Dependencies installed in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
}

/** The Node 24 that was installed with the dependencies, or the running one if it is new enough. */
export function programNode(root, running = { path: process.execPath, version: process.versions.node }) {
  const own = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(own)) {
    const { stdout } = spawnSync(own, ['--version'], { encoding: 'utf8' });
    if (majorOf(stdout ?? '') >= nodeMajorMin.program) return own;
  }
  if (majorOf(running.version) >= nodeMajorMin.program) return running.path;
  throw new Refusal(
    `Node ${nodeMajorMin.program} or newer is needed: found ${running.version}, and none came with the dependencies for ` +
      `${process.platform} ${process.arch}. Install Node ${nodeMajorMin.program} and try again.`,
  );
}

/**
 * Runs the program in a process group of its own and forwards each signal to that group once: at a terminal, Ctrl-C reaches this
 * process twice (from the terminal and from npm), and a second signal means "now" to the program.
 */
function run(node, root, { entry, args }, userArgs) {
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, entry), ...args, ...userArgs], {
    cwd: root,
    env: { ...process.env, EVL_CALLER_DIR: process.env.INIT_CWD ?? process.cwd() },
    // The channel closes when this process is killed by force; the program then stops what it started.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  const sameSignalMs = 500;
  let lastAt = -Infinity;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (performance.now() - lastAt < sameSignalMs) return;
      lastAt = performance.now();
      try {
        process.kill(-child.pid, signal === 'SIGHUP' ? 'SIGTERM' : signal);
      } catch {
        // It has ended by itself.
      }
    });
  }
  child.on('error', (error) => {
    console.error(`everloop: ${node} could not be run: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

function main([name, ...userArgs]) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  if (majorOf(process.versions.node) < nodeMajorMin.bootstrap) {
    throw new Refusal(`Node ${nodeMajorMin.bootstrap} or newer is needed: found ${process.versions.node}.`);
  }
  const command = Object.hasOwn(commands, name ?? '') ? commands[name] : undefined;
  if (command === undefined)
    throw new Refusal(`Unknown command '${name ?? ''}'; there are: ${Object.keys(commands).join(', ')}.`);
  if (mustInstall(root)) install(root);
  run(programNode(root), root, command, userArgs);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`everloop: ${error.message}`);
    process.exitCode = 1;
  }
}
