import { ServiceError } from '@everloop/service';
import type { ProgressBoard } from './progress.ts';

/** The stages in the order in which a step passes them. */
export const chain: readonly (readonly [service: string, stage: string])[] = [
  ['validator', 'main'],
  ['validator', 'windows'],
  ['feature-store', 'online'],
  ['gateway', 'log'],
  ['outcomes', 'main'],
  ['drift-detector', 'panes'],
  ['drift-detector', 'windows'],
  ['trainer', 'main'],
  ['rollout', 'main'],
  ['gateway', 'routes'],
];

const instant = (ms: number): string =>
  Number.isFinite(ms) ? new Date(ms).toISOString().slice(0, 16) : 'never reported';

/**
 * Which stage holds a step up, and how far every stage is. `target` is the stage that is waited for; the culprit is the first in
 * the chain up to it that has not come to `watermarkMs`.
 */
export function describeStall(
  board: ProgressBoard,
  target: readonly [service: string, stage: string],
  watermarkMs: number,
): string {
  const last = chain.findIndex(([service, stage]) => service === target[0] && stage === target[1]);
  const upTo = chain.slice(0, last + 1);
  const culprit = upTo.find(([service, stage]) => board.watermarkMs(service, stage) < watermarkMs) ?? target;
  const lines = chain.map(([service, stage]) => {
    const at = board.watermarkMs(service, stage);
    return `  ${`${service}/${stage}`.padEnd(24)} ${instant(at).padEnd(16)} ${at >= watermarkMs ? 'passed' : 'waiting'}`;
  });
  const where = `stuck at ${culprit.join('/')}, watermark ${instant(board.watermarkMs(...culprit))}`;
  return [`the step to ${instant(watermarkMs)} is ${where}; look into that service's log`, ...lines].join('\n');
}

export interface WaitLimits {
  /** A wait of this long is reported, and again after each further one, milliseconds. */
  readonly warnMs: number;
  /** A wait of this long ends the replay with EVL_REPLAY_STALLED, milliseconds. */
  readonly failMs: number;
}

/** Long enough for a training within a step, short enough that nobody watches a stuck replay for an hour. */
export const defaultWaitLimits: WaitLimits = { warnMs: 120_000, failMs: 600_000 };

/** Waits until a stage has come to `watermarkMs`; says what is stuck when that takes long. */
export async function awaitStage(
  board: ProgressBoard,
  target: readonly [service: string, stage: string],
  watermarkMs: number,
  options: { readonly limits: WaitLimits; readonly say: (text: string) => void; readonly signal: AbortSignal },
): Promise<void> {
  const { limits, say, signal } = options;
  signal.throwIfAborted();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(signal.reason);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  const warning = setInterval(() => {
    say(describeStall(board, target, watermarkMs));
  }, limits.warnMs);
  const failing = setTimeout(() => {
    const message = describeStall(board, target, watermarkMs);
    reject(new ServiceError({ code: 'EVL_REPLAY_STALLED', kind: 'terminal', message }));
  }, limits.failMs);
  try {
    await Promise.race([board.reached(target[0], target[1], watermarkMs), ended]);
  } finally {
    clearInterval(warning);
    clearTimeout(failing);
    signal.removeEventListener('abort', onAbort);
  }
}
