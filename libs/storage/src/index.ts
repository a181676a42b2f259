export * from './column-bytes.ts';
export * from './digest.ts';
export * from './duckdb.ts';
export * from './files.ts';
export * from './object-store.ts';
export * from './postgres.ts';
export * from './redis.ts';
export { createS3, type S3, type S3Object, type S3Options } from './s3.ts';
export * from './sqlite.ts';
