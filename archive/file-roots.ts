/**
 * Finds the roots of files by name in the canonical bytes of a manifest while they arrive in parts: a server of files by name holds some bytes
 * for each file, never the manifest.
 */
import { z } from "zod";
import { fromHex, toHex } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { sha256 } from "../storage/core/primitives.ts";
import { accept, reject } from "../storage/core/result.ts";
import type { Result } from "../storage/core/result.ts";
import { fileSchema, maxFiles, maxFileTextBytes } from "./schema.ts";

const hashBytes = 32;
/** SHA-256 of the name, and the root. */
const entryBytes = 2 * hashBytes;
const encoder = new TextEncoder();

/** Where each file of a manifest is: 64 bytes a file. */
export class FileRoots {
  /** In ascending order. */
  readonly #entries: Uint8Array;

  /** @param entries SHA-256 of the name ‖ root of each file, in any order */
  constructor(entries: readonly Uint8Array[]) {
    const keys = Float64Array.from(entries, keyOf);
    const order = Uint32Array.from(keys, (_, i) => i).sort((a, b) => {
      const difference = (keys[a] as number) - (keys[b] as number);
      return difference || compareNames(entries[a] as Uint8Array, entries[b] as Uint8Array);
    });
    this.#entries = new Uint8Array(entries.length * entryBytes);
    for (const [i, entry] of order.entries()) this.#entries.set(entries[entry] as Uint8Array, i * entryBytes);
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#entries.length;
  }

  /** The root of the file with this name; undefined if the manifest has none. */
  find(name: string): Hex | undefined {
    const wanted = sha256(encoder.encode(name));
    let [low, high] = [0, this.#entries.length / entryBytes];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entry(middle);
      const order = compareNames(entry, wanted);
      if (order === 0) return toHex(entry.slice(hashBytes));
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  #entry(index: number): Uint8Array {
    return this.#entries.subarray(index * entryBytes, (index + 1) * entryBytes);
  }
}

/** The first six bytes as a number: they decide nearly every comparison. */
function keyOf(entry: Uint8Array): number {
  let key = 0;
  for (let i = 0; i < 6; i++) key = key * 256 + (entry[i] as number);
  return key;
}

function compareNames(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < hashBytes; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

const placeSchema = z.object({ name: fileSchema.shape.name, root: fileSchema.shape.root });

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [
  0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d,
] as const;
/** Depths of nested brackets: manifest 1, its collections 2, a collection 3, its files 4, a file 5. */
const [manifestDepth, collectionsDepth, collectionDepth, filesDepth, fileDepth] = [1, 2, 3, 4, 5] as const;
const longestKey = "collections".length;

/**
 * Reads the bytes one after the other. It follows strings and brackets, and parses only the files; readers check the whole manifest
 * (`decodeManifest`), whose root they know.
 */
export class FileScan {
  readonly #entries: Uint8Array[] = [];
  #depth = 0;
  #isString = false;
  #isEscaped = false;
  /** The last string at a depth where keys are looked for. */
  #key = "";
  #isCollections = false;
  #isFiles = false;
  #sawCollections = false;
  /** Parts of the file that is being read. */
  #file: Uint8Array[] = [];
  #fileBytes = 0;
  #fault: string | undefined;

  /** Why the bytes so far are no manifest; undefined: they may be one. */
  get fault(): string | undefined {
    return this.#fault;
  }

  add(part: Uint8Array): void {
    let begin = this.#depth >= fileDepth && this.#isFiles ? 0 : -1;
    for (let i = 0; i < part.length && this.#fault === undefined; i++) {
      if (this.#isString) i = this.#endOfString(part, i);
      const byte = part[i];
      if (byte === quote) {
        this.#isString = !this.#isString;
        if (this.#isString) this.#key = "";
      } else if (byte === openBrace || byte === openBracket) {
        this.#open(byte);
        if (begin < 0 && this.#isFiles && this.#depth === fileDepth) begin = i;
      } else if (byte === closeBrace || byte === closeBracket) {
        if (begin >= 0 && this.#depth === fileDepth) {
          this.#keep(part.subarray(begin, i + 1));
          begin = -1;
          this.#endFile();
        }
        this.#close();
      } else if (this.#depth === 0) this.#fault = "expected a JSON object";
    }
    if (begin >= 0) this.#keep(part.slice(begin));
  }

  /** The place of the quote that ends the string, or the part's length. */
  #endOfString(part: Uint8Array, from: number): number {
    let at = from;
    if (this.#isEscaped) at++;
    for (;;) {
      const found = part.indexOf(quote, at);
      const end = found < 0 ? part.length : found;
      let slashes = 0;
      while (end - slashes > at && part[end - slashes - 1] === backslash) slashes++;
      this.#isEscaped = slashes % 2 === 1;
      if (found < 0 || !this.#isEscaped) {
        this.#keepKey(part.subarray(from, end));
        return end;
      }
      this.#isEscaped = false;
      at = end + 1;
    }
  }

  #keepKey(text: Uint8Array): void {
    if (this.#depth !== manifestDepth && this.#depth !== collectionDepth) return;
    for (const byte of text.subarray(0, longestKey + 1 - this.#key.length)) {
      this.#key += String.fromCharCode(byte);
    }
  }

  #open(byte: number): void {
    this.#depth++;
    if (this.#depth === manifestDepth) {
      if (byte !== openBrace || this.#sawCollections) this.#fault = "expected one JSON object";
    } else if (this.#depth === collectionsDepth) {
      this.#isCollections = byte === openBracket && this.#key === "collections";
      this.#sawCollections ||= this.#isCollections;
    } else if (this.#depth === filesDepth) {
      this.#isFiles = this.#isCollections && byte === openBracket && this.#key === "files";
    }
  }

  #close(): void {
    if (this.#depth === 0) this.#fault = "expected a JSON object";
    else if (this.#depth === filesDepth) this.#isFiles = false;
    else if (this.#depth === collectionsDepth) this.#isCollections = false;
    this.#depth--;
  }

  #keep(bytes: Uint8Array): void {
    this.#fileBytes += bytes.length;
    if (this.#fileBytes > maxFileTextBytes) this.#fault = `a file has more than ${maxFileTextBytes} bytes`;
    else this.#file.push(bytes);
  }

  #endFile(): void {
    if (this.#fault !== undefined) return;
    const text = new Uint8Array(this.#fileBytes);
    let at = 0;
    for (const part of this.#file) {
      text.set(part, at);
      at += part.length;
    }
    this.#file = [];
    this.#fileBytes = 0;
    const place = placeOf(text);
    if (place === undefined) this.#fault = `file ${this.#entries.length} has no valid name and root`;
    else if (this.#entries.length >= maxFiles)
      this.#fault = `files: expected at most ${maxFiles}, actual more`;
    else this.#entries.push(place);
  }

  /** After the last part. */
  finish(): Result<FileRoots, "content"> {
    if (this.#fault !== undefined) return reject("content", this.#fault);
    if (this.#depth !== 0 || this.#isString) return reject("content", "it ends within a JSON value");
    if (!this.#sawCollections) return reject("content", "it has no collections");
    return accept(new FileRoots(this.#entries));
  }
}

function placeOf(text: Uint8Array): Uint8Array | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch {
    return undefined;
  }
  const parsed = placeSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const entry = new Uint8Array(entryBytes);
  entry.set(sha256(encoder.encode(parsed.data.name)));
  entry.set(fromHex(parsed.data.root), hashBytes);
  return entry;
}
