export * from './open-bandit-pipeline.ts';
export { eventually, type EventuallyOptions } from './eventually.ts';
export { findPython, pythonRequirements, pythonVenv, type Python } from './python.ts';
export { goMissing, goProgram } from './go.ts';
export { isolatedBus } from './isolated-bus.ts';
export { testBrokers, testBus, testRedisUrl } from './bus.ts';
export { testLogger, type LogLine } from './logger.ts';
export { uniqueName } from './names.ts';
