import { exchange } from './exchange.ts';

/** Keys of the requests in Kafka's protocol guide. */
const apiVersions = 18;
const metadata = 3;
const correlation = 7;

/** Request header v1 (size, key, version, correlation id, client id) and body. */
function request(apiKey: number, apiVersion: number, body: Buffer): Buffer {
  const client = Buffer.from('everloop-probe');
  const head = Buffer.alloc(14);
  head.writeInt32BE(10 + client.length + body.length, 0);
  head.writeInt16BE(apiKey, 4);
  head.writeInt16BE(apiVersion, 6);
  head.writeInt32BE(correlation, 8);
  head.writeInt16BE(client.length, 12);
  return Buffer.concat([head, client, body]);
}

function isWhole(received: Buffer): boolean {
  return received.length >= 4 && received.length >= 4 + received.readInt32BE(0);
}

/**
 * Whether a Kafka broker answers at `host:port` and takes work: an open port is not enough, so it is asked for ApiVersions v0,
 * and for Metadata v4, which lists a broker only once its controller has admitted it.
 */
export async function kafkaAnswers(host: string, port: number, timeoutMs = 2_000): Promise<boolean> {
  const to = { host, port, timeoutMs };
  const versions = await exchange(to, request(apiVersions, 0, Buffer.alloc(0)), isWhole);
  if (versions.readInt32BE(4) !== correlation || versions.readInt16BE(8) !== 0) return false;
  // No topics, do not create any.
  const answer = await exchange(to, request(metadata, 4, Buffer.from([0, 0, 0, 0, 0])), isWhole);
  return answer.readInt32BE(12) > 0;
}
