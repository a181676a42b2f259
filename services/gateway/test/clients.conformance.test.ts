import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { goMissing, goProgram, pythonRequirements, pythonVenv } from '@everloop/testing';
import { fastify, type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addInferenceRoutes } from '../src/adapters/http-inference.ts';
import { serve } from './wire.ts';

const run = promisify(execFile);
const clients = join(import.meta.dirname, 'clients');

let wire: Awaited<ReturnType<typeof serve>>;
let app: FastifyInstance;
let http = '';
beforeAll(async () => {
  wire = await serve();
  app = fastify();
  addInferenceRoutes(app, wire.service, { bodyBytesMax: 1_000_000 });
  http = new URL(await app.listen({ host: '127.0.0.1', port: 0 })).host;
});
afterAll(async () => {
  await app.close();
  await wire.stop();
});

// Each in a process of its own: KServe's messages and tritonclient's cannot be loaded into one (kserve#3099).
describe('unmodified Python clients', () => {
  it.each([
    ['tritonclient', 'triton.py'],
    ['kserve', 'kserve_clients.py'],
    ['mlserver', 'mlserver_clients.py'],
  ] as const)('%s', async (name, script) => {
    const python = await pythonVenv(name, pythonRequirements(name));
    const { stdout } = await run(python, ['-W', 'ignore', join(clients, script), wire.address, http]);
    expect(stdout.trim().split('\n').at(-1)).toBe('ok');
  });
});

const missing = goMissing();
if (missing !== null) console.log(`SKIPPED grpcurl and grpc_health_probe: ${missing}.`);

describe.skipIf(missing !== null)('unmodified command-line clients', () => {
  let grpcurl = '';
  let probe = '';
  beforeAll(async () => {
    grpcurl = await goProgram('grpcurl', 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4');
    probe = await goProgram('grpc-health-probe', 'github.com/grpc-ecosystem/grpc-health-probe@v0.4.62');
  }, 1_800_000);

  const input = (name: string, datatype: string, contents: object) => ({ name, datatype, shape: [1], contents });

  it('grpcurl lists, describes and calls by reflection', async () => {
    const call = async (...args: string[]): Promise<string> => (await run(grpcurl, ['-plaintext', ...args])).stdout;
    expect(await call(wire.address, 'list')).toContain('inference.GRPCInferenceService');
    expect(await call(wire.address, 'describe', 'inference.ModelStatistics')).toContain('uint64 execution_count = 5;');
    const message = {
      ...{ model_name: 'delay', id: 'curl' },
      inputs: [
        input('trip', 'BYTES', { bytes_contents: ['VDE='] }),
        input('origin', 'BYTES', { bytes_contents: ['RVdS'] }),
        input('distance', 'FP64', { fp64_contents: [719] }),
      ],
    };
    const method = (name: string): string => `inference.GRPCInferenceService/${name}`;
    const answer = await call('-d', JSON.stringify(message), wire.address, method('ModelInfer'));
    expect(JSON.parse(answer)).toMatchObject({ id: 'curl', outputs: [{ contents: { fp32_contents: [0.1] } }] });
    const index = await call('-d', '{}', wire.address, method('RepositoryIndex'));
    expect(JSON.parse(index)).toEqual({ models: [{ name: 'delay', version: '1', state: 'READY' }] });
    const refused = call('-d', '{"model_name":"delay"}', wire.address, method('ModelInfer'));
    await expect(refused).rejects.toThrow(/InvalidArgument[\s\S]*the request has no inputs/);
  });

  it('grpc_health_probe asks for the server, the service and the model', async () => {
    const ask = (service: string) => run(probe, ['-addr', wire.address, '-service', service]);
    for (const service of ['', 'inference.GRPCInferenceService', 'delay'])
      expect((await ask(service)).stderr).toContain('status: SERVING');
    await expect(ask('nope')).rejects.toThrow(/NotFound/);
  });
});
