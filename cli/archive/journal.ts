/**
 * Hashes of an import that is under way, one line of JSON for each file: after an interruption the next run hashes only what is missing. A
 * line that a kill cut off is ignored.
 */
import { open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { z } from "zod";
import { fileSchema } from "../../archive/schema.ts";
import { whyNot } from "../../storage/disk/file-words.ts";
import { usageError } from "../console/exit.ts";
import type { Hashes } from "./hash-blocks.ts";

const { bytes, blake2b, sha256, root } = fileSchema.shape;
const lineSchema = z.strictObject({ key: z.string(), version: z.string(), bytes, blake2b, sha256, root });

export class HashJournal {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #known: Map<string, z.output<typeof lineSchema>>;

  private constructor(path: string, file: FileHandle, known: Map<string, z.output<typeof lineSchema>>) {
    this.#path = path;
    this.#file = file;
    this.#known = known;
  }

  /** Beside the file that is written at the end. @throws CliError exit 2 if it cannot be written */
  static async open(path: string): Promise<HashJournal> {
    const text = await readFile(path, "utf8").catch(() => "");
    const known = new Map<string, z.output<typeof lineSchema>>();
    for (const line of text.split("\n")) {
      const parsed = lineSchema.safeParse(jsonOf(line));
      if (parsed.success) known.set(parsed.data.key, parsed.data);
    }
    try {
      const file = await open(path, "a");
      // After a line that was cut off the next one begins anew.
      if (text !== "" && !text.endsWith("\n")) await file.write("\n");
      return new HashJournal(path, file, known);
    } catch (error) {
      throw usageError(`${path} cannot be written: ${whyNot(error)}`);
    }
  }

  /** Hashes of this version of a file. @param key path or URL @param version size and time, or what a server says */
  find(key: string, version: string): Hashes | undefined {
    const line = this.#known.get(key);
    if (line === undefined || line.version !== version) return undefined;
    return { bytes: line.bytes, blake2b: line.blake2b, sha256: line.sha256, root: line.root };
  }

  async add(key: string, version: string, hashes: Hashes): Promise<void> {
    await this.#file.write(`${JSON.stringify({ key, version, ...hashes })}\n`);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
