import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectErrors } from './errors.ts';
import { staleNames, type Names } from './mentions.ts';
import { collectMetrics } from './metrics.ts';
import { configurationPage, errorsPage, metricsPage, topicsPage } from './pages.ts';
import { parseSource } from './source.ts';
import { collectTopicFamilies, collectTopics } from './topics.ts';
import { collectVariables } from './variables.ts';

const source = (text: string, name = 'services/shop/src/one.ts') => parseSource(name, text);
const errorsOf = (text: string) => collectErrors([source(text)], new Set(['EVL_SHOP_PORT']));

describe('error codes', () => {
  const file = 'services/shop/src/one.ts';

  it.each([
    [
      'of an object',
      "new ServiceError({ code: 'EVL_SHOP_CLOSED', kind: 'terminal', message: `shop ${name} is closed` + '; come back' })",
      { code: 'EVL_SHOP_CLOSED', kind: 'terminal', message: 'shop … is closed; come back', file },
    ],
    [
      'of an argument',
      "new ShopError('EVL_SHOP_EMPTY', `nothing on shelf ${n}`)",
      { code: 'EVL_SHOP_EMPTY', kind: null, message: 'nothing on shelf …', file },
    ],
    [
      'of a table by key',
      "const codes = { lost: { code: 'EVL_SHOP_LOST', kind: 'bug' } }; throw shopError('lost', 'the key is lost');",
      { code: 'EVL_SHOP_LOST', kind: 'bug', message: 'the key is lost', file },
    ],
    [
      'of a table of kinds',
      "const kinds = { EVL_SHOP_FULL: 'retryable' } as const; throw shopError('EVL_SHOP_FULL', 'no room for more');",
      { code: 'EVL_SHOP_FULL', kind: 'retryable', message: 'no room for more', file },
    ],
    [
      'that begins a text',
      'const text = `EVL_SHOP_TOLD: it rained ${when}`;',
      { code: 'EVL_SHOP_TOLD', kind: null, message: 'it rained …', file },
    ],
  ])('%s', (_, text, entry) => {
    expect(errorsOf(text)).toEqual([entry]);
  });

  it.each([
    ['compared', "if (error.code === 'EVL_SHOP_CLOSED' || error.code !== 'EVL_SHOP_OPEN') go();"],
    ['a case', "switch (code) { case 'EVL_SHOP_CLOSED': go(); }"],
    ['a type', "type Code = 'EVL_SHOP_CLOSED';"],
    ['a variable', "const at = { env: 'EVL_SHOP_PORT' }; read(env['EVL_SHOP_DOOR']);"],
  ])('a text that is %s defines none', (_, text) => {
    expect(errorsOf(text)).toEqual([]);
  });

  it('the place that says more wins, whichever comes first', () => {
    const poor = "toServiceError(error, { code: 'EVL_SHOP_CLOSED' });";
    const rich = "new ServiceError({ code: 'EVL_SHOP_CLOSED', kind: 'terminal', message: 'closed today' });";
    for (const text of [poor + rich, rich + poor]) expect(errorsOf(text)).toMatchObject([{ message: 'closed today' }]);
  });
});

describe('metrics', () => {
  it('with labels of a list or of a constant', () => {
    const text = `const where = ['shop', 'shelf'];
      metrics.counter('everloop_shop_sold_total', 'Things sold', where);
      metrics.histogram('everloop_shop_wait_seconds', 'Time in the queue', [1, 2], ['shop']);
      metrics.gauge('everloop_shop_open', '1 while open');`;
    expect(collectMetrics([source(text)])).toMatchObject([
      { name: 'everloop_shop_open', kind: 'gauge', labels: [] },
      { name: 'everloop_shop_sold_total', kind: 'counter', labels: ['shop', 'shelf'], help: 'Things sold' },
      { name: 'everloop_shop_wait_seconds', kind: 'histogram', labels: ['shop'] },
    ]);
  });

  it('a name that is put together cannot be searched for', () => {
    expect(() => collectMetrics([source('metrics.gauge(`everloop_${what}`, "x")')])).toThrow(
      /write the name of a gauge out/,
    );
  });
});

