import { describe, expect, it } from 'vitest';
import { Decisions } from './decisions.ts';

const choice = (version: string) => ({ arm: 'canary', version, propensity: 0.5, learn: true }) as const;

describe('Decisions', () => {
  it('remembers the newest, by model and request', () => {
    const decisions = new Decisions(2);
    decisions.put('m', 'a', choice('1'));
    decisions.put('m', 'b', choice('2'));
    decisions.put('n', 'b', choice('3'));
    expect(['m', 'n'].map((model) => decisions.get(model, 'b')?.version)).toEqual(['2', '3']);
    expect(decisions.get('m', 'a')).toBeUndefined();
  });

  it('takes the newer of two and can be off', () => {
    const decisions = new Decisions(1);
    decisions.put('m', 'a', choice('1'));
    decisions.put('m', 'a', choice('2'));
    expect(decisions.get('m', 'a')?.version).toBe('2');
    const off = new Decisions(0);
    off.put('m', 'a', choice('1'));
    expect(off.get('m', 'a')).toBeUndefined();
  });
});
