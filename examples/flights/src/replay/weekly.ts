import type { ProgressBoard } from './progress.ts';
import { chain } from './stall.ts';
import type { ReplayCounts } from './counts.ts';

const WEEK_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;

function events(counts: ReplayCounts): number {
  return Object.values(counts.produced).reduce((sum, { records }) => sum + records, 0);
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

/** How far the slowest stage is behind `untilMs`, for a line. */
function lag(board: ProgressBoard, untilMs: number): string {
  const behind = chain.map(([service, stage]) => ({
    name: `${service}/${stage}`,
    hours: (untilMs - board.watermarkMs(service, stage)) / HOUR_MS,
  }));
  const slowest = behind.reduce((a, b) => (b.hours > a.hours ? b : a));
  if (slowest.hours <= 0) return 'none';
  return Number.isFinite(slowest.hours) ? `${whole(slowest.hours)} h at ${slowest.name}` : `${slowest.name} is silent`;
}

/** Says one line for each week of event time: where the replay is, how fast it goes, what was asked and answered since the start. */
export function weeklyLines(board: ProgressBoard, say: (text: string) => void): (counts: ReplayCounts) => void {
  let last: ReplayCounts | null = null;
  let nextMs = -Infinity;
  return (counts) => {
    if (counts.untilMs < nextMs && !counts.complete) return;
    nextMs = counts.untilMs + WEEK_MS;
    const seconds = Math.max(counts.wallSeconds - (last?.wallSeconds ?? 0), 0.001);
    const eventRate = (events(counts) - (last === null ? 0 : events(last))) / seconds;
    const answerRate = (counts.predictions.answered - (last?.predictions.answered ?? 0)) / seconds;
    const { asked, answered, unanswered, failed } = counts.predictions;
    const parts = [
      new Date(counts.untilMs).toISOString().slice(0, 10),
      `${whole(counts.wallSeconds)} s`,
      `${whole(eventRate)} events/s`,
      `${whole(answerRate)} predictions/s`,
      `asked ${whole(asked)}, answered ${whole(answered)}`,
      ...(unanswered > 0 ? [`no model yet for ${whole(unanswered)}`] : []),
      ...(failed > 0 ? [`FAILED ${whole(failed)}`] : []),
      `lag ${lag(board, counts.untilMs)}`,
    ];
    say(parts.join(' | '));
    last = counts;
  };
}
