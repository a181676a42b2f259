import { inference } from '@everloop/contracts';
import { ServiceError } from '@everloop/service';
import { describe, expect, it } from 'vitest';
import { booleanParameter } from '../domain/parameters.ts';
import { streamInfer } from './grpc-stream.ts';

const request = (id: string, fields: Parameters<typeof inference.ModelInferRequest.fromPartial>[0] = {}) =>
  inference.ModelInferRequest.fromPartial({ modelName: 'm', id, ...fields });

async function* requestsOf(ids: readonly string[], onRead: () => void = () => undefined) {
  for (const id of ids) {
    onRead();
    yield await Promise.resolve(request(id));
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const answer = (id: string): inference.ModelInferResponse => inference.ModelInferResponse.fromPartial({ id });
const ids = Array.from({ length: 40 }, (_, n) => `r${n}`);

describe('streamInfer', () => {
  it('answers in the order of the requests, whichever is done first', async () => {
    const waiting: (() => void)[] = [];
    const answers = streamInfer(
      requestsOf(['a', 'b', 'c']),
      ({ id }) =>
        new Promise((resolve) => {
          waiting.push(() => resolve(answer(id)));
          if (waiting.length === 3) for (const go of waiting.reverse()) go();
        }),
      8,
    );
    expect((await all(answers)).map(({ inferResponse }) => inferResponse?.id)).toEqual(['a', 'b', 'c']);
  });

  it('reads no further than the window while nothing is taken', async () => {
    let read = 0;
    let running = 0;
    let most = 0;
    const answers = streamInfer(
      requestsOf(ids, () => (read += 1)),
      async ({ id }) => {
        most = Math.max(most, (running += 1));
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return answer(id);
      },
      4,
    );
    await answers.next();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(read).toBeLessThanOrEqual(6);
    expect((await all(answers)).map(({ inferResponse }) => inferResponse?.id)).toEqual(ids.slice(1));
    expect(most).toBeLessThanOrEqual(4);
  });

  it('says what is wrong with one request and goes on', async () => {
    const refused = new ServiceError({ code: 'EVL_GATEWAY_REQUEST_INVALID', kind: 'terminal', message: 'no inputs' });
    const answers = streamInfer(
      requestsOf(['a', 'bad', 'c']),
      ({ id }) => (id === 'bad' ? Promise.reject(refused) : Promise.resolve(answer(id))),
      2,
    );
    expect(await all(answers)).toMatchObject([
      { errorMessage: '', inferResponse: { id: 'a' } },
      { errorMessage: 'EVL_GATEWAY_REQUEST_INVALID: no inputs', inferResponse: { id: 'bad', outputs: [] } },
      { errorMessage: '', inferResponse: { id: 'c' } },
    ]);
  });

  it('marks the only answer as the final one where that was asked', async () => {
    const asked = { triton_enable_empty_final_response: booleanParameter(true) };
    const both = [request('a', { parameters: asked }), request('b')];
    const answers = streamInfer(
      (async function* () {
        yield* await Promise.resolve(both);
      })(),
      ({ id }) => Promise.resolve(answer(id)),
      2,
    );
    const parameters = (await all(answers)).map(({ inferResponse }) => inferResponse?.parameters);
    expect(parameters).toEqual([{ triton_final_response: booleanParameter(true) }, {}]);
  });

  it('fails when the requests fail', async () => {
    const gone = new Error('the caller went away');
    const broken: AsyncIterable<inference.ModelInferRequest> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(gone) }),
    };
    await expect(all(streamInfer(broken, () => Promise.resolve(answer('')), 2))).rejects.toBe(gone);
  });
});
