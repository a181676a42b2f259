import { ServiceError } from '@everloop/service';

/** More state than allowed: predictions and labels wait in greater number than memory was planned for. */
export function stateFull(model: string, partition: number, size: number, stateMax: number): ServiceError {
  return new ServiceError({
    code: 'EVL_OUTCOMES_STATE_FULL',
    kind: 'terminal',
    message:
      `outcomes of model ${model}, partition ${partition}: ${size} predictions and join keys wait, ${stateMax} are allowed. ` +
      `The task does not go on. Check that labels arrive and that the watermark moves; else raise EVL_OUTCOMES_STATE_MAX or shorten the label's wait`,
  });
}

/** More decisions wait for rewards than memory was planned for. */
export function rewardsFull(partition: number, size: number, stateMax: number): ServiceError {
  return new ServiceError({
    code: 'EVL_OUTCOMES_STATE_FULL',
    kind: 'terminal',
    message:
      `rewards, partition ${partition}: ${size} decisions are held, ${stateMax} are allowed. The task does not go on. ` +
      "Check that the watermark moves; else raise EVL_OUTCOMES_STATE_MAX or shorten the wait of the Models' rewards",
  });
}

/** A record of Everloop's own topic that cannot be decoded. */
export function undecodable(topic: string, partition: number, offset: bigint, cause: unknown): ServiceError {
  return new ServiceError({
    code: 'EVL_OUTCOMES_UNDECODABLE',
    kind: 'bug',
    message: `record ${topic}/${partition}/${offset} is not what its topic holds; who else writes to ${topic}?`,
    cause,
  });
}
