import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { localError } from './fail.ts';

/** Oldest Java that Kafka 4 runs on. */
export const javaMajorMin = 17;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Java {
  /** Path of the `java` program. */
  readonly command: string;
  /** 17 for `17.0.15`, 8 for `1.8.0_392`. */
  readonly major: number;
  /** As Java says it. */
  readonly version: string;
}

const javaAdvice =
  'install one (Debian or Ubuntu: apt-get install openjdk-17-jre-headless; Fedora: dnf install java-17-openjdk-headless; ' +
  'macOS: brew install openjdk@17), or point JAVA_HOME at one, or set KAFKA_BROKERS to a Kafka that already runs';

const mavenAdvice =
  'install it (Debian or Ubuntu: apt-get install maven; Fedora: dnf install maven; macOS: brew install maven), ' +
  'or set KAFKA_BROKERS and REDIS_URL to ones that already run';

/** The Java of JAVA_HOME or PATH. Throws EVL_LOCAL_JAVA_MISSING or EVL_LOCAL_JAVA_TOO_OLD. */
export function findJava(env: Environment = process.env): Java {
  const command = findProgram('java', env, env['JAVA_HOME']);
  if (command === null) {
    throw localError('EVL_LOCAL_JAVA_MISSING', `Java ${javaMajorMin} or newer is needed: found none; ${javaAdvice}.`);
  }
  const result = spawnSync(command, ['-version'], { encoding: 'utf8', env: { ...env } });
  const version = /version "([^"]+)"/.exec(`${result.stderr}${result.stdout}`)?.[1];
  if (version === undefined) {
    throw localError(
      'EVL_LOCAL_JAVA_MISSING',
      `Java ${javaMajorMin} or newer is needed: ${command} did not tell its version; ${javaAdvice}.`,
      result.error,
    );
  }
  const major = javaMajor(version);
  if (major < javaMajorMin) {
    throw localError(
      'EVL_LOCAL_JAVA_TOO_OLD',
      `Java ${javaMajorMin} or newer is needed: found ${version} (${command}); ${javaAdvice}.`,
    );
  }
  return { command, major, version };
}

/** 8 of `1.8.0_392`, 11 of `11.0.2`, 21 of `21-ea`. */
export function javaMajor(version: string): number {
  const [, first = '0', second = '0'] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? [];
  return first === '1' ? Number(second) : Number(first);
}

/** Path of `mvn`. Throws EVL_LOCAL_MAVEN_MISSING. */
export function findMaven(env: Environment = process.env): string {
  const command = findProgram('mvn', env, env['MAVEN_HOME'] ?? env['M2_HOME']);
  if (command === null) {
    throw localError(
      'EVL_LOCAL_MAVEN_MISSING',
      `Maven is needed to download Kafka and Redis: found none; ${mavenAdvice}.`,
    );
  }
  return command;
}

/** Path of a program in `<home>/bin` or on PATH; null if there is none. */
export function findProgram(name: string, env: Environment, home?: string): string | null {
  const folders = [
    ...(home === undefined || home === '' ? [] : [join(home, 'bin')]),
    ...(env['PATH'] ?? '').split(delimiter),
  ];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}
