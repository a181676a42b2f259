import { inference } from '@everloop/contracts';
import { askedBeforeMs, type Schedule } from '../data/flights.ts';

type InputTensor = inference.ModelInferRequest_InferInputTensor;

function contents(values: Partial<inference.InferTensorContents>): inference.InferTensorContents {
  return inference.InferTensorContents.fromPartial(values);
}

function text(name: string, value: string): InputTensor {
  const bytesContents = [Buffer.from(value)];
  return { name, datatype: 'BYTES', shape: [1n], parameters: {}, contents: contents({ bytesContents }) };
}

function number(name: string, value: number): InputTensor {
  return { name, datatype: 'FP64', shape: [1n], parameters: {}, contents: contents({ fp64Contents: [value] }) };
}

/** When the application asks about a flight, epoch milliseconds UTC. */
export function askedAtMs(schedule: Schedule): number {
  return schedule.schedDepMs - askedBeforeMs;
}

/**
 * The Open Inference Protocol request for one flight: what a passenger's application knows an hour before departure. Each input is
 * one value, shape [1]: BYTES for text, FP64 for numbers. The request's id is the flight's, so asking again is the same decision.
 */
export function inferRequest(model: string, schedule: Schedule): inference.ModelInferRequest {
  return {
    modelName: model,
    modelVersion: '',
    id: schedule.flightId,
    parameters: {
      event_time_ms: { parameterChoice: { $case: 'int64Param', value: BigInt(askedAtMs(schedule)) } },
    },
    inputs: [
      text('flight_id', schedule.flightId),
      text('carrier', schedule.carrier),
      text('origin', schedule.origin),
      text('dest', schedule.dest),
      number('sched_minute', schedule.schedMinute),
      number('weekday', schedule.weekday),
      number('sched_duration', schedule.schedDuration),
      number('distance', schedule.distance),
    ],
    outputs: [],
    rawInputContents: [],
  };
}
