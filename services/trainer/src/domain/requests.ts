/** A reason to train, from another service or from a Trigger. */
export interface TrainingRequest {
  readonly id: string;
  readonly model: string;
  /** `drift`, `rows`, `schedule` or `manual`. */
  readonly trigger: string;
  readonly reason: string;
  /** Only data before it trains; epoch milliseconds UTC. */
  readonly eventTimeMs: number;
}

/** Requests of one model with one event time: they would all train on the same data, so one of them does. */
export interface RequestGroup {
  readonly model: string;
  readonly eventTimeMs: number;
  readonly chosen: TrainingRequest;
  readonly others: readonly TrainingRequest[];
}

export interface RequestQueue {
  readonly pending: readonly TrainingRequest[];
  /** Ids that were taken, newest last. */
  readonly seen: ReadonlySet<string>;
  /** Event times that were decided, `<model>@<time>`, newest last. */
  readonly decided: ReadonlySet<string>;
  /** Watermark of the last decision; null before the first. */
  readonly watermarkMs: number | null;
}

export const emptyQueue: RequestQueue = { pending: [], seen: new Set(), decided: new Set(), watermarkMs: null };

/** Ids and times that are remembered. A repeat comes within the same replay or restart, not after thousands of others. */
const rememberedMax = 10_000;

/** A person outranks a measurement, a measurement a schedule. */
const triggerOrder = ['manual', 'drift', 'schedule', 'rows'];

/** Takes a request; a repeated id changes nothing. O(1) amortised in the queue's length. */
export function withRequest(queue: RequestQueue, request: TrainingRequest): RequestQueue {
  if (queue.seen.has(request.id)) return queue;
  return { ...queue, pending: [...queue.pending, request], seen: remember(queue.seen, [request.id]) };
}

/** What is due at a watermark: groups by event time, then model. The order in which requests came does not matter. */
export function dueGroups(queue: RequestQueue, watermarkMs: number): readonly RequestGroup[] {
  const groups = new Map<string, TrainingRequest[]>();
  for (const request of queue.pending) {
    if (request.eventTimeMs > watermarkMs) continue;
    const key = groupKey(request);
    groups.set(key, [...(groups.get(key) ?? []), request]);
  }
  return [...groups.values()]
    .flatMap(toGroup)
    .sort((a, b) => a.eventTimeMs - b.eventTimeMs || compare(a.model, b.model));
}

/** The queue after everything due at a watermark was decided. */
export function settled(queue: RequestQueue, watermarkMs: number): RequestQueue {
  const due = queue.pending.filter((request) => request.eventTimeMs <= watermarkMs);
  return {
    ...queue,
    pending: queue.pending.filter((request) => request.eventTimeMs > watermarkMs),
    decided: remember(queue.decided, due.map(groupKey)),
    watermarkMs,
  };
}

/** What is known when a group is decided. */
export interface GroupFacts {
  /** Fewest labelled rows; null when no such Model is applied. */
  readonly minRows: number | null;
  readonly labelledRows: number;
  /** How many more there are, but held; and the holds that are open. */
  readonly heldRows: number;
  readonly openHolds: readonly string[];
  /** Why it is not known what is held, or null. */
  readonly problem: string | null;
}

export type GroupDecision = { readonly kind: 'train' } | { readonly kind: 'skip'; readonly reason: string };

/** Whether a group leads to a job. */
export function decide(queue: RequestQueue, group: RequestGroup, facts: GroupFacts): GroupDecision {
  if (facts.minRows === null) return skip(`no Model named ${group.model} is applied`);
  if (queue.decided.has(groupKey(group)))
    return skip(`a training on the data before ${new Date(group.eventTimeMs).toISOString()} was decided already`);
  if (facts.problem !== null) return skip(facts.problem);
  if (facts.labelledRows < facts.minRows)
    return skip(
      `${facts.labelledRows} labelled rows, at least ${facts.minRows} are needed (training.minRows)${heldText(facts)}`,
    );
  return { kind: 'train' };
}

function heldText({ heldRows, openHolds }: GroupFacts): string {
  if (heldRows === 0) return '';
  return `; ${heldRows} more are held${openHolds.length === 0 ? '' : `: ${openHolds.join('; ')}`}`;
}

function skip(reason: string): GroupDecision {
  return { kind: 'skip', reason };
}

function groupKey({ model, eventTimeMs }: { readonly model: string; readonly eventTimeMs: number }): string {
  return `${model}@${eventTimeMs}`;
}

function toGroup(requests: readonly TrainingRequest[]): RequestGroup[] {
  const [chosen, ...others] = [...requests].sort((a, b) => rank(a) - rank(b) || compare(a.id, b.id));
  return chosen === undefined ? [] : [{ model: chosen.model, eventTimeMs: chosen.eventTimeMs, chosen, others }];
}

function rank({ trigger }: TrainingRequest): number {
  const place = triggerOrder.indexOf(trigger);
  return place < 0 ? triggerOrder.length : place;
}

function remember(set: ReadonlySet<string>, added: readonly string[]): ReadonlySet<string> {
  const all = [...set, ...added];
  return new Set(all.slice(-rememberedMax));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
