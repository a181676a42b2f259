import { status, type handleUnaryCall, type Server, type UntypedServiceImplementation } from '@grpc/grpc-js';

/** Longest name whose health is looked up, characters: far longer than any service or model. */
const nameMax = 512;

/**
 * A server to add the health service to. That repeats an unknown name in its status text, and a client ends the connection, with all calls on it,
 * for a text that is too long for it: over-long names are answered here.
 */
export function withBoundedNames(server: Server): Server {
  const addService: Server['addService'] = (definition, implementation) => {
    server.addService(definition, { ...implementation, check: bounded(implementation) });
  };
  return Object.assign(Object.create(server) as Server, { addService });
}

function bounded(implementation: UntypedServiceImplementation): handleUnaryCall<{ readonly service: string }, unknown> {
  const check = implementation['check'] as handleUnaryCall<{ readonly service: string }, unknown>;
  return (call, callback) => {
    const { length } = call.request.service;
    if (length <= nameMax) {
      check(call, callback);
      return;
    }
    callback({ code: status.NOT_FOUND, details: `no name of ${length} characters has a health, at most ${nameMax}` });
  };
}
