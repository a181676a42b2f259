import { open, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { localError } from './fail.ts';

const inflate = promisify(inflateRaw);

/** End of central directory record: its size without comment and the longest comment, bytes (APPNOTE.TXT 4.3.16). */
const endBytes = 22;
const commentBytesMax = 65_535;

/**
 * The bytes of one file inside a zip or jar: stored or deflated, not encrypted, archive under 4 GiB. Throws
 * EVL_LOCAL_ARCHIVE_INVALID if the archive is cut short or has no such entry.
 */
export async function readZipEntry(archive: string, entry: string): Promise<Buffer> {
  const file = await open(archive);
  try {
    const directory = await readDirectory(file, archive);
    for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50;) {
      const nameBytes = directory.readUInt16LE(at + 28);
      const skip = 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
      if (directory.toString('utf8', at + 46, at + 46 + nameBytes) === entry) {
        return await readEntry(file, archive, {
          method: directory.readUInt16LE(at + 10),
          packedBytes: directory.readUInt32LE(at + 20),
          bytes: directory.readUInt32LE(at + 24),
          offset: directory.readUInt32LE(at + 42),
        });
      }
      at += skip;
    }
    throw invalid(archive, `has no entry '${entry}'`);
  } finally {
    await file.close();
  }
}

interface Entry {
  readonly method: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly offset: number;
}

async function readDirectory(file: FileHandle, archive: string): Promise<Buffer> {
  const { size } = await file.stat();
  const tail = await readAt(
    file,
    archive,
    Math.max(0, size - endBytes - commentBytesMax),
    Math.min(size, endBytes + commentBytesMax),
  );
  const end = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0 || end + endBytes > tail.length) throw invalid(archive, 'has no end record; it is cut short or no zip');
  return readAt(file, archive, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
}

async function readEntry(file: FileHandle, archive: string, entry: Entry): Promise<Buffer> {
  // The local header repeats name and extra field with lengths of its own.
  const header = await readAt(file, archive, entry.offset, 30);
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = await readAt(file, archive, start, entry.packedBytes);
  if (entry.method !== 0 && entry.method !== 8) throw invalid(archive, `uses compression method ${entry.method}`);
  const bytes = entry.method === 0 ? packed : await inflate(packed);
  if (bytes.length !== entry.bytes) throw invalid(archive, 'holds another number of bytes than it says');
  return bytes;
}

async function readAt(file: FileHandle, archive: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw invalid(archive, 'is cut short');
  return buffer;
}

function invalid(archive: string, what: string): Error {
  return localError('EVL_LOCAL_ARCHIVE_INVALID', `${archive} ${what}; delete it and start again.`);
}
