import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { provisionExtra } from './extras.ts';
import type { Log } from './provision.ts';
import { superviseProcess, type SupervisedProcess } from './supervise.ts';
import { findJava, type Environment } from './tools.ts';

/** An S3 server that was started here, over a folder: bucket → folder, object → file. It checks signatures (version 4). */
export interface LocalS3 {
  /** `http://127.0.0.1:<port>`; buckets are the first part of the path. */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly process: SupervisedProcess;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
/** With characters that must be escaped in an address. */
const credentials = { accessKeyId: 'local-key', secretAccessKey: 'local/secret+key' };

const logging = `<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %level %msg%n</pattern></encoder></appender>
  <root level="warn"><appender-ref ref="out"/></root>
</configuration>
`;

/** Starts S3Proxy on loopback over a folder under `dir`, for tests; the first start also downloads 20 MB. About 130 MB of memory. */
export async function startLocalS3(options: {
  readonly dir: string;
  readonly port: number;
  readonly log: Log;
  readonly env?: Environment;
}): Promise<LocalS3> {
  const env = options.env ?? process.env;
  const { dir, port } = options;
  const java = findJava(env);
  const what = 'an S3 server (20 MB)';
  const jars = await provisionExtra({ name: 's3', what, wanted: () => true }, options.log, env);
  const endpoint = `http://${host}:${port}`;
  mkdirSync(join(dir, 'buckets'), { recursive: true });
  const settings = {
    's3proxy.authorization': 'aws-v4',
    's3proxy.endpoint': endpoint,
    's3proxy.identity': credentials.accessKeyId,
    's3proxy.credential': credentials.secretAccessKey,
    'jclouds.provider': 'filesystem',
    'jclouds.filesystem.basedir': join(dir, 'buckets'),
  };
  const file = join(dir, 's3.properties');
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  writeFileSync(join(dir, 'logback.xml'), logging);
  const flags = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
  const started = superviseProcess({
    name: 'S3',
    command: java.command,
    args: [
      ...flags,
      `-Dlogback.configurationFile=${join(dir, 'logback.xml')}`,
      '-cp',
      jars.join(':'),
      'org.gaul.s3proxy.Main',
      '--properties',
      file,
    ],
    env,
    cwd: dir,
    logFile: join(dir, 's3.log'),
    ready: { check: () => answers(endpoint) },
    stopMs: 5_000,
  });
  try {
    await started.ready;
  } catch (error) {
    await started.stop();
    throw error;
  }
  return {
    endpoint,
    ...credentials,
    process: started,
    stop: async () => {
      await started.stop();
    },
  };
}

/** It answers an unsigned request by refusing it. */
async function answers(endpoint: string): Promise<boolean> {
  const response = await fetch(`${endpoint}/`, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  return response.status === 403;
}