it('topics, with the comment before each, and families of topics', () => {
  const file = source(`export const topics = {
    /** What was sold,\n     * key = shop. */
    sold: 'everloop.shop.sold.v1',
  } as const;
  const shelf = (name: string) => \`everloop.shop.shelf.v1.\${name}\`;`);
  expect(collectTopics(file)).toEqual([{ name: 'everloop.shop.sold.v1', about: 'What was sold, key = shop.' }]);
  expect(collectTopicFamilies(file)).toEqual(['everloop.shop.shelf.v1']);
});

it('variables of the environment by every way of naming them', () => {
  const text = `env['EVL_SHOP_A']; const { EVL_SHOP_B: b } = env; start({ EVL_SHOP_C: '1' });
    const key = { env: 'EVL_SHOP_D' }; env[\`EVL_SHOP_E_\${name}\`]; const no = 'EVL_SHOP_F';
    const table = { EVL_SHOP_G: 'terminal', EVL_SHOP_H: [404, 'NotFound'] };`;
  expect([...collectVariables([source(text)])].sort()).toEqual([
    'EVL_SHOP_A',
    'EVL_SHOP_B',
    'EVL_SHOP_C',
    'EVL_SHOP_D',
    'EVL_SHOP_E_…',
  ]);
});

describe('names in documents', () => {
  const names: Names = {
    errors: errorsOf("new ShopError('EVL_SHOP_EMPTY', 'nothing there')"),
    metrics: collectMetrics([source("metrics.histogram('everloop_shop_wait_seconds', 'Time', [1])")]),
    topics: [{ name: 'everloop.shop.sold.v1', about: '' }],
    topicFamilies: ['everloop.shop.shelf.v1'],
    variables: new Set(['EVL_SHOP_PORT', 'EVL_SHOP_KEY_…']),
  };
  const stale = (text: string) => staleNames('a.md', text, names).map(({ name }) => name);

  it('that the program has are right', () => {
    const text = `EVL_SHOP_EMPTY, EVL_SHOP_PORT, EVL_SHOP_*, EVL_SHOP_KEY_NORTH, everloop_shop_wait_seconds_bucket,
      everloop_shop_…, everloop.shop.sold.v1, everloop.shop.shelf.v1.north, package everloop.shop.v1`;
    expect(stale(text)).toEqual([]);
  });

  it.each(['EVL_SHOP_GONE', 'EVL_STORE_*', 'everloop_shop_gone_total', 'everloop.shop.gone.v1'])(
    '%s is stale',
    (name) => {
      expect(stale(`It says \`${name}\`, twice: ${name}.`)).toEqual([name]);
    },
  );
});

it('pages say what there is, and nothing in them is read as markup', () => {
  const entry = {
    env: 'EVL_SHOP_WAIT',
    type: 'duration',
    default: 90_000,
    min: 1_000,
    why: 'a|b <c> d_e',
    services: ['shop'],
  };
  const must = { env: 'EVL_SHOP_URL', type: 'string', why: 'where', services: ['shop', 'till'] };
  const recipes = {
    env: 'EVL_SHOP_DIR',
    type: 'string',
    default: path.resolve('recipes'),
    why: 'a',
    services: ['shop'],
  };
  const page = configurationPage([entry, must, recipes]);
  // A folder of the repository, wherever that lies on this machine.
  expect(page).toContain('| `EVL_SHOP_DIR` | shop | `recipes` | string | a |');
  expect(page).toContain('| `EVL_SHOP_WAIT` | shop | `90s` | duration from `1s` | a\\|b &lt;c> d\\_e |');
  expect(page).toContain('| `EVL_SHOP_URL` | shop, till | **must be set** | string | where |');
  expect(errorsPage(errorsOf("new ShopError('EVL_SHOP_EMPTY', 'nothing there')"))).toContain(
    '- `EVL_SHOP_EMPTY` (shop): nothing there',
  );
  expect(
    metricsPage(collectMetrics([source("metrics.gauge('everloop_shop_open', '1 while open', ['shop'])")])),
  ).toContain('| `everloop_shop_open` | gauge | shop | 1 while open | shop |');
  expect(topicsPage([{ name: 'everloop.shop.sold.v1', about: 'What was sold' }])).toContain(
    '| `everloop.shop.sold.v1` | What was sold |',
  );
});
