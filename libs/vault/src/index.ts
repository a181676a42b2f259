export { ensureKey, readKey, readPublicKey, writePublicKey } from './key-files.ts';
export { newKeyText, parseKey, type EvaluatorKey, type PublicEvaluatorKey } from './keys.ts';
export { OpeningCheck, signOpening, type OpenRequest } from './proof.ts';
export { seal, unseal } from './seal.ts';
