/** Default HTTP port of each service: health, readiness, metrics, and the console's page and the gateway's REST. */
export const httpPorts = {
  console: 8080,
  gateway: 8101,
  'feature-store': 8102,
  registry: 8103,
  trainer: 8104,
  rollout: 8105,
  validator: 8106,
  outcomes: 8107,
  'drift-detector': 8108,
  ingest: 8109,
} as const;

/** Default gRPC port of each service that has one. */
export const grpcPorts = {
  gateway: 8001,
  'feature-store': 8002,
  registry: 8003,
  trainer: 8004,
  rollout: 8005,
} as const;

export type ServiceName = keyof typeof httpPorts;
