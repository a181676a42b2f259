import { eventId } from '@everloop/contracts';

/** A request leads to one job, whatever happens in between. */
export function jobIdOf(requestId: string): string {
  return eventId('training-job', requestId);
}

/** Id of the request that a Trigger makes at the start of a day. */
export function triggerRequestId(trigger: string, dayMs: number): string {
  return eventId('training-trigger', trigger, String(dayMs));
}
