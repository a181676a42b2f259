import { eventId, quality, type WindowRule, type WindowSpec } from '@everloop/contracts';
import { KnownValues, reachOf, Series, type Point } from './baseline.ts';
import { nextHold, type HoldChange, type OpenHold } from './holds.ts';
import { judgeRule, seriesColumns } from './judge-rule.ts';
import { windowStartMs } from './plan.ts';
import { WindowSums } from './sums.ts';

/** Windows that wait for their end; a record farther ahead is left out. */
const openMax = 2_000;
/** Windows without any record that are judged in one go; of a longer gap the rest is passed over. */
const emptyMax = 500;
/** Held windows whose values can still be accepted. */
const heldMax = 2_000;

/** What a window that is held has, until it is known whether it counts. */
interface HeldValues {
  readonly startMs: number;
  readonly points: readonly { readonly key: string; readonly value: number }[];
  readonly known: readonly { readonly column: string; readonly hashes: readonly number[] }[];
}

/** A closed window. */
export interface ClosedWindow {
  readonly report: quality.WindowReport;
  readonly change: HoldChange;
}

/** Judges the windows of one definition of one Source, in the order of their time. All state comes from what was given to it. */
export class WindowJudge {
  readonly #source: string;
  readonly #sinceRevision: number;
  #spec: WindowSpec;
  readonly #open = new Map<number, WindowSums>();
  readonly #series = new Map<string, Series>();
  readonly #known = new Map<string, KnownValues>();
  #held: HeldValues[] = [];
  #hold: OpenHold | null = null;
  #nextMs: number | null = null;
  #firstMs: number | null = null;
  #newestMs: number | null = null;
  #lateRows = 0;

  /** `sinceRevision` is that which has brought windows of this width; panes of earlier ones may be of another. */
  constructor(source: string, spec: WindowSpec, sinceRevision: number) {
    this.#source = source;
    this.#sinceRevision = sinceRevision;
    this.#spec = spec;
  }

  get spec(): WindowSpec {
    return this.#spec;
  }

  get hold(): OpenHold | null {
    return this.#hold;
  }

  /** End of the last judged window; null before the first. */
  get judgedMs(): number | null {
    return this.#nextMs;
  }

  /** Takes changed rules from the next window on. Windows of another width are another definition: its judge begins anew. */
  change(spec: WindowSpec): void {
    this.#spec = spec;
  }

  /** Adds a pane. Returns its rows when they came too late, or lie too far ahead, to be judged; else 0. */
  take(pane: quality.Pane): number {
    const sums = pane.revision < this.#sinceRevision ? null : this.#sumsAt(pane.startMs);
    if (sums !== null) {
      sums.merge(pane);
      return 0;
    }
    this.#lateRows += pane.rows;
    return pane.rows;
  }

  /** Adds quarantined records without an event time to the window of `timeMs`. */
  takeUnplaced(timeMs: number, rows: number): void {
    const sums = this.#sumsAt(windowStartMs(this.#spec.everyMs, timeMs));
    if (sums === null) this.#lateRows += rows;
    else sums.unplaced += rows;
  }

