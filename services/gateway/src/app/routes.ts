import { challengerWeight, rollout } from '@everloop/contracts';
import { errorText, pause, type Logger } from '@everloop/service';
import { compilePolicy, servable, versionsOf, type RoutingPolicy } from '../domain/routing.ts';
import { compileTarget, type TargetTest } from '../domain/targets.ts';
import type { ReportProgress } from '../ports.ts';
import type { ModelCatalog, ServedModel } from './catalog.ts';
import type { LoadedVersion, VersionPool } from './versions.ts';

/** A route in force, with its loaded versions. */
export interface AppliedRoute {
  readonly route: rollout.Route;
  readonly policy: RoutingPolicy;
  readonly champion: LoadedVersion;
  /** Every loaded version of the route by name. */
  readonly versions: ReadonlyMap<string, LoadedVersion>;
}

export interface RouteTableOptions {
  readonly catalog: ModelCatalog;
  readonly pool: VersionPool;
  readonly report: ReportProgress;
  readonly logger: Logger;
  /** A route came into force. */
  readonly onApplied: (route: rollout.Route) => void;
  /** First and longest pause between tries to load a version, milliseconds. */
  readonly retryMs: { readonly first: number; readonly max: number };
}

interface Entry {
  desired: rollout.Route;
  applied: AppliedRoute | null;
  /** The desired route is in force with every version that it names. */
  isComplete: boolean;
  wake: AbortController;
  /** Ends when the entry is complete. */
  work: Promise<void> | null;
  /** Requests that use a route, by route; a replaced route keeps its versions until the last has ended. */
  readonly leases: Map<AppliedRoute, number>;
  /** Resolved when the first try to apply a route has ended. */
  tried: PromiseWithResolvers<void>;
}

/**
 * What serves each model: follows the wanted routes, loads what they name and puts them in force as far as they can be served. Loading
 * is tried again until it succeeds or another route is wanted; until then the watermark of the routes is not passed on.
 */
export class RouteTable {
  readonly #options: RouteTableOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #stopped = new AbortController();
  #markerMs = -Infinity;
  #reportedMs = -Infinity;

  constructor(options: RouteTableOptions) {
    this.#options = options;
  }

  /** The route in force for a model. */
  get(model: string): AppliedRoute | undefined {
    return this.#entries.get(model)?.applied ?? undefined;
  }

  /** Keeps the versions of a route loaded until the returned function is called. */
  lease(applied: AppliedRoute): () => void {
    const leases = this.#entries.get(applied.route.model)?.leases;
    if (leases === undefined) return () => undefined;
    leases.set(applied, (leases.get(applied) ?? 0) + 1);
    return () => {
      const left = (leases.get(applied) ?? 1) - 1;
      leases.set(applied, left);
      if (left === 0 && this.get(applied.route.model) !== applied) this.#retire(leases, applied);
    };
  }

  /** Takes one record of the route topic. */
  onRecord(value: Buffer | null): void {
    if (value === null) return;
    let route: rollout.Route;
    try {
      route = rollout.Route.fromJSON(JSON.parse(value.toString('utf8')));
    } catch (error) {
      this.#options.logger.error({ error: errorText(error) }, 'a route record is not JSON and was left out');
      return;
    }
    this.#want(route);
  }

  /** A watermark of the route topic: reported once every route read so far is in force. */
  onMarker(watermarkMs: number): void {
    this.#markerMs = Math.max(this.#markerMs, watermarkMs);
    this.#reportIfComplete();
  }

  /** A model became known: its route may have waited for it. */
  onModel(model: ServedModel): void {
    this.#entries.get(model.name)?.wake.abort();
  }

  /** The route that is wanted for a model, in force or not. */
  wanted(model: string): rollout.Route | undefined {
    return this.#entries.get(model)?.desired;
  }

  /** Tries at once to put the wanted route of a model in force; true if all of it is. */
  async tryNow(model: string): Promise<boolean> {
    const entry = this.#entries.get(model);
    if (entry === undefined) return false;
    if (!entry.isComplete) {
      entry.tried = Promise.withResolvers();
      const { promise } = entry.tried;
      entry.wake.abort();
      await promise;
    }
    return entry.isComplete;
  }

  /** The runner lost a version: loads it again. */
  reload(lost: LoadedVersion): void {
    const entry = this.#entries.get(lost.model);
    if (entry?.applied?.versions.get(lost.version) !== lost) return;
    this.#options.pool.discard(lost);
    entry.isComplete = false;
    this.#work(entry);
  }

