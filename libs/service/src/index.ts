export { deferred, pause, retry, type Deferred, type RetryOptions } from './async.ts';
export {
  commonConfig,
  grpcConfig,
  loadConfig,
  parseDuration,
  type Config,
  type ConfigKey,
  type ConfigSchema,
  type ConfigTypes,
} from './config.ts';
export {
  classify,
  errorText,
  ServiceError,
  toServiceError,
  type ErrorKind,
  type ServiceErrorOptions,
} from './errors.ts';
export { createHttpPart } from './http.ts';
export type { FastifyInstance, FastifyReply, FastifyRequest } from './http.ts';
export type { Health, Part } from './lifecycle.ts';
export { createLogger, describeError, type Logger, type LoggerOptions, type LogMethod } from './logger.ts';
export {
  createMetrics,
  exportMetrics,
  mergeMetrics,
  renderMetrics,
  type RenderMetrics,
  type Counter,
  type Gauge,
  type Histogram,
  type Metrics,
} from './metrics.ts';
export { grpcPorts, httpPorts, type ServiceName } from './ports.ts';
export { exitCodes, runService, type ProcessHost, type ServiceOptions, type ServiceState } from './run-service.ts';
