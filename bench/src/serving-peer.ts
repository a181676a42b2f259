/**
 * The servers that the gateway is measured beside, in a process of their own: `echo` answers fixed bytes without looking at the request, `bare` is
 * what one writes first: grpc-js, the message decoded, one run of onnxruntime-node for each request, the answer encoded.
 */
import { once } from 'node:events';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { inference } from '@everloop/contracts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { inputsOf, scoreAnswer, width } from './serving-message.ts';

/** What the process is told first. */
export interface PeerOrder {
  readonly kind: 'echo' | 'bare';
  /** Answer of the echo, base64. */
  readonly answer: string;
  /** Model file of the bare server. */
  readonly model: string;
}

/** A question to the running process: rows of one run of the model, and for how many runs, to measure the runtime alone. */
export interface RawOrder {
  readonly rows: number;
  readonly runs: number;
}

const { modelInfer } = inference.GRPCInferenceServiceService;
const identity = (bytes: Buffer): Buffer => bytes;
type Answer = (error: Error | null, answer?: Buffer) => void;
type Handle = (call: { readonly request: Buffer }, answer: Answer) => void;

async function listen(handle: Handle): Promise<number> {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const method = {
    ...{ path: modelInfer.path, requestStream: false, responseStream: false, originalName: 'modelInfer' },
    ...{ requestSerialize: identity, requestDeserialize: identity },
    ...{ responseSerialize: identity, responseDeserialize: identity },
  };
  server.addService({ modelInfer: method }, { modelInfer: handle });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

async function scoresOf(session: InferenceSession, numeric: Float32Array, rows: number): Promise<Float32Array> {
  const feeds = { numeric: new Tensor('float32', numeric, [rows, numeric.length / rows]) };
  const { score } = await session.run(feeds, ['score']);
  if (!(score?.data instanceof Float32Array)) throw new TypeError('the model gave no float32 score');
  return score.data;
}

function bare(session: InferenceSession): Handle {
  const answerTo = async (bytes: Buffer): Promise<Buffer> => {
    const request = inference.ModelInferRequest.decode(bytes);
    const numeric = inputsOf(request);
    const scores = await scoresOf(session, numeric, 1);
    return Buffer.from(inference.ModelInferResponse.encode(scoreAnswer(request, scores)).finish());
  };
  return ({ request }, answer) => {
    answerTo(request).then(
      (bytes) => answer(null, bytes),
      (error: unknown) => answer(error instanceof Error ? error : new Error(String(error))),
    );
  };
}

/** CPU seconds of `runs` runs one after the other, without a server. */
async function rawCpuSeconds(session: InferenceSession, { rows, runs }: RawOrder): Promise<number> {
  const numeric = Float32Array.from({ length: rows * width }, (_, at) => (at % 17) / 17);
  const from = process.cpuUsage();
  for (let run = 0; run < runs; run += 1) await scoresOf(session, numeric, rows);
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1e6;
}

async function serve(): Promise<void> {
  const [order] = (await once(process, 'message')) as [PeerOrder];
  if (order.kind === 'echo') {
    const bytes = Buffer.from(order.answer, 'base64');
    process.send?.({ port: await listen((_call, answer) => answer(null, bytes)) });
  } else {
    const session = await InferenceSession.create(order.model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
    process.on('message', (raw: RawOrder) => {
      void rawCpuSeconds(session, raw).then((cpuSeconds) => process.send?.({ cpuSeconds }));
    });
    process.send?.({ port: await listen(bare(session)) });
  }
  process.on('disconnect', () => process.exit(0));
}

await serve();
