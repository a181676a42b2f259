import { describe, expect, it } from 'vitest';
import { inspectModel } from './inspect.ts';
import { environmentFor, providerTrouble } from './providers.ts';

describe('environmentFor', () => {
  it('passes on nothing, or where CUDA is', () => {
    const env = { PATH: '/bin', LD_LIBRARY_PATH: '/cuda', CUDA_VISIBLE_DEVICES: '1' };
    expect(environmentFor(['cpu'], env)).toEqual({});
    expect(environmentFor(['cuda', 'cpu'], env)).toEqual({ LD_LIBRARY_PATH: '/cuda', CUDA_VISIBLE_DEVICES: '1' });
    expect(environmentFor(['cuda'], {})).toEqual({});
  });
});

describe('providerTrouble', () => {
  it('does not ask for the CPU', async () => {
    expect(await providerTrouble(['cpu'], () => Promise.reject(new Error('asked')))).toBeNull();
  });

  it('tries others with a model that any of them runs', async () => {
    const tried: Uint8Array[] = [];
    const create = (model: Uint8Array): Promise<unknown> => Promise.resolve(tried.push(model));
    expect(await providerTrouble(['cuda', 'cpu'], create)).toBeNull();
    expect(inspectModel(tried[0] ?? new Uint8Array()).ops).toEqual(['Identity']);
    const missing = () => Promise.reject(new Error('no library'));
    expect(await providerTrouble(['cuda', 'cpu'], missing)).toBe('no library');
  });
});
