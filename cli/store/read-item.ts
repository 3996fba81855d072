/** Reads an item back from all providers that have a copy, at the same time. Every range is verified. */
import { createHash } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { chunkBytes, type ByteSource } from "../../client/storing/age-stream.ts";
import type { CatalogueItem, Copy } from "../../client/storing/catalogue.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { PartsSource } from "./parts.ts";
import { PlainFile } from "./plain-file.ts";
import { readCopies, type CopyRead } from "./read-copies.ts";
import { lower, type Session } from "./session.ts";
import type { Holder, StoredGroup } from "./stored.ts";
import { markOf } from "./unchanged-file.ts";

export type ReadItem = {
  /** The plain bytes. */
  readonly source: ByteSource;
  /** The file with these bytes, complete and durable. The caller may move it. */
  readonly path: string;
  /** Operators whose bytes were used. */
  readonly providers: readonly string[];
  /** Deletes the file, unless it was moved, and its list of chunks. */
  close(): Promise<void>;
};

type Place = { readonly copy: Copy; readonly holder: Holder };

export type ReadScope = {
  readonly session: Session;
  readonly stored: StoredGroup;
  /** Holds the files of items that are not complete. Verified ranges stay for the next run. */
  readonly folder: string;
  readonly onBytes: (bytes: number) => void;
};

const entryOf = ({ root, bytes }: Copy): PieceEntry => ({ root: fromHex(root), size: bytes });

/** Places of an item's copies, at providers of the group. */
export function placesOf(stored: StoredGroup, item: CatalogueItem): Place[] {
  return item.copies.flatMap((copy) => {
    const holder = stored.holders.find(
      ({ account }) => account.operator.toLowerCase() === copy.provider.toLowerCase(),
    );
    return holder === undefined ? [] : [{ copy, holder }];
  });
}

/** Identifies the item and its content: a new content has copies with other roots. */
function idOf({ name, bytes, copies }: CatalogueItem): Uint8Array {
  const roots = copies.map(({ root }) => root).toSorted();
  return createHash("sha256")
    .update(JSON.stringify([name, bytes, roots]))
    .digest();
}

/** @throws CliError exit 3 with the reason of each provider, if the item cannot be read whole */
export async function readItem(scope: ReadScope, item: CatalogueItem): Promise<ReadItem> {
  const { session, stored, folder, onBytes } = scope;
  const places = placesOf(stored, item).toSorted((a, b) => Number(isSilent(a)) - Number(isSilent(b)));
  await mkdir(folder, { recursive: true });
  const id = idOf(item);
  const file = await PlainFile.open(join(folder, Buffer.from(id).toString("hex")), id, item.bytes);
  try {
    onBytes(item.bytes - missingBytes(file));
    const { libp2p, line, chainId, signal } = session;
    const retrieve = {
      libp2p,
      locator: line.locator,
      chainId,
      group: lower(stored.group.address),
      permission: stored.permission,
      signal,
    };
    const identity = item.isPublic ? undefined : session.identity.identity;
    const sources = places.map(({ copy, holder }) => ({ entry: entryOf(copy), target: holder.target }));
    const read = await readCopies({ retrieve, identity, onBytes }, file, sources);
    await file.note();
    if (!file.isWhole) throw unreadable(item, places, read);
    nameFaults(item, places, read);
    await file.close();
    const operators = places.map(({ holder }) => holder.account.operator);
    const used = operators.filter((_, i) => (read[i]?.bytes ?? 0) > 0);
    const mark = markOf(file.path, await stat(file.path, { bigint: true }));
    return {
      source: new PartsSource([{ kind: "file", bytes: mark.size, mark }]),
      path: file.path,
      // No bytes were read: an earlier run read all of them, or the item is empty.
      providers: used.length > 0 ? used : operators.slice(0, 1),
      close: () => file.remove(),
    };
  } catch (error) {
    await file.note().catch(() => undefined);
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** Whether the provider did not send its list when this command asked. Such providers are tried last. */
function isSilent({ holder }: Place): boolean {
  return holder.list === undefined;
}

function missingBytes(file: PlainFile): number {
  return file.gaps().reduce((sum, { from, end }) => sum + plainEnd(file, end) - plainEnd(file, from), 0);
}

function plainEnd({ bytes }: PlainFile, chunk: number): number {
  return Math.min(bytes, chunk * chunkBytes);
}

type Faults = readonly Omit<CopyRead, "bytes">[];

/** The item is whole: says which providers did not give what they are paid for, or were silent when others had given it. */
function nameFaults({ name }: CatalogueItem, places: readonly Place[], read: Faults): void {
  for (const [i, { holder }] of places.entries()) {
    const { fault, silent_ms } = read[i] ?? {};
    const why = fault ?? (silent_ms && `slow or stalled: no answer for ${(silent_ms / 1000).toFixed(1)} s`);
    if (why !== undefined)
      say(`provider ${holder.account.operator}: ${why}; ${name} was read from other copies`);
  }
}

function unreadable({ name }: CatalogueItem, places: readonly Place[], read: Faults): CliError {
  const failures = places.flatMap(({ holder }, i) => {
    const fault = read[i]?.fault;
    return fault === undefined ? [] : [`provider ${holder.account.index}: ${fault}`];
  });
  return new CliError({
    code: exitCodes.network,
    message: `${name} cannot be read from any provider`,
    actual: failures.join("; ") || "no provider of the group has a copy",
    hint: "verified ranges are kept; run the command again later",
  });
}
