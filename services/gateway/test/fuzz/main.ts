/**
 * `npm run fuzz -- gateway [--minutes 10] [--seed n] [--from case]`: malformed calls against a running gateway, over gRPC and HTTP. Ends with one JSON line; exit code 1
 * if anything was found. KAFKA_BROKERS and REDIS_URL are used where they are set, else both are started.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePorts, startLocalKafka, startLocalRedis } from '@everloop/local';
import { startRealGateway } from '../real/real-gateway.ts';
import { fuzzGateway, type FuzzReport } from './fuzz.ts';

/** Long runs are kept beside the measurements. */
function keep(report: FuzzReport): void {
  const date = new Date().toISOString();
  const file = join(import.meta.dirname, `../../../../bench/results/fuzz-gateway-${date.slice(0, 10)}.json`);
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
  writeFileSync(file, `${JSON.stringify({ ...report, date, machine, node: process.version }, null, 2)}\n`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
const [minutes, seed, from] = [Number(values.minutes), Number(values.seed), Number(values.from)];
const log = (line: string): void => void process.stderr.write(`${line}\n`);
if (positionals[0] !== 'gateway' || !(minutes > 0) || !Number.isSafeInteger(seed)) {
  log('Usage: npm run fuzz -- gateway [--minutes 10] [--seed n] [--from case]');
  process.exitCode = 2;
} else {
  const folder = mkdtempSync(join(tmpdir(), 'everloop-fuzz-'));
  const [port = 0, controllerPort = 0, redisPort = 0] = await freePorts(3);
  const { KAFKA_BROKERS: brokers, REDIS_URL: redisUrl } = process.env;
  const kafka =
    brokers === undefined ? await startLocalKafka({ dir: join(folder, 'kafka'), port, controllerPort, log }) : null;
  const redis =
    redisUrl === undefined ? await startLocalRedis({ dir: join(folder, 'redis'), port: redisPort, log }) : null;
  try {
    const gateway = await startRealGateway({
      brokers: brokers ?? kafka?.brokers ?? '',
      redisUrl: redisUrl ?? redis?.url ?? '',
      decides: true,
    });
    log(`seed ${seed}, ${minutes} minutes`);
    const report = await fuzzGateway(gateway, { seed, from, forMs: minutes * 60_000, log });
    await gateway.stop();
    for (const finding of report.findings) log(`FOUND ${finding}`);
    if (minutes >= 10) keep(report);
    console.log(JSON.stringify(report));
    process.exitCode = report.findings.length > 0 ? 1 : 0;
  } finally {
    await kafka?.stop();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
