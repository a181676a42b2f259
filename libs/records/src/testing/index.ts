export { startMiniRegistry, type MiniRegistry } from './mini-registry.ts';
