import { chmod, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { datasets, DatasetManifest } from '@everloop/contracts';
import type { GrpcClient } from '@everloop/grpc';
import { badInput } from '../errors.ts';

type Client = GrpcClient<datasets.DatasetServiceService>;

export interface Written {
  readonly file: string;
  readonly bytes: number;
}

/** Writes the rows of a dataset outside of the vault, or of one split, as they come. A file that is there is not touched. */
export async function checkoutDataset(
  client: Client,
  request: datasets.CheckoutDatasetRequest,
  file: string,
): Promise<Written> {
  const path = resolve(file);
  const target = await newFile(path);
  let bytes = 0;
  try {
    for await (const { data } of client.checkoutDataset(request)) {
      await target.write(data);
      bytes += data.length;
    }
    await target.sync();
    return { file: path, bytes };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await target.close();
  }
}

/** Fetches the sealed rows of the fixed holdout with a proof of the evaluator's key, opens them, and writes them for the owner alone. */
export async function checkoutVault(
  client: Client,
  request: { readonly ref: string; readonly keyPath: string; readonly purpose: string },
  file: string,
): Promise<Written> {
  if (request.purpose === '') throw badInput('say why the vault is opened, with --purpose');
  const [{ readKey, signOpening, unseal }, { decodeColumns, writeParquetColumns }] = await Promise.all([
    import('@everloop/vault'),
    import('@everloop/storage'),
  ]);
  const { ref, purpose } = request;
  const key = await readKey(request.keyPath);
  const { vault } = JSON.parse((await client.getDataset({ ref })).manifestJson) as DatasetManifest;
  if (vault === null) throw badInput(`the fixed holdout of ${ref} is empty`);
  const proof = signOpening(key, { ref, purpose }, Date.now());
  const parts: Buffer[] = [];
  for await (const { sealed } of client.openVault({ ...proof, signature: Buffer.from(proof.signature) }))
    parts.push(sealed);
  const rows = decodeColumns(unseal(Buffer.concat(parts), key, vault.contentHash));
  const path = resolve(file);
  await (await newFile(path, 0o600)).close();
  // A folder of the owner alone: the file that is written in it must not be readable by others for a moment.
  const folder = await mkdtemp(join(dirname(path), '.vault-'));
  try {
    const staged = join(folder, 'rows.parquet');
    const bytes = await writeParquetColumns(staged, rows);
    await chmod(staged, 0o600);
    await rename(staged, path);
    return { file: path, bytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function newFile(path: string, mode = 0o644) {
  return open(path, 'wx', mode).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') throw badInput(`${path} is there already; name another file, or remove it`);
    if (code === 'ENOENT') throw badInput(`the folder of ${path} is not there; make it first`);
    throw error;
  });
}
