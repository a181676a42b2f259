export { connect, type GrpcClient } from './client.ts';
export type { CallSettings, ConnectOptions } from './client-options.ts';
export { messageBytesMax, serviceNameOf, withEncoder, type ServiceDefinition, type UnaryMethod } from './definition.ts';
export { implement, type CallContext, type Handlers, type Implementation } from './implement.ts';
export { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './server.ts';
export { errorOf, statusOf } from './status.ts';
