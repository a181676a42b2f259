import type { drift } from '@everloop/contracts';

/** Fields that are named in a reason. */
const namedMax = 3;

/** The worst fields first, with their numbers. */
export function describeFields(fields: readonly drift.FieldDrift[]): string {
  const worst = [...fields].sort((a, b) => b.psi - a.psi || (a.field < b.field ? -1 : 1));
  const named = worst.slice(0, namedMax).map(({ field, psi, ksStatistic }) => {
    const ks = ksStatistic === undefined ? '' : `, KS ${ksStatistic.toFixed(3)}`;
    return `${field} (PSI ${psi.toFixed(3)}${ks})`;
  });
  return named.join(', ') + (worst.length > namedMax ? ` and ${worst.length - namedMax} more` : '');
}
