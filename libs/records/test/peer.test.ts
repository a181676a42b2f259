import { afterAll, beforeAll } from 'vitest';
import { startMiniRegistry, type MiniRegistry } from '../src/testing/index.ts';
import { describePeers } from './peer-suite.ts';

let mini: MiniRegistry;

beforeAll(async () => {
  mini = await startMiniRegistry();
});
afterAll(async () => await mini.stop());

describePeers(() => mini.url);
