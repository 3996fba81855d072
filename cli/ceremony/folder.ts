/**
 * The organiser's folder of a ceremony: `ceremony.json`, the log with one entry a line, the files, the editions of the manifest, and the
 * upload that is under way. One process at a time writes it.
 */
import { constants, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { SigningKey } from "ethers";
import { canonicalText } from "../../archive/canonical.ts";
import { decodeDefinition, definitionBytes, maxDefinitionBytes } from "../../ceremony/running/definition.ts";
import type { Definition } from "../../ceremony/running/definition.ts";
import { entryHash } from "../../ceremony/running/entries.ts";
import type { Entry, EntryBody } from "../../ceremony/running/entries.ts";
import { CeremonyLog, readEntry } from "../../ceremony/running/log.ts";
import type { LogCode } from "../../ceremony/running/log.ts";
import type { CeremonyState, Ports } from "../../ceremony/running/queue.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Result } from "../../storage/core/result.ts";
import { isRunning } from "../../storage/disk/is-running.ts";
import { readBounded } from "../archive/archive-file.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";

export const definitionFile = "ceremony.json";
const logFile = "log.jsonl";

/** Signs entries: the organiser's account. */
export type EntrySigner = { sign(digest: Hex): Hex };

export function signerOf(secret: Hex): EntrySigner {
  const key = new SigningKey(secret);
  return { sign: (digest) => key.sign(digest).serialized as Hex };
}

/** @throws CliError exit 2 if the file is no definition */
export async function readDefinitionFile(path: string): Promise<Definition> {
  const read = decodeDefinition(await readBounded(path, maxDefinitionBytes));
  if (read.ok) return read.value;
  throw usageError(`${path} is no definition of a ceremony`, { actual: read.detail });
}

/** Entries from a text with one of them a line. @throws CliError exit 2 for a line that is none */
export function parseEntries(text: string, where: string): Entry[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line, i) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw usageError(`${where}, line ${i + 1} is not JSON`);
    }
    const entry = readEntry(value);
    if (entry.ok) return entry.value;
    throw usageError(`${where}, line ${i + 1} is no entry`, { actual: entry.detail });
  });
}

async function lock(path: string): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(path, "wx");
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
    // Two writers would make two logs, which look as if the organiser had lied.
    if (holder !== process.pid && isRunning(holder))
      throw new CliError({
        code: exitCodes.unsafe,
        message: `another command writes this ceremony (process ${holder})`,
        hint: `end it first, for example ceremony serve; if there is none, remove ${path}`,
      });
    await rm(path, { force: true });
  }
  throw new CliError({ code: exitCodes.unsafe, message: `another command has just taken ${path}` });
}

export class CeremonyFolder {
  readonly path: string;
  readonly log: CeremonyLog;
  /** Bytes of the log's file that hold whole entries. */
  #bytes: number;

  private constructor(path: string, log: CeremonyLog, bytes: number) {
    this.path = path;
    this.log = log;
    this.#bytes = bytes;
  }

  /** Makes the folders and the definition of a new ceremony. @throws CliError exit 2 if the folder has one already */
  static async create(path: string, definition: Definition): Promise<void> {
    await mkdir(join(path, "files"), { recursive: true });
    await mkdir(join(path, "editions"), { recursive: true });
    await mkdir(join(path, "upload"), { recursive: true });
    const file = await open(join(path, definitionFile), "wx").catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      throw usageError(`${path} has a ceremony already`, { hint: "give another folder" });
    });
    await file.writeFile(definitionBytes(definition));
    await file.sync();
    await file.close();
  }

  /**
   * Takes the folder's lock, and replays its log.
   * @param portsOf the committee's keys, for the versions that the entries name
   * @throws CliError exit 2 if the folder holds no ceremony, exit 6 if another process writes it
   */
  static async open(
    path: string,
    portsOf: (definition: Definition, entries: readonly Entry[]) => Promise<Ports>,
  ): Promise<CeremonyFolder> {
    const definition = await readDefinitionFile(join(path, definitionFile));
    await lock(join(path, "lock"));
    try {
      const { entries, bytes } = await this.#readLog(path);
      const log = new CeremonyLog(definition, await portsOf(definition, entries));
      for (const entry of entries) {
        const added = log.add(entry);
        if (!added.ok) throw usageError(`${join(path, logFile)} is damaged`, { actual: added.detail });
      }
      return new CeremonyFolder(path, log, bytes);
    } catch (error) {
      await rm(join(path, "lock"), { force: true });
      throw error;
    }
  }

  /** A last line without its end was being written when the process died: nobody has seen it, and `append` writes over it. */
  static async #readLog(path: string): Promise<{ readonly entries: Entry[]; readonly bytes: number }> {
    const name = join(path, logFile);
    const text = await readFile(name).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    const bytes = text.lastIndexOf("\n") + 1;
    return { entries: parseEntries(text.toString("utf8", 0, bytes), name), bytes };
  }

  get state(): CeremonyState {
    return this.log.state;
  }

  /** Path of a file of the archive. */
  file(name: string): string {
    return join(this.path, "files", name);
  }

  /** Signs a body as the next entry, and writes it durably before it counts. */
  async append(
    body: EntryBody,
    time_s: number,
    signer: EntrySigner,
  ): Promise<Result<CeremonyState, LogCode>> {
    const checked = this.log.check(body, time_s);
    if (!checked.ok) return checked;
    const draft = this.log.draft(body, time_s);
    const entry = { ...draft, signature: signer.sign(entryHash(this.state.ceremony, draft)) };
    // Readers refuse an entry of another form, and with it all that follow.
    const form = readEntry(entry);
    if (!form.ok) return form;
    const line = Buffer.from(`${canonicalText(entry)}\n`);
    const file = await open(join(this.path, logFile), constants.O_RDWR | constants.O_CREAT);
    try {
      // What an attempt on a full disk has left is no entry.
      await file.truncate(this.#bytes);
      const { bytesWritten } = await file.write(line, 0, line.length, this.#bytes);
      if (bytesWritten < line.length) throw new Error(`${logFile}: the disk is full`);
      await file.sync();
    } finally {
      await file.close();
    }
    this.#bytes += line.length;
    const added = this.log.add(entry);
    if (!added.ok) throw new Error(`the entry cannot be added: ${added.detail}`);
    return added;
  }

  /** @throws CliError exit 4 if the log refuses the body */
  async mustAppend(body: EntryBody, time_s: number, signer: EntrySigner): Promise<CeremonyState> {
    const added = await this.append(body, time_s, signer);
    if (added.ok) return added.value;
    throw new CliError({
      code: exitCodes.refused,
      message: `the ceremony's log refuses it: ${added.detail}`,
    });
  }

  async close(): Promise<void> {
    await rm(join(this.path, "lock"), { force: true });
  }
}
