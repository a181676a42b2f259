import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@everloop/testing';
import { expect, it } from 'vitest';
import { startLocalRedisCluster } from '../src/index.ts';

it('a replica takes over the slots of a killed master with what it holds; the old one comes back as its replica', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'everloop-replicas-'));
  const cluster = await startLocalRedisCluster({ dir, replicas: 1, log: () => undefined });
  try {
    expect([cluster.nodes.length, cluster.replicas.length]).toEqual([3, 3]);
    const [first] = cluster.nodes;
    const [heir] = cluster.replicas;
    // CRC16: {b} is slot 3300, of the first third.
    expect(await first?.ask('SET {b} 1')).toBe('+OK\r\n');
    await eventually(async () => (await heir?.ask('DBSIZE')) === ':1\r\n', { what: 'the copy' });
    await first?.kill();
    await eventually(async () => (await heir?.ask('GET {b}')) === '$1\r\n1\r\n', {
      what: 'the election',
      timeoutMs: 30_000,
    });
    await first?.restart();
    expect(await first?.ask('GET {b}')).toMatch(/^-MOVED 3300 /);
  } finally {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
