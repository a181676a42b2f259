import { statSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { deferred } from '@everloop/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRecipeFolder } from '../src/adapters/recipe-folder.ts';
import type { RecipeJob } from '../src/ports.ts';

let dir = '';
const results = `
  for (const [name, text] of Object.entries({ 'model.onnx': 'bytes', 'baseline.json': '{}', 'sample.json': '{"rows":[]}',
    'metrics.json': '{"parameters":{"a":1},"metrics":{"b":2}}' })) writeFileSync(join(job.outDir, name), text);`;
const programs: Readonly<Record<string, string>> = {
  good: `console.log('not json'); console.log(JSON.stringify({ event: 'seen', env: process.env, cwd: process.cwd() })); ${results}`,
  refuses: `console.log(JSON.stringify({ event: 'failed', code: 'X', message: 'no rows here' })); process.exitCode = 2;`,
  crashes: `throw new Error('fell over');`,
  hangs: `console.log('{"event":"alive"}'); setInterval(() => {}, 1000);`,
  grows: `const kept = []; setInterval(() => kept.push(Buffer.alloc(32 * 1024 * 1024, 1)), 20);`,
  looks: `const tries = { key: () => readFileSync(job.parameters.keyPath), folder: () => readdirSync(job.parameters.folder),
      out: () => writeFileSync(job.parameters.folder + '/written', 'x'), child: () => execFileSync('/bin/cat', [job.parameters.keyPath]) };
    for (const [name, attempt] of Object.entries(tries)) {
      let said = 'could'; try { attempt(); } catch (error) { said = error.code; }
      console.log(JSON.stringify({ event: 'tried', name, said }));
    } ${results}`,
  reads: `let said = 'could'; try { readFileSync(job.datasetPath); } catch (error) { said = error.code; }
    console.log(JSON.stringify({ event: 'read', uid: process.getuid(), said })); ${results}`,
  forgets: `writeFileSync(join(job.outDir, 'model.onnx'), 'x');`,
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'everloop-recipes-'));
  const head = `import { readdirSync, readFileSync, writeFileSync } from 'node:fs'; import { execFileSync } from 'node:child_process'; import { join } from 'node:path';
    const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));`;
  for (const [name, program] of Object.entries(programs)) {
    await mkdir(join(dir, 'recipes', name), { recursive: true });
    await writeFile(
      join(dir, 'recipes', name, 'recipe.json'),
      JSON.stringify({ contractVersion: 1, entry: 'main.mjs' }),
    );
    await writeFile(join(dir, 'recipes', name, 'main.mjs'), head + program);
  }
  await mkdir(join(dir, 'recipes', 'outside'));
  await writeFile(
    join(dir, 'recipes', 'outside', 'recipe.json'),
    JSON.stringify({ contractVersion: 1, entry: '../good/main.mjs' }),
  );
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const lines: Readonly<Record<string, unknown>>[] = [];
const job = (recipe: string, timeoutMs = 20_000): RecipeJob => ({
  ...{
    jobId: 'a'.repeat(32),
    recipe,
    model: 'm',
    datasetPath: 'd',
    inputs: [],
    embeddings: [],
    unit: null,
    parameters: {},
    seed: 1,
    timeoutMs,
  },
  split: {
    train: { fromMs: 0, untilMs: 1 },
    timeHoldout: { fromMs: 1, untilMs: 2 },
    fixedHoldoutPercent: 0,
    fixedHoldoutSalt: '',
  },
});
const recipes = () =>
  createRecipeFolder({
    ...{ recipesDir: join(dir, 'recipes'), jobsDir: join(dir, 'jobs'), memoryMib: 200, uid: null },
    onLine: (_jobId, line) => void lines.push(line),
  });
const never = new AbortController().signal;

/** Whether every user can go through the folders to a file. */
function isOpen(path: string): boolean {
  const folder = dirname(path);
  return folder === path || ((statSync(folder).mode & 0o001) !== 0 && isOpen(folder));
}

