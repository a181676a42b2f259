export type { Provider } from './providers.ts';
export type { Batching } from './patience.ts';
export { createBatcher, type Batcher, type BatcherOptions } from './batcher.ts';
export { attribute, float32Tensor, int64Tensor, node, uint8Tensor, valueInfo } from './build.ts';
export { modelBytesMax, type ModelPort, type ModelSummary } from './check-model.ts';
export { decodeModel, OnnxDecodeError } from './decode.ts';
export { encodeModel } from './encode.ts';
export type { OnnxErrorCode } from './errors.ts';
export type { LoadedModel, RunInput } from './host-protocol.ts';
export { inspectModel } from './inspect.ts';
export { createModelHost, type HostStatus, type ModelHost, type ModelHostOptions } from './model-host.ts';
export type {
  OnnxAttribute,
  OnnxAttributeValue,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
} from './model.ts';
