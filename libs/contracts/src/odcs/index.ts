export { exportOdcs, type ExportedSource } from './export.ts';
export { importOdcs } from './import.ts';
export type { OdcsContract, OdcsNote, WrittenSource } from './types.ts';
