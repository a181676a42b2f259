export type { UpOptions } from './options.ts';
export { runUp, upExitCodes } from './run-up.ts';
