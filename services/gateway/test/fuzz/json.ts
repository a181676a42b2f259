import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const numbers: readonly [number, ...number[]] = [
  0,
  -1,
  1,
  2,
  255,
  257,
  0.5,
  -0.5,
  1e308,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  1e20,
];
const texts: readonly [string, ...string[]] = [
  '',
  'FP64',
  'BYTES',
  'delay',
  '__proto__',
  'constructor',
  '\u0000',
  '\ud800',
  '\u00e9'.repeat(300),
];
const names: readonly [string, ...string[]] = [
  ...(['__proto__', 'constructor', 'toString', 'data', 'shape', 'name', 'inputs'] as const),
  ...['binary_data_size', 'parameters', 'content_type', 'outputs', 'id'],
  ...['features', 'explain', 'rewards', 'value', 'kind', 'decision_id'],
];

/** So many copies of a value are not too much to send. */
const copiesMax = (value: Json): number => Math.ceil(300_000 / (JSON.stringify(value).length + 1));

function otherValue(random: Random, value: Json): Json {
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(numbers);
    case 3:
      return random.pick(texts);
    case 4:
      return [];
    case 5:
      return {};
    case 6:
      return [value, value];
    case 7:
      return Array.from({ length: Math.min(random.pick([3, 257, 5_000]), copiesMax(value)) }, () => value);
    default:
      return { [random.pick(names)]: value };
  }
}

/** The places of a value in its parents: what can be replaced. */
function places(json: Json): { readonly parent: Json[] | { [key: string]: Json }; readonly key: string }[] {
  if (typeof json !== 'object' || json === null) return [];
  const parent = json;
  return Object.entries(json).flatMap(([key, value]) => [{ parent, key }, ...places(value)]);
}

function changeOne(random: Random, json: Json): Json {
  const all = places(json);
  const place = all[random.below(all.length)];
  if (place === undefined || random.chance(0.03)) return otherValue(random, json);
  const parent = place.parent as { [key: string]: Json };
  const value = parent[place.key] ?? null;
  if (Array.isArray(parent) && random.chance(0.3))
    parent.splice(Number(place.key), random.below(2), ...(random.chance(0.5) ? [value] : []));
  else if (random.chance(0.2)) Reflect.deleteProperty(parent, place.key);
  else if (!Array.isArray(parent) && random.chance(0.2))
    Object.defineProperty(parent, random.pick(names), { value, enumerable: true, configurable: true, writable: true });
  else parent[place.key] = otherValue(random, value);
  return json;
}

/** Text that is nearly JSON: one to four changes of its values, now and then of its characters. */
export function mutateJson(random: Random, seed: object): Buffer {
  let json = JSON.parse(JSON.stringify(seed)) as Json;
  for (let n = random.pick([1, 1, 1, 2, 3, 4]); n > 0; n -= 1)
    json = JSON.parse(JSON.stringify(changeOne(random, json))) as Json;
  const text = JSON.stringify(json);
  switch (random.below(20)) {
    case 0:
      return Buffer.from(text).subarray(0, random.below(text.length));
    case 1:
      return Buffer.from('['.repeat(random.pick([10, 1_000, 50_000])) + text);
    case 2:
      return Buffer.from(
        text.replace(/\d+(\.\d+)?/, random.pick(['NaN', 'Infinity', '1e999', '-0', '0x10', '9'.repeat(400), '01'])),
      );
    case 3: {
      const bytes = Buffer.from(text);
      for (let n = 1 + random.below(4); n > 0; n -= 1) bytes[random.below(bytes.length)] = random.below(256);
      return bytes;
    }
    default:
      return Buffer.from(text);
  }
}
