import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServiceDefinition as GrpcServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { toServiceError, type Health, type Logger, type Part } from '@everloop/service';
import { safeDecoder, unaryHandler } from './call.ts';
import { releaseEndedStreams } from './ended-streams.ts';
import { isStreamed, messageBytesMax, serviceNameOf } from './definition.ts';
import { streamHandler } from './stream.ts';
import type { Implementation } from './implement.ts';
import { withBoundedNames } from './health.ts';
import { reflectedPackages } from './reflection.ts';

export interface GrpcServerOptions {
  readonly name: string;
  readonly host: string;
  /** 0 takes a free one; the server's `port` says which. */
  readonly port: number;
  readonly services: readonly Implementation[];
  readonly logger: Logger;
  /** Longest time any call may take, milliseconds; default 60,000. */
  readonly deadlineMaxMs?: number;
  /** Longest time of a streamed call, milliseconds; default 3,600,000. */
  readonly streamMaxMs?: number;
  /** Longest wait for running calls at stop, milliseconds; default 5,000. What still runs then is aborted. */
  readonly drainMs?: number;
  /** Largest request and largest response, bytes; default 16 MiB. */
  readonly messageBytesMax?: number;
}

export interface GrpcServer extends Part {
  /** The port that is listened on; 0 before `start`. */
  readonly port: number;
  /**
   * Gives a name of the caller's own (not a service) its health, for Check and Watch of grpc.health.v1; unknown names are NOT_FOUND. Allowed before
   * `start`; from `stop` on every name is NOT_SERVING.
   */
  setServing(name: string, isServing: boolean): void;
}

// grpc-js writes what it also returns as an error to standard error, as text; this lib logs each error once, as JSON.
if (process.env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE);

/**
 * A gRPC server with the standard health (grpc.health.v1) and reflection (v1 and v1alpha) services. Health
 * is SERVING for the server (empty name) and each service from start to the first moment of stop.
 */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new RunningServer(options);
}

class RunningServer implements GrpcServer {
  readonly name: string;
  port = 0;
  readonly #options: GrpcServerOptions;
  readonly #health = new HealthImplementation();
  readonly #named = new Set<string>();
  #server: Server | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: GrpcServerOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { host, port, logger, name } = this.#options;
    const server = this.#build();
    this.#server = server;
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    }).catch((error: unknown) => {
      throw toServiceError(error, {
        code: 'EVL_GRPC_LISTEN',
        kind: 'terminal',
        message: `${name} cannot listen on ${host}:${port}; free the port or choose another by EVL_GRPC_PORT`,
      });
    });
    this.#setServing('SERVING');
    logger.info({ host, port: this.port }, 'gRPC listens');
  }

  setServing(name: string, isServing: boolean): void {
    this.#named.add(name);
    this.#health.setStatus(name, isServing && this.#stopping === null ? 'SERVING' : 'NOT_SERVING');
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#drain();
    return this.#stopping;
  }

  health(): Health {
    const serves = this.port !== 0 && this.#stopping === null;
    return serves ? { ok: true } : { ok: false, reason: this.#stopping === null ? 'not listening yet' : 'stopping' };
  }

  #build(): Server {
    const bytesMax = this.#options.messageBytesMax ?? messageBytesMax;
    releaseEndedStreams();
    const server = new Server({
      'grpc.max_receive_message_length': bytesMax,
      'grpc.max_send_message_length': bytesMax,
      // Nothing reads it, and it is kept up with every call.
      'grpc.enable_channelz': 0,
    });
    const { services, logger, deadlineMaxMs = 60_000, streamMaxMs = 3_600_000 } = this.#options;
    for (const { methods } of services) {
      const definition: Record<string, unknown> = {};
      const handlers: UntypedServiceImplementation = {};
      for (const { name, method, handler } of methods) {
        definition[name] = { ...method, originalName: name, requestDeserialize: safeDecoder(method) };
        handlers[name] = isStreamed(method)
          ? streamHandler({ method, handler, deadlineMaxMs: streamMaxMs, logger })
          : unaryHandler({ method, handler, deadlineMaxMs, logger });
      }
      server.addService(definition as GrpcServiceDefinition, handlers);
    }
    this.#health.addToServer(withBoundedNames(server));
    const names = this.#serviceNames();
    new ReflectionService(reflectedPackages(names), { services: [...names, 'grpc.health.v1.Health'] }).addToServer(
      server,
    );
    return server;
  }

  async #drain(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#setServing('NOT_SERVING');
    for (const name of this.#named) this.#health.setStatus(name, 'NOT_SERVING');
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        server.forceShutdown();
        resolve();
      }, this.#options.drainMs ?? 5_000);
      server.tryShutdown(() => resolve());
    });
    clearTimeout(timer);
  }

  #setServing(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const name of ['', ...this.#serviceNames()]) this.#health.setStatus(name, status);
  }

  #serviceNames(): readonly string[] {
    return this.#options.services.map(({ definition }) => serviceNameOf(definition));
  }
}
