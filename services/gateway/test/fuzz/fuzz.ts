import { readFile } from 'node:fs/promises';
import { childrenOf, type RealGateway } from '../real/real-gateway.ts';
import { callHttp, RawGrpc, sendBytes, type Outcome, type Ports } from './calls.ts';
import { caseOf, type Case } from './cases.ts';
import { checkRewards, type Rewarded } from './valid-decisions.ts';
import { checkValid, ways } from './valid.ts';
import { wrongDecisions, wrongInLog } from './wrong-in-log.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** The first case; 0 unless a finding is looked for again. */
  readonly from: number;
  /** How long new rounds are begun, milliseconds. */
  readonly forMs: number;
  readonly log: (line: string) => void;
}

/** What a run did and found. */
export interface FuzzReport {
  readonly seed: number;
  readonly cases: number;
  readonly validRequests: number;
  /** Rewards that were taken. */
  readonly rewards: number;
  readonly seconds: number;
  /** Cases by how they ended, as `grpc 3`, `http 400`, `bytes reset`. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Memory of the gateway and its model process after the first round, at most, and at the end, MiB. */
  readonly rssMib: { readonly first: number; readonly max: number; readonly last: number };
  readonly findings: readonly string[];
}

const roundCases = 400;
const inFlight = 16;
const findingsMax = 20;
/** Rounds that warm the compiler and the heap up before memory is compared. */
const warmUpRounds = 5;
/** Growth beyond the warm-up that is a finding, MiB: several messages of the largest size, at once, and the slack of a heap. */
const growthMibMax = 400;

/** How calls may end: docs/guides/calling.md and the README of the gateway; CANCELLED and DEADLINE_EXCEEDED where the caller says so. */
const grpcDocumented: ReadonlySet<Outcome> = new Set<Outcome>([0, 3, 5, 8, 9, 12]);
const httpDocumented: ReadonlySet<Outcome> = new Set<Outcome>([200, 400, 404, 405, 413, 415, 429, 431]);
/** What grpc-js itself, below the gateway, answers to what is no gRPC. */
const envelopeMay: Readonly<Record<string, readonly Outcome[]>> = {
  'compressed, of no coding': [13],
  'garbage as gzip': [13],
  'gzip bomb': [13],
  deflate: [13],
  'longer length': [13, 'reset'],
  'shorter length': [13],
  'two messages': [13],
  'no message': [13],
  flag: [13],
  'content type': ['refused'],
  timeout: [4, 13, 1],
  metadata: [13],
  'too large': ['reset'],
  reset: ['reset', 1],
};

async function send(ports: Ports, each: Case): Promise<{ readonly outcome: Outcome; readonly text: string }> {
  if (each.kind === 'grpc') return ports.grpc.call(each.path, each.body, each.headers, each.resetEarly);
  if (each.kind === 'http') return callHttp(ports.httpPort, each.path, each.body, each.headers);
  return { outcome: await sendBytes(each.toHttp ? ports.httpPort : ports.grpcPort, each.body), text: '' };
}

function isDocumented(each: Case, outcome: Outcome): boolean {
  if (each.kind === 'bytes') return outcome !== 'hung';
  if (each.kind === 'http') return httpDocumented.has(outcome) || (outcome === 'reset' && each.about === 'too large');
  // Health and reflection are grpc-js's own services.
  if (outcome === 13 && each.path.startsWith('/grpc.')) return true;
  return grpcDocumented.has(outcome) || (envelopeMay[each.about] ?? []).includes(outcome);
}

/** Memory that a process and its children have in RAM, MiB. */
async function rssMib(pid: number): Promise<number> {
  let sum = 0;
  for (const each of [pid, ...(await childrenOf(pid))]) {
    const status = await readFile(`/proc/${each}/status`, 'utf8');
    sum += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1_024;
  }
  return Math.round(sum);
}

const hasEnded = (gateway: RealGateway): boolean => !gateway.process.running;

/** Sends malformed calls to a running gateway, valid ones among them, until the time is over or too much is wrong. */
export async function fuzzGateway(gateway: RealGateway, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, forMs, log } = options;
  const startedMs = performance.now();
  const grpc = new RawGrpc(gateway.grpcPort);
  const ports: Ports = { grpc, grpcPort: gateway.grpcPort, httpPort: gateway.httpPort };
  const outcomes: Record<string, number> = {};
  const findings: string[] = [];
  const answered = new Map<string, number>();
  const rewarded = new Map<string, Rewarded>();
  const rss: number[] = [];
  let [cases, valid, linesSeen, told] = [options.from, 0, 0, 0];

  const oneCase = async (index: number): Promise<void> => {
    const each = caseOf(seed, index);
    const { outcome, text } = await send(ports, each);
    const key = `${each.kind} ${outcome}`;
    outcomes[key] = (outcomes[key] ?? 0) + 1;
    if (!isDocumented(each, outcome))
      findings.push(
        `case ${index} (${each.about}) ended with ${key}: ${text}; ${each.body.subarray(0, 200).toString('hex')}`,
      );
  };
  const oneValid = async (n: number): Promise<void> => {
    const { wrong, decisionIds } = await checkValid(ports, n);
    if (wrong !== null) findings.push(wrong);
    for (const id of decisionIds) {
      if (answered.has(id)) findings.push(`decision id ${id} was given twice`);
      answered.set(id, n);
    }
    const [first] = decisionIds;
    if (first === undefined || n % 3 !== 0) return;
    const { wrong: wrongRewards, rewarded: taken } = await checkRewards(ports, n, first);
    if (wrongRewards !== null) findings.push(wrongRewards);
    for (const reward of taken) rewarded.set(reward.key, reward);
  };
  const lookAtLog = (): void => {
    for (const line of gateway.lines.slice(linesSeen))
      if (line['level'] === 'error' || line['level'] === 'fatal')
        findings.push(`logged: ${JSON.stringify(line).slice(0, 1_500)}`);
    linesSeen = gateway.lines.length;
  };

  while (performance.now() - startedMs < forMs && findings.length < findingsMax && !hasEnded(gateway)) {
    const end = cases + roundCases;
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (cases < end) {
          const index = cases;
          cases += 1;
          await oneCase(index);
          if (index % 8 === 0) await oneValid(valid++);
        }
      }),
    );
    for (let n = 0; n < ways; n += 1) await oneValid(valid++);
    lookAtLog();
    if (!hasEnded(gateway)) rss.push(await rssMib(gateway.process.pid));
    for (const finding of findings.slice(told)) log(`FOUND ${finding}`);
    told = findings.length;
    log(`${cases} cases, ${valid} valid requests, ${rss.at(-1) ?? 0} MiB, ${findings.length} findings`);
  }
  grpc.close();
  if (hasEnded(gateway)) findings.push(`the gateway ended: ${gateway.process.lastLines(10).join('\n')}`);
  else findings.push(...(await wrongInLog(gateway, answered)), ...(await wrongDecisions(gateway, answered, rewarded)));
  const settled = rss.slice(Math.min(warmUpRounds, rss.length - 1));
  const [first = 0, last = 0] = [settled[0], settled.at(-1)];
  if (last - first > growthMibMax) findings.push(`memory went from ${first} to ${last} MiB`);
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const memory = { first, max: Math.max(0, ...settled), last };
  return {
    seed,
    cases: cases - options.from,
    validRequests: valid,
    rewards: rewarded.size,
    seconds,
    outcomes,
    rssMib: memory,
    findings: findings.slice(0, findingsMax),
  };
}
