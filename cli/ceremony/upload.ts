/** The one response that is being uploaded: declared first, then written in order, and kept over a restart. */
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { submittedSchema } from "../../ceremony/running/entries.ts";
import type { FileHashes, ResponseStatement } from "../../ceremony/running/entries.ts";
import { keccakText } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import { hashFileOnce } from "../archive/file-stream.ts";

/** Only the participant and the service know its statement's signature before the response is whole. */
export function uploadToken({ signature }: ResponseStatement): Hex {
  return keccakText(signature);
}

export class Upload {
  readonly #folder: string;
  #declared: ResponseStatement | undefined;
  #writing = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get declared(): ResponseStatement | undefined {
    return this.#declared;
  }

  get #part(): string {
    return join(this.#folder, "part");
  }

  get #statement(): string {
    return join(this.#folder, "statement.json");
  }

  /** Continues the upload that an earlier process had begun. */
  async restore(): Promise<void> {
    const text = await readFile(this.#statement, "utf8").catch(() => undefined);
    if (text === undefined) return;
    const read = submittedSchema.safeParse(JSON.parse(text));
    this.#declared = read.success ? read.data : undefined;
  }

  /** Begins an upload, or another one in its place; the same statement continues. */
  async begin(statement: ResponseStatement): Promise<void> {
    if (this.#declared?.signature === statement.signature) return;
    await this.drop();
    await mkdir(this.#folder, { recursive: true });
    await writeFileAtomic(this.#statement, JSON.stringify(statement));
    this.#declared = statement;
  }

  /** Bytes that are there. */
  async offset(): Promise<number> {
    return stat(this.#part).then(
      ({ size }) => size,
      () => 0,
    );
  }

  get isBusy(): boolean {
    return this.#writing;
  }

  /** Runs `work` unless another request writes: then undefined. */
  async alone<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#writing) return undefined;
    this.#writing = true;
    try {
      return await work();
    } finally {
      this.#writing = false;
    }
  }

  /**
   * Appends the blocks of one request; what arrived before it broke off is kept. Its caller writes alone.
   * @param most bytes that it may have
   * @returns the offset after it, and whether it had more bytes than it may have
   */
  async append(
    blocks: AsyncIterable<Uint8Array>,
    most: number,
  ): Promise<{ readonly offset: number; readonly tooLong: boolean }> {
    const file = await open(this.#part, "a");
    const { size: before } = await file.stat();
    let left = most;
    let tooLong = false;
    try {
      for await (const block of blocks) {
        tooLong ||= block.length > left;
        if (tooLong) break;
        await file.writeFile(block);
        left -= block.length;
      }
      // A request of another length than it may have is a mistake: none of its bytes counts.
      if (tooLong) await file.truncate(before);
    } finally {
      await file.sync();
      await file.close();
    }
    return { offset: await this.offset(), tooLong };
  }

  /** The first hash in which the whole file differs from its statement; undefined if it is the declared one. */
  async fault(): Promise<string | undefined> {
    const expected = this.#declared?.response;
    if (expected === undefined) return "no response is declared";
    const actual: FileHashes = await hashFileOnce(this.#part);
    const names = ["bytes", "blake2b", "sha256", "root"] as const;
    const wrong = names.find((name) => actual[name] !== expected[name]);
    return wrong && `${wrong}: expected ${expected[wrong]}, actual ${actual[wrong]}`;
  }

  /** Moves the whole file to its place in the ceremony. */
  async moveTo(path: string): Promise<void> {
    await rename(this.#part, path);
    await this.drop();
  }

  async drop(): Promise<void> {
    this.#declared = undefined;
    await rm(this.#part, { force: true });
    await rm(this.#statement, { force: true });
  }
}
