import { progress } from '@everloop/contracts';
import { describe, expect, it } from 'vitest';
import { ProgressBoard } from './progress.ts';

function report(board: ProgressBoard, instance: string, watermarkMs: number, reportedAtMs: number): void {
  const message = { service: 'outcomes', stage: 'main', instance, watermarkMs, records: 0, reportedAtMs };
  board.accept(Buffer.from(JSON.stringify(progress.Progress.toJSON(message))));
}

describe('ProgressBoard', () => {
  it('takes the slowest instance', () => {
    const board = new ProgressBoard();
    report(board, 'a', 200, 1_000);
    report(board, 'b', 100, 1_001);
    expect(board.watermarkMs('outcomes', 'main')).toBe(100);
    expect(board.watermarkMs('outcomes', 'other')).toBe(-Infinity);
  });

  it('forgets an instance that fell silent while another goes on', () => {
    const board = new ProgressBoard();
    report(board, 'dead', 100, 1_000);
    report(board, 'b', 200, 40_000);
    expect(board.watermarkMs('outcomes', 'main')).toBe(200);
  });

  it('wakes who waits, also when it is already there', async () => {
    const board = new ProgressBoard();
    const waiting = board.reached('outcomes', 'main', 150);
    report(board, 'a', 100, 0);
    report(board, 'a', 150, 1);
    await waiting;
    await board.reached('outcomes', 'main', 150);
  });
});
