import type { inference } from '@everloop/contracts';
import { statusOf } from '@everloop/grpc';
import { booleanParameter } from '../domain/parameters.ts';

type Request = inference.ModelInferRequest;
type Response = inference.ModelStreamInferResponse;

interface Answered {
  readonly answer: Response;
}
interface ReadNext {
  readonly read: IteratorResult<Request, unknown>;
}

/** What `ModelStreamInfer` answers when asked so, on the only answer to each request: clients end their wait by it. */
const finalAsked = 'triton_enable_empty_final_response';
const finalSaid = 'triton_final_response';

/**
 * One answer for each request of a stream, in their order; a request that fails has its text as `error_message` and ends nothing. At most `inFlightMax`
 * are under way or answered and not taken; no more are read until the caller has taken one.
 */
export async function* streamInfer(
  requests: AsyncIterable<Request>,
  infer: (request: Request) => Promise<inference.ModelInferResponse>,
  inFlightMax: number,
): AsyncGenerator<Response, void> {
  const source = requests[Symbol.asyncIterator]();
  const window: Promise<Answered>[] = [];
  let next: Promise<ReadNext> | null = null;
  let isEnded = false;
  for (;;) {
    if (next === null && !isEnded && window.length < inFlightMax) next = source.next().then((read) => ({ read }));
    const [head] = window;
    const candidates = [head, next].filter((each) => each !== null && each !== undefined);
    if (candidates.length === 0) return;
    const first = await Promise.race(candidates);
    if ('answer' in first) {
      void window.shift();
      yield first.answer;
      continue;
    }
    next = null;
    if (first.read.done === true) isEnded = true;
    else window.push(answerOne(first.read.value, infer));
  }
}

async function answerOne(
  request: Request,
  infer: (request: Request) => Promise<inference.ModelInferResponse>,
): Promise<Answered> {
  const choice = request.parameters[finalAsked]?.parameterChoice;
  const parameters = choice?.$case === 'boolParam' && choice.value ? { [finalSaid]: booleanParameter(true) } : {};
  try {
    const response = await infer(request);
    const inferResponse = { ...response, parameters: { ...response.parameters, ...parameters } };
    return { answer: { errorMessage: '', inferResponse } };
  } catch (error) {
    const { modelName, modelVersion, id } = request;
    const nothing = { modelName, modelVersion, id, parameters, outputs: [], rawOutputContents: [] };
    return { answer: { errorMessage: statusOf(error).details, inferResponse: nothing } };
  }
}