describe('createRecipeFolder', { timeout: 30_000 }, () => {
  it('runs a recipe with nothing of this environment and gives its results', async () => {
    process.env['EVERLOOP_TEST_SECRET'] = 'secret';
    const result = await recipes().run(job('good'), never);
    delete process.env['EVERLOOP_TEST_SECRET'];
    expect(Buffer.from(result.model).toString()).toBe('bytes');
    expect(result).toMatchObject({ parameters: { a: 1 }, figures: { b: 2 }, sample: [] });
    const seen = lines.find((line) => line['event'] === 'seen');
    expect(seen?.['cwd']).toBe(join(dir, 'jobs', 'a'.repeat(32)));
    expect(JSON.stringify(seen?.['env'])).not.toContain('secret');
    await result.discard();
    expect(await readdir(join(dir, 'jobs'))).toEqual([]);
  });

  it.each([
    ['refuses', 'EVL_TRAINER_RECIPE_FAILED', /no rows here/],
    ['crashes', 'EVL_TRAINER_RECIPE_FAILED', /code 1: .*fell over/s],
    ['grows', 'EVL_TRAINER_RECIPE_MEMORY', /200 MiB are allowed/],
    ['forgets', 'EVL_TRAINER_RECIPE_FAILED', /wrote no (baseline|metrics|sample)\.json/],
    ['absent', 'EVL_TRAINER_RECIPE_NOT_FOUND', /no recipe absent/],
    ['../good', 'EVL_TRAINER_RECIPE_NOT_FOUND', /no name of a recipe/],
    ['outside', 'EVL_TRAINER_RECIPE_INVALID', /outside of its folder/],
  ])('says what happened and leaves nothing behind: %s', async (recipe, code, message) => {
    await expect(recipes().run(job(recipe), never)).rejects.toMatchObject({
      code,
      kind: 'terminal',
      message: expect.stringMatching(message),
    });
    expect(await readdir(join(dir, 'jobs'))).toEqual([]);
  });

  it('gives a recipe nothing but its job: other files, folders and programs are closed to it', async () => {
    const folder = join(dir, 'elsewhere');
    await mkdir(folder);
    const keyPath = join(folder, 'evaluator.key');
    await writeFile(keyPath, 'secret', { mode: 0o600 });
    const parameters = { keyPath, folder } as unknown as RecipeJob['parameters'];
    await (await recipes().run({ ...job('looks'), parameters }, never)).discard();
    const tried = lines.filter((line) => line['event'] === 'tried');
    expect(tried.map(({ name, said }) => `${String(name)} ${String(said)}`)).toEqual(
      ['key', 'folder', 'out', 'child'].map((name) => `${name} ERR_ACCESS_DENIED`),
    );
    expect(await readdir(folder)).toEqual(['evaluator.key']);
  });

  // Where the checkout lies in a folder of root alone, no other user can start this Node at all.
  it.runIf(process.getuid?.() === 0 && isOpen(process.execPath))(
    'as root, runs a recipe as another user, who cannot read the key',
    async () => {
      const open = await mkdtemp(join(tmpdir(), 'everloop-uid-'));
      await chmod(open, 0o755);
      await cp(join(dir, 'recipes'), join(open, 'recipes'), { recursive: true });
      const keyPath = join(open, 'evaluator.key');
      await writeFile(keyPath, 'secret', { mode: 0o600 });
      const nobody = 65_534;
      const folder = createRecipeFolder({
        ...{ recipesDir: join(open, 'recipes'), jobsDir: join(open, 'jobs'), memoryMib: 200, uid: nobody },
        onLine: (_jobId, line) => void lines.push(line),
      });
      lines.length = 0;
      // Given the file by name, as native code could take it: the user alone keeps it closed.
      const asked = { ...job('reads'), datasetPath: keyPath };
      await (await folder.run(asked, never)).discard();
      expect(lines.find((line) => line['event'] === 'read')).toEqual({ event: 'read', uid: nobody, said: 'EACCES' });
      await rm(open, { recursive: true, force: true });
    },
  );

  it('ends a recipe that takes too long', async () => {
    await expect(recipes().run(job('hangs', 300), never)).rejects.toMatchObject({ code: 'EVL_TRAINER_RECIPE_TIMEOUT' });
  });

  it('ends a recipe when the service stops', async () => {
    const stopping = new AbortController();
    const alive = deferred();
    const folder = createRecipeFolder({
      ...{ recipesDir: join(dir, 'recipes'), jobsDir: join(dir, 'jobs'), memoryMib: 200, uid: null },
      onLine: () => alive.resolve(),
    });
    const running = folder.run(job('hangs'), stopping.signal);
    await alive.promise;
    stopping.abort(new DOMException('stopping', 'AbortError'));
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
  });
});
