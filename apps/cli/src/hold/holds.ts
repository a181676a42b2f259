import { eventId, quality } from '@everloop/contracts';
import { badInput } from '../errors.ts';
import { table } from '../table.ts';

/** Reports that `show` prints of one hold, newest. */
const reportsShown = 20;

/** What is known about holds, and the way to end one. */
export interface HoldLog {
  /** The newest state of every hold. */
  holds(): Promise<readonly quality.Hold[]>;
  /** Reports of windows that concern a hold, in the order of their time. */
  reports(hold: quality.Hold): Promise<readonly quality.WindowReport[]>;
  /** Says it to the window judge; resolves with the hold once it has ended, or null after a bounded wait. */
  release(command: quality.ReleaseHold): Promise<quality.Hold | null>;
}

export interface ListOptions {
  readonly all: boolean;
  readonly source?: string;
}

/** Holds as a table, open ones first, then by their start. */
export async function listHolds(log: HoldLog, { all, source }: ListOptions): Promise<string> {
  const holds = (await log.holds())
    .filter((hold) => (all || isOpen(hold)) && (source === undefined || hold.source === source))
    .sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1));
  if (holds.length === 0) return all ? 'there was no hold yet' : 'no hold is open';
  const rows = holds.map((hold) => [
    hold.id.slice(0, 12),
    stateText(hold),
    `${hold.source}/${hold.window}`,
    minute(hold.fromMs),
    isOpen(hold) ? '-' : minute(hold.untilMs),
    hold.rules.join(', '),
  ]);
  return table(['HOLD', 'STATE', 'SOURCE', 'FROM', 'UNTIL', 'RULES'], rows);
}

/** Everything about one hold, with what the rules measured. */
export async function showHold(log: HoldLog, id: string): Promise<string> {
  const hold = await find(log, id);
  const reports = (await log.reports(hold)).slice(-reportsShown);
  const head = [
    `hold     ${hold.id}`,
    `state    ${stateText(hold)}${hold.by === '' ? '' : ` by ${hold.by}`}`,
    `source   ${hold.source}, windows ${hold.window}, topic ${hold.topic}`,
    `held     ${minute(hold.fromMs)} to ${isOpen(hold) ? 'now' : minute(hold.untilMs)}${hold.accepted ? ', accepted: it trains' : ''}`,
    `known    ${minute(hold.openedAtMs)}${isOpen(hold) ? '' : `, ended ${minute(hold.closedAtMs)}`}`,
    `rules    ${hold.rules.join(', ')}`,
    `reason   ${hold.reason}`,
  ];
  const rows = reports.flatMap(({ startMs, rows: count, results }) =>
    results
      .filter((result) => hold.rules.includes(result.column === '' ? result.rule : `${result.rule}/${result.column}`))
      .map(({ verdict, detail }) => [minute(startMs), String(count), verdictText(verdict), detail]),
  );
  return rows.length === 0
    ? head.join('\n')
    : `${head.join('\n')}\n\n${table(['WINDOW', 'ROWS', 'VERDICT', 'MEASURED'], rows)}`;
}

export interface ReleaseOptions {
  readonly accept: boolean;
  readonly reason: string;
  readonly by: string;
}

/** Ends a hold. Doing it again says that it has ended; EVL_CLI_INPUT_INVALID for a hold that never was. */
export async function releaseHold(log: HoldLog, id: string, { accept, reason, by }: ReleaseOptions): Promise<string> {
  const hold = await find(log, id);
  if (!isOpen(hold)) return `hold ${hold.id} has ended already: ${stateText(hold)}`;
  const command = { id: eventId('release', hold.id, String(accept), reason, by), hold, accept, reason, by };
  const ended = await log.release(command);
  if (ended === null)
    return `asked to release hold ${hold.id}; the validator has not answered yet, it will when it runs`;
  const what = ended.accepted
    ? 'its data trains'
    : `data from ${minute(ended.fromMs)} to ${minute(ended.untilMs)} does not train`;
  return `hold ${ended.id} is ${stateText(ended)}: ${what}`;
}

/** The hold whose id begins so. */
async function find(log: HoldLog, id: string): Promise<quality.Hold> {
  const fitting = (await log.holds()).filter((hold) => hold.id.startsWith(id));
  const [hold, ...others] = fitting;
  if (hold === undefined || id === '')
    throw badInput(`there is no hold "${id}"; \`everloop hold list --all\` shows them`);
  if (others.length > 0) throw badInput(`${fitting.length} holds begin with "${id}"; give more of the id`);
  return hold;
}

function isOpen({ state }: quality.Hold): boolean {
  return state === quality.HoldState.OPEN;
}

function stateText({ state, accepted }: quality.Hold): string {
  const text = state.replace('HOLD_STATE_', '').toLowerCase();
  return accepted ? `${text}, accepted` : text;
}

function verdictText(verdict: quality.Verdict): string {
  return verdict.replace('VERDICT_', '').toLowerCase();
}

function minute(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}
