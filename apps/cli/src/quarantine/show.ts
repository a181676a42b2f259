import type { Bus, BusRecord } from '@everloop/kafka';
import { createDecoder, schemaRegistries } from '@everloop/records';
import { errorText } from '@everloop/service';
import { badInput } from '../errors.ts';
import { table } from '../table.ts';
import { hexDump, showBytes, visible } from './bytes.ts';
import { minute } from './list.ts';
import { findSource, readRecord, readReplayed, type QuarantinedSource } from './log.ts';
import { headers, placeOf, reasonsOf } from './quarantined.ts';

export interface ShowOptions {
  readonly source: string;
  readonly place: { readonly partition: number; readonly offset: bigint };
  readonly full: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Everything about one quarantined record. */
export async function showRecord(bus: Bus, { source: text, place, full, env }: ShowOptions): Promise<string> {
  const source = await findSource(bus, text);
  const record = await readRecord(bus, source.topic, place.partition, place.offset);
  if (record === null)
    throw badInput(
      `there is no record at ${place.partition}/${place.offset} of '${source.topic}'; "everloop quarantine list ${source.name}" shows the places`,
    );
  const isReplayed = (await readReplayed(bus)).get(source.spec.topic)?.has(placeOf(record)) === true;
  const head = [
    `place      ${source.topic}/${placeOf(record)}${isReplayed ? ', sent back' : ''}`,
    `raw        ${record.headers[headers.source] ?? '-'}`,
    `written    ${minute(record.timestampMs)}`,
    `key        ${record.key === null ? '-' : visible(record.key.toString())}`,
    `value      ${record.value === null ? 'none' : `${record.value.length} bytes, format ${source.spec.format}`}`,
  ];
  const replayOf = record.headers[headers.replayOf];
  if (replayOf !== undefined) head.push(`replay of  ${replayOf}`);
  const reasons = reasonsOf(record).map(({ rule, path, message, value }) => [
    rule,
    visible(path),
    visible(message),
    visible(value),
  ]);
  const shown = [
    head.join('\n'),
    table(['RULE', 'COLUMN', 'WHAT IS WRONG', 'VALUE'], reasons),
    headerTable(record),
    await valueText(record, source, full, env),
  ];
  return shown.filter((part) => part !== '').join('\n\n');
}

function headerTable(record: BusRecord): string {
  const own: readonly string[] = [headers.source, headers.reasons, headers.replayOf];
  const rows = [...new Set([...Object.keys(record.headers), ...Object.keys(record.rawHeaders ?? {})])]
    .filter((name) => !own.includes(name))
    .map((name) => [
      visible(name),
      record.rawHeaders?.[name]?.map((bytes) => (bytes === null ? 'null' : `0x${bytes.toString('hex')}`)).join(', ') ??
        visible(record.headers[name] ?? ''),
    ]);
  return rows.length === 0 ? '' : table(['HEADER', 'VALUE'], rows);
}

async function valueText(
  record: BusRecord,
  { spec }: QuarantinedSource,
  full: boolean,
  env: ShowOptions['env'],
): Promise<string> {
  const { value } = record;
  if (value === null || spec.format === 'json') return showBytes(value, full);
  const dump = hexDump(value, full ? value.length : 512);
  try {
    const registryOf = schemaRegistries(env);
    const decoder = createDecoder(spec.format, () => registryOf(spec.schemaRegistry, spec.format), {
      recordBytesMax: value.length,
    });
    await decoder.prefetch([record]);
    const { record: fields, poison } = decoder.decode(value, record);
    const decoded = fields === null ? `not decoded: ${poison.message}` : JSON.stringify(fields, null, 2);
    return `${visible(decoded)}\n\n${dump}`;
  } catch (error) {
    return `not decoded: ${errorText(error)}\n\n${dump}`;
  }
}
