import { describe, expect, it } from 'vitest';

import { liveParityCheck, liveParityOf, readLiveParity } from './live-parity.ts';

interface Numbers {
  readonly read?: number;
  readonly queued?: number;
  readonly values?: number;
  readonly different?: number;
}

function page({ read = 0, queued = 0, values = 0, different = 0 }: Numbers): string {
  const labels = 'service="feature-store"';
  return [
    `everloop_kafka_records_read_total{group="everloop.feature-store.features",${labels}} 900000`,
    `everloop_kafka_records_read_total{group="everloop.feature-store.parity",${labels}} ${read}`,
    `everloop_feature_store_parity_queued{${labels}} ${queued}`,
    `everloop_feature_store_parity_checked_total{model="a",${labels}} 30`,
    `everloop_feature_store_parity_checked_total{model="b",${labels}} 12`,
    `everloop_feature_store_parity_values_total{model="a",${labels}} ${values}`,
    ...(different === 0
      ? []
      : [`everloop_feature_store_parity_different_total{model="a",feature="x",${labels}} ${different}`]),
    `everloop_feature_store_parity_late_total{model="a",feature="x",${labels}} 8`,
    `everloop_feature_store_parity_undecided_total{model="a",feature="x",${labels}} 9`,
    `everloop_feature_store_parity_skipped_total{reason="queue",${labels}} 3`,
    `everloop_feature_store_parity_skipped_total{reason="failed",${labels}} 4`,
  ].join('\n');
}

/** Gives the pages one after another, the last one again and again. */
function store(...pages: readonly string[]): { readonly asked: () => number; readonly read: () => Promise<string> } {
  let asked = 0;
  return {
    asked: () => asked,
    read: () => Promise.resolve(pages[Math.min(asked++, pages.length - 1)] ?? ''),
  };
}

describe('liveParityOf', () => {
  it('adds up models, features and reasons', () => {
    expect(liveParityOf(page({ queued: 2, values: 400, different: 1 }))).toEqual({
      ...{ predictions: 42, values: 400, different: 1, late: 8, undecided: 9, rate: 0.9975, skipped: 7, waiting: 2 },
    });
  });

  it.each([
    ['1 where all are equal', 400, 1],
    ['unknown where nothing was compared', 0, null],
  ])('is %s', (_name, values, rate) => {
    expect(liveParityOf(page({ values }))?.rate).toBe(rate);
  });

  it('is nothing of a store that does not compare', () => {
    expect(liveParityOf('everloop_other 1')).toBeNull();
  });
});

describe('readLiveParity', () => {
  const asked = { served: 50, waitMs: 1_000, everyMs: 1 };

  it('waits until the store has read what was served and has nothing in its queue, seen twice', async () => {
    const [behind, full, done] = [page({ read: 40 }), page({ read: 50, queued: 3 }), page({ read: 50, values: 400 })];
    const { asked: times, read } = store(behind, full, done, full, done, done);
    expect(await readLiveParity({ ...asked, read })).toMatchObject({ values: 400, waiting: 0 });
    expect(times()).toBe(6);
  });

  it('gives what it knows when its time is over', async () => {
    const { asked: times, read } = store(page({ read: 40, queued: 5 }));
    expect(await readLiveParity({ ...asked, waitMs: 3, read })).toMatchObject({ waiting: 5 });
    expect(times()).toBe(4);
  });

  it('does not wait for a store that compares nothing', async () => {
    const { asked: times, read } = store('');
    expect(await readLiveParity({ ...asked, read })).toBeNull();
    expect(times()).toBe(1);
  });
});

describe('liveParityCheck', () => {
  const found = {
    ...{ predictions: 42, values: 400, different: 0, late: 0, undecided: 0, rate: 1, skipped: 0, waiting: 0 },
  };

  it.each([
    ['nothing where nothing was compared', null, []],
    ['nothing where no value was', { ...found, values: 0, rate: null }, []],
    ['no number of one run where all is well', found, [{ ok: true, detail: 'all compared values' }]],
    [
      'how many differ',
      { ...found, different: 2 },
      [{ ok: false, detail: '2 of 400 values differ; docs/runbooks/parity.md' }],
    ],
  ])('says %s', (_name, live, checks) => {
    expect(liveParityCheck(live)).toMatchObject(checks);
  });
});
