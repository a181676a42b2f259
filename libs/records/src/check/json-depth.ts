const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const openBrace = 0x7b;
const closeBracket = 0x5d;
const closeBrace = 0x7d;

/**
 * Whether objects and arrays are nested more than `levels` deep in bytes that may be JSON; looks at brackets outside of strings. Needs
 * no memory and one pass, so it is asked before anything is parsed: a megabyte of `[` keeps a parser busy for a tenth of a second.
 */
export function isNestedDeeper(bytes: Uint8Array, levels: number): boolean {
  if (isFlat(bytes)) return levels < 1;
  let depth = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    switch (bytes[i]) {
      case openBracket:
      case openBrace:
        depth += 1;
        if (depth > levels) return true;
        break;
      case closeBracket:
      case closeBrace:
        depth -= 1;
        break;
      case quote:
        i = endOfString(bytes, i);
        break;
      default:
    }
  }
  return false;
}

/** Most records are one object without others in it; two searches in native code say so. */
function isFlat(bytes: Uint8Array): boolean {
  return bytes[0] === openBrace && !bytes.includes(openBracket, 1) && !bytes.includes(openBrace, 1);
}

/** The place of the quote that ends the string that begins at `start`; the last byte when it does not end. */
function endOfString(bytes: Uint8Array, start: number): number {
  let i = start + 1;
  for (; i < bytes.length; i += 1) {
    if (bytes[i] === backslash) i += 1;
    else if (bytes[i] === quote) return i;
  }
  return i;
}
