import { table } from '../table.ts';
import { visible } from './bytes.ts';
import { grouped } from './list.ts';
import type { Decision } from './replay-plan.ts';

const rulesMax = 1_000;
const rulesShown = 10;

/** Adds up what was decided. */
export class ReplayCounts {
  readonly #rules = new Map<string, number>();
  passing = 0;
  forced = 0;
  /** Sent by this run before it lost its connection and went on; whether they pass is not known any more. */
  sentHere = 0;
  heldBack = 0;
  sentBefore = 0;
  notSelected = 0;

  reset(): void {
    this.#rules.clear();
    this.passing = this.forced = this.sentHere = this.heldBack = this.sentBefore = this.notSelected = 0;
  }

  add(decision: Decision): void {
    switch (decision.kind) {
      case 'send':
        if (decision.passes) this.passing += 1;
        else this.forced += 1;
        this.#count(decision.rules);
        return;
      case 'hold-back':
        this.heldBack += 1;
        this.#count(decision.rules);
        return;
      case 'sent-before':
        this.sentBefore += 1;
        return;
      case 'not-selected':
        this.notSelected += 1;
    }
  }

  addSentHere(): void {
    this.sentHere += 1;
  }

  #count(rules: readonly string[]): void {
    for (const rule of rules) {
      if (this.#rules.has(rule) || this.#rules.size < rulesMax) this.#rules.set(rule, (this.#rules.get(rule) ?? 0) + 1);
    }
  }

  text(name: string, isDryRun: boolean): string {
    const sent = this.passing + this.forced + this.sentHere;
    const lines = [
      isDryRun
        ? `${grouped(sent)} records of ${name} would be sent back, ${grouped(this.passing)} of them pass the contract as it is applied now`
        : `${grouped(sent)} records of ${name} were sent back, ${grouped(this.passing)} of them pass the contract as it is applied now`,
    ];
    if (this.heldBack > 0)
      lines.push(
        `${grouped(this.heldBack)} would be quarantined again and stay; repair them (--patch, --from-file), change the contract, or say --force`,
      );
    if (this.sentBefore > 0) lines.push(`${grouped(this.sentBefore)} were sent back before and are left alone`);
    if (this.notSelected > 0) lines.push(`${grouped(this.notSelected)} are not selected`);
    const rules = [...this.#rules].sort(([, a], [, b]) => b - a).slice(0, rulesShown);
    const why = rules.map(([rule, count]) => [visible(rule), grouped(count)]);
    return why.length === 0 ? lines.join('\n') : `${lines.join('\n')}\n\n${table(['STILL WRONG', 'RECORDS'], why)}`;
  }
}
