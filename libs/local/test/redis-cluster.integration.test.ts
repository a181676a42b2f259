import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startLocalRedisCluster } from '../src/index.ts';

it('forms a cluster of three masters; a killed one comes back empty with its slots', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'everloop-cluster-'));
  const cluster = await startLocalRedisCluster({ dir, log: () => undefined });
  try {
    expect(cluster.url).toBe(`redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`);
    const key = (slotOwner: number): string => ['{b}', '{c}', '{a}'][slotOwner] ?? '';
    const [first, second, third] = cluster.nodes;
    // CRC16: {b} is slot 3300, {c} 7365, {a} 15495.
    expect(await first?.ask(`SET ${key(0)} 1`)).toBe('+OK\r\n');
    expect(await third?.ask(`SET ${key(2)} 1`)).toBe('+OK\r\n');
    expect(await third?.ask(`GET ${key(0)}`)).toMatch(/^-MOVED 3300 /);
    await third?.kill();
    await expect(third?.ask('PING')).rejects.toThrow();
    expect(await first?.ask(`GET ${key(0)}`)).toBe('$1\r\n1\r\n');
    await third?.restart();
    expect(await third?.ask(`GET ${key(2)}`)).toBe('$-1\r\n');
    expect(await second?.ask(`GET ${key(2)}`)).toMatch(/^-MOVED 15495 /);
  } finally {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
