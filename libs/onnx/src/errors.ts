import { ServiceError, type ErrorKind } from '@everloop/service';

/** Codes of this library; docs/reference lists them with what to do. */
export type OnnxErrorCode =
  | 'EVL_ONNX_LOAD_FAILED'
  | 'EVL_ONNX_PROVIDER_MISSING'
  | 'EVL_ONNX_NOT_LOADED'
  | 'EVL_ONNX_INPUT_INVALID'
  | 'EVL_ONNX_RUN_FAILED'
  | 'EVL_ONNX_HOST_TIMEOUT'
  | 'EVL_ONNX_HOST_MEMORY'
  | 'EVL_ONNX_HOST_CRASHED'
  | 'EVL_ONNX_HOST_STOPPED'
  | 'EVL_ONNX_QUEUE_FULL';

const retryable: ReadonlySet<string> = new Set([
  'EVL_ONNX_HOST_CRASHED',
  'EVL_ONNX_HOST_STOPPED',
  'EVL_ONNX_QUEUE_FULL',
]);

export function onnxError(code: OnnxErrorCode, message: string, cause?: unknown): ServiceError {
  const kind: ErrorKind = retryable.has(code) ? 'retryable' : 'terminal';
  return new ServiceError({ code, kind, message, ...(cause === undefined ? {} : { cause }) });
}
