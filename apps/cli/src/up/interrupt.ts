import { deferred } from '@everloop/service';

/** A second Ctrl-C within this time is the same one, delivered by terminal and by npm, milliseconds. */
const sameMs = 500;

/** What interrupts a run. */
export interface Interrupt {
  /** Resolves at the first Ctrl-C, SIGTERM, or when the program that started this one is gone. */
  readonly asked: Promise<void>;
  /** Resolves at the second. */
  readonly insisted: Promise<void>;
  /** Listens no longer. */
  release(): void;
}

/** Listens for SIGINT, SIGTERM and the end of the parent's channel. */
export function listenForInterrupt(
  emitter: NodeJS.EventEmitter = process,
  nowMs: () => number = () => performance.now(),
): Interrupt {
  const asked = deferred();
  const insisted = deferred();
  let firstAt: number | null = null;
  const onSignal = (): void => {
    if (firstAt === null) {
      firstAt = nowMs();
      asked.resolve();
    } else if (nowMs() - firstAt > sameMs) {
      insisted.resolve();
    }
  };
  const events = ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect'] as const;
  for (const event of events) emitter.on(event, onSignal);
  return {
    asked: asked.promise,
    insisted: insisted.promise,
    release: () => {
      for (const event of events) emitter.off(event, onSignal);
    },
  };
}
