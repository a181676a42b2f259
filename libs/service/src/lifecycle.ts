export type Health = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Something that is started and stopped: a server, a consumer, a whole service. */
export interface Part {
  readonly name: string;
  start(): Promise<void>;
  /** Idempotent; legal before `start`. */
  stop(): Promise<void>;
  /** Whether the part can do its work now; a part without it is taken as healthy once started. */
  health?(): Health;
  /** Resolves with the error when the part has failed for good while it ran; the service then stops. */
  readonly failed?: Promise<unknown>;
}
