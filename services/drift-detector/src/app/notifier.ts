import { topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { deferred, type Health, type Part } from '@everloop/service';
import type { AlertTarget } from '../ports.ts';
import type { NotifyTelemetry } from '../notify-telemetry.ts';
import { createNotifyTask, type NotifyTask, type Repeat } from './notify-task.ts';

export interface NotifierOptions {
  readonly bus: Bus;
  /** Who is told; each has its own position in the alerts, so one that is away keeps no other waiting. */
  readonly targets: readonly { readonly target: AlertTarget; readonly resendMs: number | null }[];
  readonly telemetry: NotifyTelemetry;
  readonly ageMsMax: number;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  readonly repeat?: Repeat;
}

function repeatByTimer(everyMs: number, work: () => void): () => void {
  const timer = setInterval(work, everyMs);
  return () => clearInterval(timer);
}

/** Stage 5: tells Alertmanager and webhooks of alarms. Of several replicas one does it for each target. */
export function createNotifier(options: NotifierOptions): Part {
  const { bus, telemetry, ageMsMax, now, repeat = repeatByTimer } = options;
  const failed = deferred<unknown>();
  const runners = options.targets.map(({ target, resendMs }) =>
    bus.tasks({
      groupId: `everloop.drift-detector.notify.${target.name}`,
      inputs: [topics.driftAlert],
      createHandler: () => createNotifyTask({ target, telemetry, now, repeat, resendMs, ageMsMax }),
      restore: {
        kind: 'changelog',
        topic: topics.driftState,
        restore: (handler, records) => (handler as NotifyTask).restore(records),
      },
    }),
  );
  const started: Part[] = [];
  return {
    name: 'notifier',
    failed: failed.promise,
    health: (): Health => started.map((part) => part.health?.()).find((health) => health?.ok === false) ?? { ok: true },
    async start() {
      if (runners.length === 0) return;
      await bus.ensureTopics([
        { name: topics.driftAlert, partitions: 1 },
        { name: topics.driftState, partitions: 1, compacted: true },
      ]);
      for (const runner of runners) {
        void runner.failed?.then(failed.resolve);
        started.push(runner);
        await runner.start();
      }
    },
    async stop() {
      for (const runner of started.toReversed()) await runner.stop();
    },
  };
}
