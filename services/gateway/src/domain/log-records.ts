import { gatewayError } from '../errors.ts';

/** What a topic takes by default is 1 MiB with framing and headers. */
const recordBytesMax = 1_000_000;

/** Throws EVL_GATEWAY_REQUEST_INVALID when a record is too large for Kafka. */
export function requireLoggable(records: readonly { readonly value: Uint8Array }[]): void {
  for (const { value } of records) {
    if (value.length <= recordBytesMax) continue;
    throw gatewayError(
      'EVL_GATEWAY_REQUEST_INVALID',
      `the record of one row takes ${value.length} bytes in the log, at most ${recordBytesMax}: send shorter values`,
    );
  }
}
