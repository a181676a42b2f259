import { stronger, type Verdict } from '../domain/gate.ts';
import { fallback, mayFallBack, type Choice } from '../domain/routing.ts';
import { gatewayError, RequestRefused } from '../errors.ts';
import type { OnGated, Prepared } from './prepare.ts';
import type { AppliedRoute } from './routes.ts';
import type { LoadedVersion } from './versions.ts';

export interface VersionGateEvents {
  readonly gated: OnGated;
  /** The champion is asked instead of a version that would refuse. */
  readonly failedOver: (model: string, choice: Choice, error: unknown) => void;
}

/** A request that a version lets through. */
export interface Admitted {
  readonly choice: Choice;
  readonly prepared: Prepared;
}

/**
 * What the version of a request says about its categories, by the Model's policy for unseen ones. No call is refused because of a challenger:
 * where that would refuse one, the champion is asked, as when a challenger fails; whom the champion refuses, or the version that a request pins,
 * is refused: EVL_GATEWAY_REQUEST_INVALID with all reasons. Shadows are not asked: they see what the answer was made of.
 */
export function admitByVersion(
  { versions, champion, policy }: Pick<AppliedRoute, 'versions' | 'champion' | 'policy'>,
  choice: Choice,
  prepared: Prepared,
  events: VersionGateEvents,
): Admitted {
  const { model, requestId, rows } = prepared;
  const checked = versions.get(choice.version)?.trained?.check(rows) ?? null;
  if (checked === null) return { choice, prepared };
  if (checked.ok) {
    const { verdict, findings } = checked;
    return { choice, prepared: { ...withFindings(prepared, verdict, findings), rows: checked.rows } };
  }
  if (mayFallBack(choice, champion.version)) {
    const instead = admitByVersion({ versions, champion, policy }, fallback(policy, choice), prepared, events);
    const message = `version ${choice.version} of ${model.name} would refuse what the champion lets through: ${checked.reasons.join('; ')}`;
    events.failedOver(model.name, choice, gatewayError('EVL_GATEWAY_CATEGORY_UNSEEN', message));
    return instead;
  }
  events.gated(model.name, 'reject', [...prepared.findings, ...checked.findings]);
  throw new RequestRefused(`request '${requestId}' to model ${model.name}`, checked.reasons);
}

/** A request that the champion answered since its version failed: what the champion does not know stays as it is, and is said. */
export function flaggedBy({ trained }: Pick<LoadedVersion, 'trained'>, prepared: Prepared): Prepared {
  const findings = trained?.flag(prepared.rows) ?? [];
  return findings.length === 0 ? prepared : withFindings(prepared, 'flag', findings);
}

function withFindings(prepared: Prepared, verdict: Verdict, findings: Prepared['findings']): Prepared {
  return {
    ...prepared,
    verdict: stronger(prepared.verdict, verdict),
    findings: [...prepared.findings, ...findings],
  };
}