  /** Closes every window that ends at or before `watermarkMs`, empty ones too, once there was a record. */
  close(watermarkMs: number, revision: number): readonly ClosedWindow[] {
    const { everyMs } = this.#spec;
    if (this.#nextMs === null) {
      if (this.#open.size === 0) return [];
      const first = Math.min(...this.#open.keys());
      if (first + everyMs > watermarkMs) return [];
      this.#nextMs = first;
      this.#firstMs = first;
    }
    const closed: ClosedWindow[] = [];
    for (let empty = 0; this.#nextMs + everyMs <= watermarkMs; this.#nextMs += everyMs) {
      const sums = this.#open.get(this.#nextMs);
      this.#open.delete(this.#nextMs);
      if (sums === undefined && (empty += 1) > emptyMax) {
        const wanted = Math.min(windowStartMs(everyMs, watermarkMs), ...this.#open.keys());
        this.#nextMs = Math.max(this.#nextMs, wanted - everyMs);
        empty = 0;
        continue;
      }
      if (sums !== undefined) empty = 0;
      closed.push(this.#judge(this.#nextMs, sums ?? new WindowSums(), revision));
    }
    return closed;
  }

  /** Ends the hold as a person wants it; with `accept` its values count as good ones from now on. */
  release(accept: boolean): { readonly hold: OpenHold; readonly untilMs: number } | null {
    const hold = this.#hold;
    if (hold === null) return null;
    this.#hold = null;
    if (accept) this.#held.forEach((values) => this.#remember(values));
    this.#held = [];
    return { hold, untilMs: Math.max(hold.openedAtMs, this.#nextMs ?? 0) };
  }

  #sumsAt(startMs: number): WindowSums | null {
    const known = this.#open.get(startMs);
    if (known !== undefined) return known;
    if ((this.#nextMs !== null && startMs < this.#nextMs) || this.#open.size >= openMax) return null;
    const sums = new WindowSums();
    this.#open.set(startMs, sums);
    return sums;
  }

  #judge(startMs: number, sums: WindowSums, revision: number): ClosedWindow {
    const { name, everyMs, rules, closeAfter } = this.#spec;
    const endMs = startMs + everyMs;
    if (sums.newestMs !== null) this.#newestMs = Math.max(this.#newestMs ?? sums.newestMs, sums.newestMs);
    const judged = rules.flatMap((rule) => this.#judgeRule(rule, sums, startMs));
    const results = judged.map(({ result }) => result);
    const reportId = eventId('window-report', this.#source, name, String(startMs));
    const window = { source: this.#source, window: name, startMs, endMs, reportId, results };
    const change = nextHold(this.#hold, window, closeAfter);
    this.#keep(change, {
      startMs,
      points: judged.flatMap(({ key, result, counts }) =>
        counts && result.value !== undefined ? [{ key, value: result.value }] : [],
      ),
      known: countedColumns(rules).map((column) => ({ column, hashes: hashesOf(sums, column) })),
    });
    const hold = change.kind === 'none' ? null : change.hold;
    this.#hold = change.kind === 'closed' ? null : hold;
    const report: quality.WindowReport = {
      ...{ id: reportId, source: this.#source, window: name, startMs, endMs, revision },
      ...{ rows: sums.rows + sums.unplaced, quarantined: sums.quarantined + sums.unplaced, lateRows: this.#lateRows },
      ...{ results, verdict: overall(results), holdId: hold?.id ?? '', unexpected: sums.unexpected.toWire() },
    };
    this.#lateRows = 0;
    return { report, change };
  }

  #judgeRule(rule: WindowRule, sums: WindowSums, startMs: number) {
    const { everyMs } = this.#spec;
    return seriesColumns(rule).map((column) => ({
      key: seriesKey(rule.name, column),
      ...judgeRule(rule, column, {
        ...{ sums, startMs, endMs: startMs + everyMs, everyMs, newestMs: this.#newestMs, window: this.#spec },
        known: this.#known.get(column),
        series: (each) => this.#series.get(seriesKey(rule.name, each)),
        isFirst: startMs === this.#firstMs,
      }),
    }));
  }

  /** Puts the values of a judged window where they belong: aside while its data is held, else among those to look back on. */
  #keep(change: HoldChange, values: HeldValues): void {
    if (change.kind === 'none') {
      this.#remember(values);
      return;
    }
    this.#held = [...this.#held, values].slice(-heldMax);
    if (change.kind !== 'closed') return;
    for (const each of this.#held) if (each.startMs >= change.untilMs) this.#remember(each);
    this.#held = [];
  }

  #remember({ startMs, points, known }: HeldValues): void {
    for (const { key, value } of points) {
      const series = this.#series.get(key) ?? new Series();
      this.#series.set(key, series);
      const point: Point = { startMs, value };
      series.add(point, reachOf(this.#spec));
    }
    for (const { column, hashes } of known) {
      if (hashes.length === 0) continue;
      const values = this.#known.get(column) ?? new KnownValues();
      this.#known.set(column, values);
      values.add(startMs, hashes, this.#spec.baseline.windows);
    }
  }
}

function seriesKey(rule: string, column: string): string {
  return `${rule}/${column}`;
}

function countedColumns(rules: readonly WindowRule[]): readonly string[] {
  return [...new Set(rules.filter(({ check }) => check === 'unseen').flatMap(({ columns }) => columns))];
}

function hashesOf(sums: WindowSums, column: string): readonly number[] {
  return (
    sums.columns
      .get(column)
      ?.values.state()
      .values.map(({ hash }) => hash) ?? []
  );
}

function overall(results: readonly quality.RuleResult[]): quality.Verdict {
  if (results.some(({ verdict }) => verdict === quality.Verdict.FAIL)) return quality.Verdict.FAIL;
  return results.some(({ verdict }) => verdict === quality.Verdict.PASS)
    ? quality.Verdict.PASS
    : quality.Verdict.INSUFFICIENT;
}
