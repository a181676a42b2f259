/** Slots of a Redis Cluster. */
export const redisSlots = 16_384;

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

/** The part of a key that decides its slot: what stands between the first `{` and the next `}`, unless that is nothing. */
function hashTag(key: string): string {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

/**
 * Slot of a key: CRC-16/XMODEM of its hash tag modulo 16,384 (Redis Cluster specification, "Key distribution model").
 *
 * @example redisSlot('123456789') === 12739
 * @example redisSlot('evl:{123456789}:x') === 12739
 */
export function redisSlot(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTag(key))) crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ byte] ?? 0);
  return crc % redisSlots;
}
