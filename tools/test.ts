/**
 * `npm test`: everything that decides whether a change may land, cheapest first; the first failure ends it.
 *
 *   npm test                     all steps
 *   npm test -- unit e2e         only these
 *   npm test -- --list           their names
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findPython } from '../libs/testing/src/python.ts';

interface Step {
  readonly name: string;
  readonly why: string;
  readonly run: () => boolean;
}

const root = path.resolve(import.meta.dirname, '..');
const bin = path.join(root, 'node_modules', '.bin');
const environment = { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`, NX_DAEMON: 'false' };

function command(name: string, ...args: readonly string[]): boolean {
  const result = spawnSync(name, args, { cwd: root, env: environment, stdio: 'inherit' });
  if (result.error) console.error(`${name}: ${result.error.message}`);
  return result.status === 0;
}

/** The committed generated code is what buf makes of proto/ today. */
function contractsAreCurrent(): boolean {
  const committed = path.join(root, 'libs/contracts/src/gen');
  const fresh = mkdtempSync(path.join(tmpdir(), 'everloop-gen-'));
  try {
    for (const template of ['buf.gen.yaml', 'buf.gen.inference.yaml']) {
      const yaml = readFileSync(path.join(root, 'proto', template), 'utf8').replace('../libs/contracts/src/gen', fresh);
      const made = spawnSync('buf', ['generate', '--template', yaml], {
        cwd: path.join(root, 'proto'),
        env: environment,
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      if (made.status !== 0) return false;
    }
    const names = (folder: string) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
        .sort();
    const all = [...new Set([...names(committed), ...names(fresh)])];
    const stale = all.filter((name) => {
      const [a, b] = [path.join(committed, name), path.join(fresh, name)];
      return !existsSync(a) || !existsSync(b) || readFileSync(a, 'utf8') !== readFileSync(b, 'utf8');
    });
    for (const name of stale)
      console.error(`libs/contracts/src/gen/${name} is not what proto/ says: run "npm run generate".`);
    return stale.length === 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Tests beside programs of others need Python; without it they are left out on a person's machine, never in CI. */
function conformance(): boolean {
  const python = findPython(environment);
  if (!('missing' in python)) return command('vitest', 'run', '--project', 'conformance');
  const isCi = process.env['CI'] === 'true';
  console.log(`${isCi ? 'These cannot be left out' : 'SKIPPED'}: ${python.missing}.`);
  return !isCi;
}

const steps: readonly Step[] = [
  { name: 'format', why: 'one formatting', run: () => command('prettier', '--check', '--log-level', 'warn', '.') },
  {
    name: 'contracts',
    why: 'protos are clean and the generated code is theirs',
    run: () => command('buf', 'lint', 'proto') && contractsAreCurrent(),
  },
  {
    name: 'reference',
    why: 'docs/reference is what the program says',
    run: () => command('node', 'tools/reference.ts', '--check'),
  },
  { name: 'types', why: 'TypeScript, strict', run: () => command('tsc', '--noEmit', '-p', 'tsconfig.json') },
  {
    name: 'boundaries',
    why: 'who may import whom',
    run: () =>
      command(
        'depcruise',
        '--config',
        '.dependency-cruiser.cjs',
        '--output-type',
        'err',
        'libs',
        'services',
        'apps',
        'recipes',
        'examples',
        'bench',
        'e2e',
      ),
  },
  { name: 'unused', why: 'no dead files, exports or dependencies', run: () => command('knip', '--no-progress') },
  {
    name: 'lint',
    why: 'typescript-eslint, strict and type-checked',
    run: () => command('eslint', '--max-warnings', '0', '.'),
  },
  { name: 'unit', why: 'each part alone', run: () => command('vitest', 'run', '--project', 'unit') },
  { name: 'integration', why: 'real Kafka and Redis', run: () => command('vitest', 'run', '--project', 'integration') },
  { name: 'conformance', why: 'beside pandas, Feast, Spark and others', run: conformance },
  { name: 'e2e', why: 'the whole loop, replayed', run: () => command('vitest', 'run', '--project', 'e2e') },
];

function main(args: readonly string[]): number {
  if (args.includes('--list')) {
    for (const step of steps) console.log(`${step.name.padEnd(12)} ${step.why}`);
    return 0;
  }
  const unknown = args.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`Unknown step ${unknown.join(', ')}; there are: ${steps.map((step) => step.name).join(', ')}.`);
    return 2;
  }
  for (const step of steps.filter(({ name }) => args.length === 0 || args.includes(name))) {
    const startedAt = performance.now();
    console.log(`\n── ${step.name}: ${step.why}`);
    const passed = step.run();
    console.log(
      `── ${step.name} ${passed ? 'passed' : 'FAILED'} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    );
    if (!passed) return 1;
  }
  return 0;
}

process.exitCode = main(process.argv.slice(2));
