/** What `everloop up` was asked for. */
export interface UpOptions {
  /** Folder of the example: its `resources/` are applied and its `src/main.ts replay` is run; default examples/flights. */
  readonly example?: string;
  /** Last event day of the replay, `YYYY-MM-DD`; default all of it. */
  readonly until?: string;
  /** End after the report instead of serving until Ctrl-C. */
  readonly exit: boolean;
  /** Where to write the report as JSON. */
  readonly report?: string;
  /** Event time runs this many times as fast as the wall clock; default as fast as the loop keeps up. */
  readonly speed?: number;
  /** Event time of one replay step, hours. */
  readonly stepHours?: number;
  /** First of the port numbers that are then taken one after another; 0 takes any free ones. */
  readonly portsFrom?: number;
  /** Folder of everything that this run writes; default a new one in the cache, deleted at the end. */
  readonly dataDir?: string;
  /** Keep a default data folder. */
  readonly keepData?: boolean;
  /** Arguments passed on to the replay as they are. */
  readonly replayArgs?: readonly string[];
}
