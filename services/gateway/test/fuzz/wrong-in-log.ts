import { decisions, serving, topics } from '@everloop/contracts';
import { eventually } from '@everloop/testing';
import type { RealGateway } from '../real/real-gateway.ts';
import type { Rewarded } from './valid-decisions.ts';
import { askedOf } from './valid.ts';

/** Each row that was answered is in the log once, with the values of its own request. */
export async function wrongInLog(gateway: RealGateway, answered: ReadonlyMap<string, number>): Promise<string[]> {
  const read = async (): Promise<ReadonlyMap<string, serving.Inference[]>> => {
    const found = new Map<string, serving.Inference[]>();
    await gateway.bus.readAll([topics.inferenceServed], ({ records }) => {
      for (const { value } of records) {
        if ((value?.length ?? 0) === 0) continue;
        const inference = serving.Inference.decode(value ?? Buffer.alloc(0));
        if (!answered.has(inference.decisionId)) continue;
        found.set(inference.decisionId, [...(found.get(inference.decisionId) ?? []), inference]);
      }
    });
    return found;
  };
  const logged = await eventually(
    async () => {
      const found = await read();
      return found.size === answered.size ? found : null;
    },
    { timeoutMs: 60_000, what: 'every answered row in the log' },
  ).catch(() => read());
  const wrong: string[] = [];
  if (logged.size !== answered.size) wrong.push(`${answered.size - logged.size} answered rows are not in the log`);
  for (const [id, records] of logged) {
    const { id: requestId, distances } = askedOf(answered.get(id) ?? -1);
    const [first] = records;
    const row = Number(/-(\d+)$/.exec(first?.joinKey ?? '')?.[1] ?? -1);
    const value = first?.inputValues[0]?.kind;
    // Rows of the typed API are requests of their own.
    const isNamed = first?.requestId === requestId || first?.requestId === `${requestId}-${row}`;
    const isOwn = isNamed && value?.$case === 'number' && Math.abs(value.value - (distances[row] ?? NaN)) < 1e-3;
    if (records.length !== 1) wrong.push(`decision ${id} is ${records.length} times in the log`);
    else if (!isOwn)
      wrong.push(
        `decision ${id} of ${requestId} is in the log as ${JSON.stringify(serving.Inference.toJSON(first as serving.Inference)).slice(0, 600)}`,
      );
  }
  return wrong;
}

/** How often each name is in a topic, and what is said about it last; `read` gives null for what is not looked for. */
async function said(
  { bus }: RealGateway,
  topic: string,
  read: (value: Buffer) => readonly [name: string, text: string] | null,
): Promise<ReadonlyMap<string, { readonly times: number; readonly text: string }>> {
  const found = new Map<string, { times: number; text: string }>();
  await bus.readAll([topic], ({ records }) => {
    for (const { value } of records) {
      const known = value === null || value.length === 0 ? null : read(value);
      if (known === null) continue;
      const [name, text] = known;
      found.set(name, { times: (found.get(name)?.times ?? 0) + 1, text });
    }
  });
  return found;
}

/** Each row that was answered is a decision once, and each reward that was taken is there once, for its decision and with its value. */
export async function wrongDecisions(
  gateway: RealGateway,
  answered: ReadonlyMap<string, number>,
  rewarded: ReadonlyMap<string, Rewarded>,
): Promise<string[]> {
  const decided = await said(gateway, topics.decisionMade, (value) => {
    const { decisionId, requestId } = decisions.Decision.decode(value);
    return answered.has(decisionId) ? [decisionId, requestId] : null;
  });
  const read = () =>
    said(gateway, topics.rewardReceived, (value) => {
      const reward = decisions.RewardReceived.fromJSON(JSON.parse(value.toString()));
      return rewarded.has(reward.idempotencyKey)
        ? [reward.idempotencyKey, `${reward.decisionId} ${reward.value}`]
        : null;
    });
  const all = async () => {
    const found = await read();
    return found.size === rewarded.size ? found : null;
  };
  const received = await eventually(all, { timeoutMs: 60_000, what: 'every reward in the log' }).catch(read);
  const wrong: string[] = [];
  for (const id of answered.keys()) {
    const times = decided.get(id)?.times ?? 0;
    if (times !== 1) wrong.push(`decision ${id} was made ${times} times`);
  }
  for (const { key, decisionId, value } of rewarded.values()) {
    const { times = 0, text = '' } = received.get(key) ?? {};
    if (times !== 1 || text !== `${decisionId} ${value}`)
      wrong.push(`reward ${key} of ${value} for ${decisionId} is there ${times} times: ${text}`);
  }
  return wrong;
}
