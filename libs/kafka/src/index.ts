export type * from './bus.ts';
export { kafkaErrors } from './errors.ts';
export { createKafkaBus, type KafkaBusOptions } from './kafkajs-bus.ts';
export { isMarker, readMarker, watermarkHeader, writerHeader, writersHeader, type Marker } from './markers.ts';
export { murmur2, partitionOfKey } from './partitioner.ts';
export { PartitionWatermark, WatermarkTracker } from './watermarks.ts';
