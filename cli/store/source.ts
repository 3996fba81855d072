/** What a payer stores: a file, or a folder as a tar stream whose length is known before anything is read. Both are read from any place. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { ByteSource } from "../../client/storing/age-stream.ts";
import { nameFault } from "../../client/storing/catalogue.ts";
import { usageError } from "../console/exit.ts";
import { folderParts } from "./folder.ts";
import { PartsSource } from "./parts.ts";
import { markOf } from "./unchanged-file.ts";

export type StoredSource = {
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly path: string;
  readonly modified_us: number;
  /** SHA-256 over names, sizes, modes and times. */
  readonly fingerprint: string;
  readonly source: ByteSource;
};

/** @throws CliError exit 2 if the path cannot be stored; nothing is read but names, sizes and times */
export async function openSource(path: string): Promise<StoredSource> {
  const whole = resolve(path);
  const name = basename(whole);
  const fault = nameFault(name);
  if (fault !== undefined) throw usageError(`${path} cannot be stored under its name: ${fault}`);
  const stats = await stat(whole, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    const hint = error.code === "ENOENT" ? "no such file or folder" : error.message;
    throw usageError(`${path} cannot be stored: ${hint}`);
  });
  if (stats.isDirectory()) {
    const parts = await folderParts(whole);
    const latest = parts.reduce((last, { modified_us }) => Math.max(last, modified_us), 0);
    const source = new PartsSource(parts.flatMap(({ pieces }) => pieces));
    const lines = parts.map(({ line }) => line);
    return { name, kind: "folder", path: whole, modified_us: latest, fingerprint: hashOf(lines), source };
  }
  if (!stats.isFile()) {
    throw usageError(`${path} cannot be stored`, {
      expected: "a file or a folder",
      actual: "a device, pipe or socket",
    });
  }
  const mark = markOf(whole, stats);
  const lines = ["file", String(mark.size), String(mark.mtime_ns)];
  return {
    name,
    kind: "file",
    path: whole,
    modified_us: Number(stats.mtimeNs / 1_000n),
    fingerprint: hashOf(lines),
    source: new PartsSource([{ kind: "file", bytes: mark.size, mark }]),
  };
}

function hashOf(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(`${line}\0`);
  return `0x${hash.digest("hex")}`;
}
