import { inference, serving, topics } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { ServiceError } from '@everloop/service';
import { eventually } from '@everloop/testing';
import { inferRequest, trip } from '../fixtures.ts';
import type { RealGateway } from './real-gateway.ts';

const callers = 8;

/** Everything that was answered by one gateway, by decision id. */
export class Answered {
  readonly ids = new Set<string>();
  #calls = 0;

  /** A name that no call had before. */
  next(): string {
    this.#calls += 1;
    return `k${this.#calls}`;
  }
}

/** Calls without a pause from callers that have a connection each and ask nothing twice, and what each got. */
export class Load {
  /** Calls by how they ended: `ok`, `ok, degraded`, or the code of the error. */
  readonly outcomes: Record<string, number> = {};
  /** How long each caller that got errors got nothing else, milliseconds. */
  readonly interruptions: number[] = [];
  readonly #answered: Answered;
  readonly #loops: Promise<void>[];
  #isOver = false;

  constructor(grpcPort: number, answered: Answered) {
    this.#answered = answered;
    this.#loops = Array.from({ length: callers }, async () => {
      const client = connect(inference.GRPCInferenceServiceService, `127.0.0.1:${grpcPort}`, {
        ...{ name: 'test', deadlineMs: 30_000 },
      });
      let failedAtMs: number | null = null;
      while (!this.#isOver) {
        const startedMs = performance.now();
        const isAnswered = await this.#one(client);
        if (!isAnswered) failedAtMs ??= startedMs;
        else if (failedAtMs !== null) {
          this.interruptions.push(Math.round(performance.now() - failedAtMs));
          failedAtMs = null;
        }
      }
      client.close();
    });
  }

  count(outcome: string): number {
    return this.outcomes[outcome] ?? 0;
  }

  othersThan(...expected: readonly string[]): readonly string[] {
    return Object.keys(this.outcomes).filter((outcome) => !expected.includes(outcome));
  }

  /** Resolves when so many more calls have ended so. */
  async more(outcome: string, calls: number): Promise<void> {
    const until = this.count(outcome) + calls;
    await eventually(() => this.count(outcome) >= until, {
      timeoutMs: 90_000,
      what: `${calls} more calls with ${outcome}`,
    });
  }

  /** The outcomes in words. */
  async end(): Promise<string> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    const { length } = this.interruptions;
    const interrupted =
      length === 0 ? '' : `; ${length} interruptions, the longest ${Math.max(...this.interruptions)} ms`;
    return `${JSON.stringify(this.outcomes)}${interrupted}`;
  }

  /** Whether there was an answer. */
  async #one(client: RealGateway['client']): Promise<boolean> {
    const id = this.#answered.next();
    let outcome: string;
    let isAnswered = false;
    try {
      const { parameters } = await client.modelInfer(inferRequest({ id, inputs: trip(`T${id}`) }));
      const decision = parameters['decision_id']?.parameterChoice;
      isAnswered = true;
      if (decision?.$case === 'stringParam') this.#answered.ids.add(decision.value);
      const degraded = parameters['degraded']?.parameterChoice;
      outcome = degraded?.$case === 'boolParam' && degraded.value ? 'ok, degraded' : 'ok';
    } catch (error) {
      outcome = error instanceof ServiceError ? error.code : String(error);
    }
    this.outcomes[outcome] = this.count(outcome) + 1;
    return isAnswered;
  }
}

/** Records of the log by decision id. */
export async function loggedTimes({ bus }: Pick<RealGateway, 'bus'>): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  await bus.readAll([topics.inferenceServed], ({ records }) => {
    for (const { value } of records) {
      if ((value?.length ?? 0) === 0) continue;
      const { decisionId } = serving.Inference.decode(value ?? Buffer.alloc(0));
      found.set(decisionId, (found.get(decisionId) ?? 0) + 1);
    }
  });
  return found;
}
