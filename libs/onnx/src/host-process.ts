/**
 * The model host's child process: the only place where ONNX Runtime is loaded and the only one that touches a model's bytes.
 * It may be killed at any moment; everything it knows comes from its parent.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { checkModel, type ModelPort } from './check-model.ts';
import type { HostReply, HostRequest, LoadedModel, RunInput } from './host-protocol.ts';
import { encodeReply, FrameReader } from './host-wire.ts';
import { providerTrouble } from './providers.ts';

interface Session {
  readonly session: InferenceSession;
  readonly model: LoadedModel;
}

class HostFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const sessions = new Map<string, Session>();
const providers = (process.argv[2] ?? 'cpu').split(',');

async function load(path: string, digest: string): Promise<Session> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new HostFailure('EVL_ONNX_LOAD_FAILED', `cannot be read: ${text(error)}`);
  });
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== digest) throw new HostFailure('EVL_ONNX_LOAD_FAILED', `is corrupt: its digest is ${found}`);
  const checked = checkModel(bytes);
  if (!checked.ok) throw new HostFailure('EVL_ONNX_LOAD_FAILED', `is refused (${checked.code}): ${checked.message}`);
  const model = convention(checked.summary.inputs, checked.summary.outputs, checked.summary.ops);
  const session = await createSession(bytes).catch((error: unknown) => {
    throw new HostFailure('EVL_ONNX_LOAD_FAILED', `is refused by ONNX Runtime: ${text(error)}`);
  });
  // The first run is the slowest; what the model makes of missing values is nobody's.
  await session.run(feeds(model, emptyRow(model)), ['score']).catch(() => undefined);
  return { session, model };
}

function createSession(bytes: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(bytes, {
    executionProviders: providers,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // The arena keeps the largest batch's memory for ever; the batches here are small and seldom alike.
    enableCpuMemArena: false,
    logSeverityLevel: 3,
  });
}

function emptyRow({ nNumeric, nCategories }: LoadedModel): RunInput {
  const categories = new Array<string>(nCategories).fill('');
  return { rows: 1, numeric: new Float32Array(nNumeric).fill(NaN), categories };
}

function feeds({ nNumeric, nCategories }: LoadedModel, { rows, numeric, categories }: RunInput) {
  const tensors: Record<string, Tensor> = {};
  if (nNumeric > 0) tensors['numeric'] = new Tensor('float32', numeric, [rows, nNumeric]);
  if (nCategories > 0) tensors['category'] = new Tensor('string', categories, [rows, nCategories]);
  return tensors;
}

/** Checks the names, types and ranks that every Everloop model has. */
function convention(inputs: readonly ModelPort[], outputs: readonly ModelPort[], ops: readonly string[]): LoadedModel {
  const width = (name: string, datatype: string): number => {
    const input = inputs.find((each) => each.name === name);
    if (input === undefined) return 0;
    const columns = input.shape[1];
    if (input.datatype === datatype && input.shape.length === 2 && columns !== undefined && columns > 0) return columns;
    throw new HostFailure('EVL_ONNX_LOAD_FAILED', `has an input ${name} that is not ${datatype} [N, columns]`);
  };
  const other = inputs.find((each) => each.name !== 'numeric' && each.name !== 'category');
  if (other !== undefined || inputs.length === 0)
    throw new HostFailure(
      'EVL_ONNX_LOAD_FAILED',
      `has inputs other than numeric and category: ${other?.name ?? 'none'}`,
    );
  if (!outputs.some((each) => each.name === 'score' && each.datatype === 'float32'))
    throw new HostFailure('EVL_ONNX_LOAD_FAILED', 'has no output named score of type float32');
  return { nNumeric: width('numeric', 'float32'), nCategories: width('category', 'string'), ops };
}

async function run(key: string, input: RunInput): Promise<Float64Array> {
  const held = sessions.get(key);
  if (held === undefined) throw new HostFailure('EVL_ONNX_NOT_LOADED', `model ${key} is not loaded`);
  const outputs = await held.session.run(feeds(held.model, input), ['score']).catch((error: unknown) => {
    throw new HostFailure('EVL_ONNX_RUN_FAILED', `model ${key} failed on ${input.rows} rows: ${text(error)}`);
  });
  const data = outputs['score']?.data;
  if (!(data instanceof Float32Array) || data.length !== input.rows)
    throw new HostFailure('EVL_ONNX_RUN_FAILED', `model ${key} gave ${data?.length} scores for ${input.rows} rows`);
  return Float64Array.from(data);
}

const rssEveryMs = 50;
let rssBytes = 0;
let rssReadAtMs = -Infinity;

/** Resident memory, bytes; asking the system takes longer than a small run, so not each time. */
function recentRss(): number {
  const nowMs = performance.now();
  if (nowMs - rssReadAtMs < rssEveryMs) return rssBytes;
  rssReadAtMs = nowMs;
  rssBytes = process.memoryUsage.rss();
  return rssBytes;
}

async function unload(key: string): Promise<void> {
  const held = sessions.get(key);
  sessions.delete(key);
  await held?.session.release();
}

async function answer(request: HostRequest): Promise<HostReply> {
  const { id, key } = request;
  try {
    switch (request.kind) {
      case 'load': {
        const loaded = await load(request.path, request.digest);
        await unload(key);
        sessions.set(key, loaded);
        return { kind: 'loaded', id, model: loaded.model, rssBytes: process.memoryUsage.rss() };
      }
      case 'unload':
        await unload(key);
        return { kind: 'unloaded', id, rssBytes: process.memoryUsage.rss() };
      case 'run':
        return { kind: 'scored', id, scores: await run(key, request), rssBytes: recentRss() };
    }
  } catch (error) {
    const code = error instanceof HostFailure ? error.code : 'EVL_ONNX_RUN_FAILED';
    return { kind: 'failed', id, code, message: text(error), rssBytes: process.memoryUsage.rss() };
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const parent = new Socket({ fd: 3 });
const frames = new FrameReader<HostRequest>();

function send(reply: HostReply): void {
  parent.write(encodeReply(reply));
}

// One request at a time, in order: the parent takes the oldest unanswered one for the culprit when this process hangs or dies.
let queue = Promise.resolve();
parent.on('data', (chunk: Buffer) => {
  for (const request of frames.take(chunk)) queue = queue.then(async () => send(await answer(request)));
});
// A terminal's Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
parent.on('close', () => process.exit(0));
parent.on('error', () => process.exit(0));
const trouble = await providerTrouble(providers, createSession);
send({ kind: 'ready', runtimeVersion: env.versions.common, trouble });
