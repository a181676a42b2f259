export interface ConnectOptions {
  /** Who calls; sent as user agent and named in errors. */
  readonly name: string;
  /** Longest time of a call unless the call says otherwise, milliseconds. */
  readonly deadlineMs: number;
}

export interface CallSettings {
  /** Longest time of this call, milliseconds. */
  readonly deadlineMs?: number;
  /** Text metadata, keys in lower case. */
  readonly metadata?: ReadonlyMap<string, string>;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}
