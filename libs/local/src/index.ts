export { startLocalKafka, type LocalKafka, type LocalKafkaOptions } from './kafka.ts';
export { kafkaAnswers } from './kafka-probe.ts';
export { checkPorts, freePorts, type WantedPort } from './ports.ts';
export { cacheFolder, kafkaVersion, provisionPlatform, redisVersion, type Log, type Platform } from './provision.ts';
export {
  startLocalRedisCluster,
  type LocalRedisCluster,
  type LocalRedisClusterOptions,
  type LocalRedisNode,
} from './redis-cluster.ts';
export { startLocalPostgres, type LocalPostgres } from './postgres.ts';
export { redisAnswers, startLocalRedis, type LocalRedis, type LocalRedisOptions } from './redis.ts';
export { startLocalS3, type LocalS3 } from './s3.ts';
export { startLocalSchemaRegistry, type LocalSchemaRegistry } from './schema-registry.ts';
export {
  superviseProcess,
  type Exit,
  type Readiness,
  type SuperviseOptions,
  type SupervisedProcess,
} from './supervise.ts';
export { findJava, findMaven, javaMajorMin, type Environment } from './tools.ts';
