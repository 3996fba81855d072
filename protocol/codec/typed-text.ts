/** Short texts in messages and signatures: canonical UTF-8 without control characters. */
import type { ByteReader, ByteWriter } from "../../storage/core/bytes.ts";

const control = /\p{C}/u;

/** Appends the length in one byte and the text. @throws RangeError unless it has 1 to `maxBytes` bytes and no control character */
export function writeText(w: ByteWriter, text: string, maxBytes: number): ByteWriter {
  const bytes = new TextEncoder().encode(text);
  const fault = faultOf(text, bytes.length, maxBytes);
  if (fault !== undefined) throw new RangeError(fault);
  return w.u8(bytes.length).bytes(bytes);
}

export function readText(reader: ByteReader, maxBytes: number, what: string): string {
  const length = reader.u8(`${what}'s length`);
  const bytes = reader.bytes(length, what);
  let text: string;
  try {
    // A byte order mark is kept: without it the text would have another encoding than the message.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return reader.fail("range", `${what}: expected UTF-8, actual other bytes`);
  }
  const fault = faultOf(text, length, maxBytes);
  return fault === undefined ? text : reader.fail("range", `${what}: ${fault}`);
}

/** Why a message cannot carry the text; undefined: it can. */
export function textFault(text: string, maxBytes: number): string | undefined {
  return faultOf(text, new TextEncoder().encode(text).length, maxBytes);
}

function faultOf(text: string, bytes: number, maxBytes: number): string | undefined {
  if (bytes < 1 || bytes > maxBytes) return `expected 1 to ${maxBytes} bytes of text, actual ${bytes}`;
  // A lone surrogate is in this class, too: it has no encoding in UTF-8.
  return control.test(text) ? "expected no control characters, actual at least one" : undefined;
}
