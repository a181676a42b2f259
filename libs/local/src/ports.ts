import { createServer } from 'node:net';
import { localError } from './fail.ts';

/** A TCP port that something is going to listen on. */
export interface WantedPort {
  readonly port: number;
  /** Who wants it: `the console's page`. */
  readonly what: string;
  /** Environment variable that chooses another. */
  readonly env: string;
}

/**
 * Finds every port that cannot be listened on before anything is started. Throws one EVL_LOCAL_PORTS_BUSY that names each with
 * what wants it and how to choose another; also when two of them are the same.
 */
export async function checkPorts(wanted: readonly WantedPort[], host = '127.0.0.1'): Promise<void> {
  const problems: string[] = [];
  const owners = new Map<number, WantedPort>();
  for (const item of wanted) {
    const owner = owners.get(item.port);
    owners.set(item.port, item);
    const reason =
      owner === undefined ? await whyBusy(item.port, host) : `is also wanted by ${owner.what} (${owner.env})`;
    if (reason !== null)
      problems.push(`  - port ${item.port} for ${item.what} ${reason}; choose another with ${item.env}=<port>`);
  }
  if (problems.length > 0) {
    throw localError(
      'EVL_LOCAL_PORTS_BUSY',
      `${problems.length} port(s) on ${host} cannot be used:\n${problems.join('\n')}`,
    );
  }
}

async function whyBusy(port: number, host: string): Promise<string | null> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return 'is no port number from 1 to 65535';
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EACCES' ? 'needs more rights than this user has' : 'is used by another program');
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** `count` different ports that were free a moment ago. */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen({ port: 0, host }, () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