  /** Resolves when every route wanted now was tried once, successful or not. */
  async firstTry(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => entry.tried.promise));
  }

  stop(): void {
    this.#stopped.abort();
    for (const entry of this.#entries.values()) entry.wake.abort();
  }

  /** Models whose wanted route is not fully in force. */
  get incomplete(): readonly string[] {
    return [...this.#entries].filter(([, entry]) => !entry.isComplete).map(([model]) => model);
  }

  #want(route: rollout.Route): void {
    let entry = this.#entries.get(route.model);
    if (entry === undefined) {
      entry = {
        desired: route,
        applied: null,
        isComplete: false,
        wake: new AbortController(),
        work: null,
        leases: new Map(),
        tried: Promise.withResolvers(),
      };
      this.#entries.set(route.model, entry);
    }
    entry.desired = route;
    entry.isComplete = false;
    entry.wake.abort();
    this.#work(entry);
  }

  #work(entry: Entry): void {
    entry.work ??= this.#converge(entry).finally(() => {
      entry.work = null;
      // A route that came in the last moment must not wait for the next one.
      if (!entry.isComplete && !this.#stopped.signal.aborted) this.#work(entry);
    });
  }

  async #converge(entry: Entry): Promise<void> {
    for (let tries = 0; !this.#stopped.signal.aborted; tries += 1) {
      const wanted = entry.desired;
      entry.wake = new AbortController();
      const isWhole = await this.#apply(entry, wanted);
      entry.tried.resolve();
      if (entry.desired !== wanted) {
        tries = -1;
        continue;
      }
      if (isWhole) {
        entry.isComplete = true;
        this.#reportIfComplete();
        return;
      }
      const { first, max } = this.#options.retryMs;
      await pause(Math.min(max, first * 2 ** Math.min(tries, 16)), entry.wake.signal).catch(() => undefined);
    }
  }

  /** Puts what can be served of a route in force; true when that is all of it. */
  async #apply(entry: Entry, wanted: rollout.Route): Promise<boolean> {
    const { catalog, pool, logger } = this.#options;
    const model = catalog.get(wanted.model);
    if (model === undefined) {
      logger.warn({ model: wanted.model }, 'a route waits for its Model resource: apply it with `everloop apply`');
      return false;
    }
    const versions = new Map<string, LoadedVersion>();
    for (const version of versionsOf(wanted)) {
      try {
        versions.set(version, await pool.acquire(model, version));
      } catch (error) {
        logger.error(
          { err: error, model: wanted.model, version, revision: wanted.revision },
          'a version of the route is not usable',
        );
      }
    }
    const part = servable(wanted, new Set(versions.keys()));
    // A newer route is tried first: what was loaded for this one may not be wanted any more.
    if (part === null || entry.desired !== wanted) {
      for (const loaded of versions.values()) pool.release(loaded);
      return false;
    }
    this.#swap(entry, part.route, versions);
    return part.missing.length === 0;
  }

  #swap(entry: Entry, route: rollout.Route, versions: ReadonlyMap<string, LoadedVersion>): void {
    const champion = versions.get(route.championVersion);
    if (champion === undefined) return;
    const before = entry.applied;
    entry.applied = { route, policy: compilePolicy(route, (cel) => this.#testOf(route, cel)), champion, versions };
    this.#options.onApplied(route);
    if (before !== null && (entry.leases.get(before) ?? 0) === 0) this.#retire(entry.leases, before);
    this.#options.logger.info(
      {
        model: route.model,
        revision: route.revision,
        champion: route.championVersion,
        challengers: route.challengers.map((one) => `${one.version}: ${challengerWeight(one)}`),
        targets: route.targets.map(({ name, version }) => `${name}: ${version}`),
        shadows: route.shadows.map(({ version, share }) => `${version}: ${share}`),
        standby: route.standbyVersions,
      },
      'route in force',
    );
  }

  #testOf({ model, revision }: rollout.Route, cel: string): TargetTest | null {
    const test = compileTarget(cel);
    if (test === null)
      this.#options.logger.error({ model, revision, cel }, 'a target is no CEL expression and was left out');
    return test;
  }

  #retire(leases: Map<AppliedRoute, number>, applied: AppliedRoute): void {
    leases.delete(applied);
    for (const loaded of applied.versions.values()) this.#options.pool.release(loaded);
  }

  #reportIfComplete(): void {
    if (this.#markerMs <= this.#reportedMs || this.incomplete.length > 0) return;
    this.#reportedMs = this.#markerMs;
    const watermarkMs = this.#markerMs;
    this.#options.report('routes', watermarkMs).catch((error: unknown) => {
      this.#options.logger.error({ err: error, watermarkMs }, 'progress of the routes could not be reported');
    });
  }
}
