import type { servingApi } from '@everloop/contracts';
import { classify, ServiceError } from '@everloop/service';
import { RequestRefused } from '../errors.ts';

/** What a row, or a request over a topic, is told about its error; null for a bug, which it can be told nothing about. */
export function rowError(error: unknown): servingApi.RowError | null {
  if (!(error instanceof ServiceError) || classify(error) === 'bug') return null;
  const { code, message } = error;
  const reasons = error instanceof RequestRefused ? [...error.reasons] : [];
  return { code, message, reasons, retryable: error.kind === 'retryable' };
}
