/** Where a version's stage is recorded. */
export interface StageBook {
  /** Idempotent; retried while the registry is away. */
  setStage(change: {
    readonly model: string;
    readonly version: string;
    readonly stage: 'production' | 'archived';
    readonly reason: string;
    readonly eventTimeMs: number;
  }): Promise<void>;
}
