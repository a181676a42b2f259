import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { validTopic } from '@everloop/contracts';
import { sqlText } from '@everloop/storage';
import { partitionNumbers, topic } from './rides.ts';

/** SQL of the Parquet files that the manifests of the feature store's data folder list. */
export function historyRelation(dataDir: string): string {
  const files = partitionNumbers.flatMap((number) => {
    const folder = path.join(dataDir, 'offline', validTopic(topic), String(number));
    const newest = readdirSync(path.join(folder, 'manifests')).sort().at(-1) ?? '';
    const manifest = JSON.parse(readFileSync(path.join(folder, 'manifests', newest), 'utf8')) as {
      readonly files: readonly { readonly file: string }[];
    };
    return manifest.files.map(({ file }) => sqlText(path.join(folder, file)));
  });
  return `read_parquet([${files.join(', ')}], union_by_name = true)`;
}
