import type { LedgerCheck, LedgerReport, SourceBalance } from './types.ts';
import { isSourceBalanced } from './source-ledger.ts';
import type { ReplayCounts } from './replay-counts.ts';

function sourceCheck(balance: SourceBalance): LedgerCheck {
  const { topic, records, valid, quarantined, missing, duplicated, inBoth, unknown } = balance;
  const wrong = `${String(missing)} missing, ${String(duplicated)} twice, ${String(inBoth)} in both, ${String(unknown)} from nowhere`;
  return {
    name: `${topic}: every record is valid or quarantined, once`,
    ok: isSourceBalanced(balance),
    detail: `${String(records)} = ${String(valid)} valid + ${String(quarantined)} quarantined; ${wrong}`,
  };
}

function producedChecks(counts: ReplayCounts, sources: readonly SourceBalance[]): readonly LedgerCheck[] {
  return Object.entries(counts.produced).map(([topic, { records, broken }]) => {
    const { records: stored = 0, replayed = 0 } = sources.find((source) => source.topic === topic) ?? {};
    const again = replayed === 0 ? '' : ` + ${String(replayed)} sent back from the quarantine`;
    return {
      name: `${topic}: every produced record is stored`,
      ok: stored === records + replayed,
      detail: `${String(records)} produced (${String(broken)} broken on purpose)${again} = ${String(stored)} stored`,
    };
  });
}

function askedCheck({ predictions }: ReplayCounts): LedgerCheck {
  const { wanted, answered, unanswered, failed } = predictions;
  return {
    name: 'every question was answered, or there was no model yet',
    ok: failed === 0 && wanted === answered + unanswered,
    detail: `${String(wanted)} wanted = ${String(answered)} answered + ${String(unanswered)} before the first model + ${String(failed)} failed`,
  };
}

/** Puts all rules together; it balances when every one holds. `others` come from the decisions and the control events. */
export function ledgerReport(
  counts: ReplayCounts | null,
  sources: readonly SourceBalance[],
  others: readonly LedgerCheck[],
): LedgerReport {
  const checks = [
    ...(counts === null ? [] : producedChecks(counts, sources)),
    ...sources.map(sourceCheck),
    ...(counts === null ? [] : [askedCheck(counts)]),
    ...others,
  ];
  const problems = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  return { balanced: problems.length === 0, checks, problems, sources };
}
