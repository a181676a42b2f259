import { features, type SourceSpec } from '@everloop/contracts';
import type { OutRecord, Publisher } from '@everloop/kafka';
import { errorText } from '@everloop/service';
import {
  compileSource,
  createSourceEncoder,
  type EncodeFields,
  type RecordCheck,
  type RegistryOf,
} from '@everloop/records';

import type { Topology } from '../domain/topology.ts';
import { errors } from '../errors.ts';
import type { Telemetry } from '../telemetry.ts';
import type { AppliedPlaces } from './applied-places.ts';
import type { MaterialiseAsked } from './live-topology.ts';

const recordsMax = 1_000;
const waitMsMax = 30_000;
/** As the validator's default. */
const recordBytesMax = 1_048_576;
/** Header with the time at which a record became known, epoch milliseconds. */
const knownHeader = 'evl-known';

export interface PushCallsOptions {
  readonly topology: () => Topology;
  readonly publisher: Pick<Publisher, 'publishPlaced'>;
  readonly applied: AppliedPlaces;
  readonly registryOf: RegistryOf;
  readonly materialise: (
    asked: MaterialiseAsked,
  ) => Promise<{ readonly rows: number; readonly records: number; readonly partitions: readonly string[] }>;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  readonly telemetry: Telemetry;
}

export interface PushCalls {
  push(request: features.PushRequest): Promise<features.PushResponse>;
  materialize(request: features.MaterializeRequest): Promise<features.MaterializeResponse>;
}

/** The RPCs that write: records by way of their topic, and online rows made anew from the history. */
export function createPushCalls(options: PushCallsOptions): PushCalls {
  const { topology, publisher, applied, now, telemetry } = options;
  const checks = new WeakMap<SourceSpec, RecordCheck>();
  const encoders = new WeakMap<SourceSpec, EncodeFields>();

  async function encoderOf(source: string, spec: SourceSpec): Promise<EncodeFields> {
    const encode = encoders.get(spec) ?? (await createSourceEncoder(source, spec, options.registryOf));
    encoders.set(spec, encode);
    return encode;
  }

  function checkOf(spec: SourceSpec): RecordCheck {
    const known = checks.get(spec) ?? compileSource(spec, { recordBytesMax });
    checks.set(spec, known);
    return known;
  }

  return {
    async push({ source, recordsJson, waitMs }) {
      const spec = topology().catalog.sources.get(source);
      if (spec === undefined) throw errors.sourceNotFound(source);
      checkRequest(recordsJson.length, waitMs);
      const encode = spec.format === 'json' ? null : await encoderOf(source, spec);
      const knownMs = now();
      const judged = recordsJson.map((text) => judge(checkOf(spec), encode, spec, text, knownMs));
      const records = judged.flatMap((one) => ('record' in one ? one.record : []));
      const positions = await publisher.publishPlaced(records);
      telemetry.pushed(source, records.length, judged.length - records.length);
      const places = positions.map(({ partition, offset }) => `${spec.topic}/${partition}/${offset}`);
      const done = waitMs > 0 ? await applied.wait(places, waitMs) : new Set<string>();
      let next = 0;
      const results = judged.map((one): features.PushResult => {
        if ('reasons' in one)
          return { outcome: features.PushOutcome.REFUSED, partition: 0, offset: -1, reasons: one.reasons };
        const { partition = 0, offset = -1n } = positions[next] ?? {};
        const isApplied = done.has(places[next] ?? '');
        next += 1;
        const outcome = isApplied ? features.PushOutcome.APPLIED : features.PushOutcome.PUBLISHED;
        return { outcome, partition, offset: Number(offset), reasons: [] };
      });
      return { topic: spec.topic, results };
    },
    async materialize({ views, fromMs, untilMs }) {
      const known = topology().catalog.views;
      const unknown = views.find((name) => !known.has(name));
      if (unknown !== undefined) throw errors.requestInvalid(`There is no FeatureView "${unknown}"`);
      const isAll = fromMs === 0 && untilMs === 0;
      if (!isAll && untilMs <= fromMs) throw errors.requestInvalid('until_ms must be after from_ms');
      const asked = { views: views.length === 0 ? null : new Set(views), range: isAll ? null : { fromMs, untilMs } };
      const { rows, records, partitions } = await options.materialise(asked);
      return { rows, records, partitions: [...partitions] };
    },
  };
}

function checkRequest(count: number, waitMs: number): void {
  if (count > recordsMax) throw errors.requestInvalid(`${count} records; at most ${recordsMax} in one call`);
  if (waitMs < 0 || waitMs > waitMsMax) throw errors.requestInvalid(`wait_ms is ${waitMs}; from 0 to ${waitMsMax}`);
}

/** A record to publish, or everything that is wrong with it. */
function judge(
  check: RecordCheck,
  encode: EncodeFields | null,
  spec: SourceSpec,
  text: string,
  knownMs: number,
): { readonly record: OutRecord } | { readonly reasons: string[] } {
  const value = Buffer.from(text);
  const verdict = check(value);
  if (verdict.kind === 'quarantine')
    return { reasons: verdict.reasons.map(({ rule, path, message }) => `${rule} ${path}: ${message}`) };
  const fields = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const key = fields[spec.key];
  // A Source that declares createdTime has it in the record.
  const headers = spec.createdTime === undefined ? { [knownHeader]: String(knownMs) } : {};
  try {
    // JSON goes on as it came, so that its numbers keep their digits.
    const bytes = encode === null ? value : encode(fields).value;
    return { record: { topic: spec.topic, key: String(key), value: bytes, headers } };
  } catch (error) {
    return { reasons: [`schema_invalid : ${errorText(error)}`] };
  }
}
