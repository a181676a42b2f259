import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { localError } from './fail.ts';
import { kafkaAnswers } from './kafka-probe.ts';
import { freePorts } from './ports.ts';
import { provisionPlatform, type Log, type Platform } from './provision.ts';
import { superviseProcess, type SupervisedProcess } from './supervise.ts';
import { findJava, type Environment, type Java } from './tools.ts';

export interface LocalKafkaOptions {
  /** Data, settings and log of this broker. An empty or new folder is formatted; one that was used before is continued. */
  readonly dir: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly log: Log;
  readonly env?: Environment;
}

/** A broker that was started here. */
export interface LocalKafka {
  /** `127.0.0.1:<port>` */
  readonly brokers: string;
  readonly process: SupervisedProcess;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/** Flags of every run: the class archive is only used by the collector it was made with. */
const javaFlags = ['-Xmx512m', '-XX:+UseSerialGC', '-Djava.awt.headless=true'];

/** Starts a single Kafka node (KRaft, broker and controller in one) on loopback and waits until it takes work. */
export async function startLocalKafka(options: LocalKafkaOptions): Promise<LocalKafka> {
  const env = options.env ?? process.env;
  const java = findJava(env);
  const platform = await provisionPlatform(options.log, env);
  const archive = await classArchive(java, platform, options.log, env);
  const started = await startBroker(
    { ...options, env },
    java,
    platform,
    existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : [],
  );
  return {
    brokers: `${host}:${options.port}`,
    process: started,
    stop: async () => {
      await started.stop();
    },
  };
}

async function startBroker(
  options: LocalKafkaOptions & { readonly env: Environment },
  java: Java,
  platform: Platform,
  extraFlags: readonly string[],
): Promise<SupervisedProcess> {
  const { dir, port, controllerPort, env } = options;
  mkdirSync(dir, { recursive: true });
  const settings = join(dir, 'server.properties');
  writeFileSync(settings, serverProperties({ dataDir: join(dir, 'data'), port, controllerPort }));
  const flags = [...javaFlags, ...extraFlags, '-cp', platform.classPath];
  if (!existsSync(join(dir, 'data', 'meta.properties'))) await format(java, flags, settings, env);
  const broker = superviseProcess({
    name: 'Kafka',
    command: java.command,
    args: [...flags, 'kafka.Kafka', settings],
    env,
    cwd: dir,
    logFile: join(dir, 'kafka.log'),
    ready: { check: () => kafkaAnswers(host, port) },
    stopMs: 20_000,
  });
  try {
    await broker.ready;
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return broker;
}

async function format(java: Java, flags: readonly string[], settings: string, env: Environment): Promise<void> {
  // The tool takes what begins with a dash for an option; Kafka's own ids begin with none either.
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const { code, output } = await runToEnd(
    java.command,
    [...flags, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings],
    env,
  );
  if (code !== 0)
    throw localError(
      'EVL_LOCAL_KAFKA_FORMAT',
      `Kafka could not prepare its data folder (exit code ${code}):\n${output.slice(-2_000)}`,
    );
}

function runToEnd(
  command: string,
  args: readonly string[],
  env: Environment,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * Path of the broker's class-data archive for this Java, which halves the start (4 s to 2 s). It is written by a broker that is
 * started once for it and stopped again; without one (the path does not exist then) the broker only starts slower.
 */
async function classArchive(java: Java, platform: Platform, log: Log, env: Environment): Promise<string> {
  const key = createHash('sha256')
    .update([java.command, java.version, platform.classPath, ...javaFlags].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const archive = join(platform.folder, `classes-${key}.jsa`);
  if (existsSync(archive)) return archive;
  log('Preparing Kafka for quick starts (a few seconds, once) ...');
  const dir = mkdtempSync(join(platform.folder, '.archive-'));
  try {
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const fresh = join(dir, 'classes.jsa');
    const broker = await startBroker({ dir, port, controllerPort, log, env }, java, platform, [
      `-XX:ArchiveClassesAtExit=${fresh}`,
    ]);
    await broker.stop();
    if (existsSync(fresh)) renameSync(fresh, archive);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return archive;
}

/** Settings of a single development node on loopback. */
export function serverProperties(options: {
  readonly dataDir: string;
  readonly port: number;
  readonly controllerPort: number;
}): string {
  const { dataDir, port, controllerPort } = options;
  const settings: readonly (readonly [string, string | number | boolean])[] = [
    ['process.roles', 'broker,controller'],
    ['node.id', 1],
    ['controller.quorum.voters', `1@${host}:${controllerPort}`],
    ['listeners', `PLAINTEXT://${host}:${port},CONTROLLER://${host}:${controllerPort}`],
    ['advertised.listeners', `PLAINTEXT://${host}:${port}`],
    ['controller.listener.names', 'CONTROLLER'],
    ['inter.broker.listener.name', 'PLAINTEXT'],
    ['log.dirs', dataDir],
    // A topic must be made on purpose, with its number of partitions.
    ['auto.create.topics.enable', false],
    ['num.partitions', 2],
    ['num.network.threads', 2],
    ['num.io.threads', 4],
    ['offsets.topic.num.partitions', 8],
    ['offsets.topic.replication.factor', 1],
    ['transaction.state.log.num.partitions', 8],
    ['transaction.state.log.replication.factor', 1],
    ['transaction.state.log.min.isr', 1],
    ['share.coordinator.state.topic.replication.factor', 1],
    ['share.coordinator.state.topic.min.isr', 1],
    // One machine: groups need not wait for more members, and a lost member is noticed quickly.
    ['group.initial.rebalance.delay.ms', 0],
    ['group.min.session.timeout.ms', 1_000],
    ['broker.session.timeout.ms', 3_000],
    ['broker.heartbeat.interval.ms', 500],
    // Replayed records carry the time of their events: by age, the broker would delete them at once.
    ['log.retention.ms', -1],
    // The default of 128 MB would be a quarter of the heap.
    ['log.cleaner.dedupe.buffer.size', 16 * 1024 * 1024],
  ];
  return settings.map(([key, value]) => `${key}=${value}\n`).join('');
}
