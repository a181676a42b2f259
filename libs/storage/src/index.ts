export * from './digest.ts';
export * from './duckdb.ts';
export * from './files.ts';
export * from './object-store.ts';
export * from './redis.ts';
export * from './sqlite.ts';
