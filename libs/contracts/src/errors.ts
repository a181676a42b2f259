/**
 * A contract was broken by what came from outside. Carries `code` (EVL_<DOMAIN>_<REASON>) and `kind`, so that the classifier of
 * @everloop/service takes it as terminal: repeating the same input cannot help.
 */
export class ContractError extends Error {
  readonly code: string;
  readonly kind = 'terminal';

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ContractError';
    this.code = code;
  }
}

/** One thing that is wrong with a resource. */
export interface Finding {
  /** Where in the document, for example `['spec', 'label', 'field']`. */
  readonly path: readonly (string | number)[];
  /** Whether the key or the value at `path` is wrong. */
  readonly at: 'key' | 'value';
  /** What is wrong, without the path. */
  readonly message: string;
  readonly didYouMean?: string;
  readonly allowed?: string;
}

/** Where a finding was made in a file; lines and columns count from 1. */
export interface ResourceProblem extends Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `spec.label.field: what is wrong; did you mean "x"?; allowed: …`. */
export function describeFinding(finding: Finding): string {
  const path = finding.path.length === 0 ? 'document' : formatPath(finding.path);
  const hint = finding.didYouMean === undefined ? '' : `; did you mean "${finding.didYouMean}"?`;
  const allowed = finding.allowed === undefined ? '' : `; allowed: ${finding.allowed}`;
  return `${path}: ${finding.message}${hint}${allowed}`;
}

function formatPath(path: readonly (string | number)[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}

/** All that is wrong in a folder of resources, code EVL_RESOURCE_INVALID; the message has one line for each problem. */
export class ResourceErrors extends ContractError {
  readonly problems: readonly ResourceProblem[];

  constructor(problems: readonly ResourceProblem[]) {
    const lines = problems.map((p) => `${p.file}:${p.line}:${p.column}: ${describeFinding(p)}`);
    super('EVL_RESOURCE_INVALID', lines.join('\n'));
    this.name = 'ResourceErrors';
    this.problems = problems;
  }
}
