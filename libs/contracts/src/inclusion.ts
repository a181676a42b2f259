/** Share of the predictions of a model that are logged; without a share all. */
export interface LogSpec {
  /** (0, 1] */
  readonly share: number;
  /** Share of the champion's predictions that are logged with what each input contributed, at most `share`; absent: none. */
  readonly attributions?: number;
}

/**
 * Whether the prediction of a decision is in the log, with the given share: the same ones in every replay, retry and replica. Decision ids are hashes in
 * hex; their digits 9 to 16 say it, the first eight choose which records parity looks at, so that the two are independent.
 *
 * @example isLogged('ffffffff40000000', 0.5) === true
 */
export function isLogged(decisionId: string, share: number): boolean {
  return share >= 1 || Number.parseInt(decisionId.slice(8, 16), 16) < share * 2 ** 32;
}

/**
 * How many predictions a record of the log stands for: 1 / its inclusion probability (Horvitz and Thompson 1952, doi:10.1080/01621459.1952.10483446). A
 * record without one is older than the field, or of a model that logs all: 1.
 *
 * @example inclusionWeight({ inclusionProbability: 0.1 }) === 10
 */
export function inclusionWeight({ inclusionProbability }: { readonly inclusionProbability: number }): number {
  return inclusionProbability > 0 ? 1 / inclusionProbability : 1;
}
