import { expect, it } from 'vitest';
import { UsageMeter, type Sample } from './usage.ts';

it('sums groups, keeps peaks of memory and the largest processor time', () => {
  const rounds: Sample[][] = [
    [
      { group: 10, memoryKib: 100 * 1024, cpuSeconds: 1 },
      { group: 10, memoryKib: 50 * 1024, cpuSeconds: 2 },
      { group: 20, memoryKib: 10 * 1024, cpuSeconds: 0.5 },
      { group: 99, memoryKib: 999 * 1024, cpuSeconds: 99 },
    ],
    [{ group: 10, memoryKib: 120 * 1024, cpuSeconds: 4 }],
    [],
  ];
  const meter = new UsageMeter(() => rounds.shift() ?? []);
  meter.watch('trainer', 10);
  meter.watch('gateway', 20);
  meter.sample();
  meter.sample();
  const { processes, peakMemoryMib } = meter.report();
  expect(processes).toContainEqual({ name: 'trainer', peakMemoryMib: 150, cpuSeconds: 4 });
  expect(processes).toContainEqual({ name: 'gateway', peakMemoryMib: 10, cpuSeconds: 0.5 });
  expect(processes.map(({ name }) => name)).not.toContain('99');
  const own = processes.find(({ name }) => name === 'supervisor')?.peakMemoryMib ?? 0;
  // All of the first round at once, and this process.
  expect(peakMemoryMib).toBeGreaterThanOrEqual(160);
  expect(peakMemoryMib).toBeLessThanOrEqual(160 + own + 1);
});
