/** Reads an item back: from the provider that answers first, verified by ranges; from the next one if it fails. */
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { openEnvelope, maxHeadBytes } from "../../client/storing/age-envelope.ts";
import { OpenedSource, type ByteSource } from "../../client/storing/age-stream.ts";
import type { CatalogueItem, Copy } from "../../client/storing/catalogue.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { fetchRange, retrievePiece, type RetrieveScope } from "../group/retrieve/download.ts";
import { isComplete } from "../group/retrieve/partial-file.ts";
import { nodeCipher } from "./cipher.ts";
import { lower, type Session } from "./session.ts";
import type { Holder, StoredGroup } from "./stored.ts";

export type ReadItem = {
  readonly source: ByteSource;
  /** Operators whose bytes were used. */
  readonly providers: readonly string[];
  close(): Promise<void>;
};

type Place = { readonly copy: Copy; readonly holder: Holder };

export type ReadScope = {
  readonly session: Session;
  readonly stored: StoredGroup;
  /** Holds what is fetched until it is whole; verified ranges stay for the next run. */
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

function scopeOf({ session, stored, onBytes }: ReadScope): RetrieveScope {
  const { libp2p, chainId, signal } = session;
  return {
    libp2p,
    chainId,
    group: lower(stored.group.address),
    permission: stored.permission,
    onBytes,
    signal,
  };
}

/** All are asked for their first range at once; the order of their answers is the order of use, the silent ones last. */
async function byAnswer(scope: RetrieveScope, places: readonly Place[]): Promise<Place[]> {
  const answered: Place[] = [];
  const silent: Place[] = [];
  const asked = places.map(async (place) => {
    const got = await fetchRange({ scope, entry: entryOf(place.copy), source: place.holder }, 0);
    (got.ok ? answered : silent).push(place);
    if (!got.ok) throw new Error(got.why);
  });
  // The first good answer is enough to begin; the others arrive meanwhile, or are tried as the last ones.
  await Promise.any(asked).catch(() => undefined);
  const first = [...answered];
  const rest = places.filter((place) => !first.includes(place));
  return [...first, ...rest.filter((place) => !silent.includes(place)), ...silent];
}

/** @throws CliError exit 3 with the reason of each provider, if no copy can be read whole */
export async function readItem(scope: ReadScope, item: CatalogueItem): Promise<ReadItem> {
  const retrieve = scopeOf(scope);
  const places = placesOf(scope.stored, item);
  const ordered = places.length > 1 ? await byAnswer(retrieve, places) : places;
  const failures: string[] = [];
  await mkdir(scope.folder, { recursive: true });
  for (const { copy } of ordered) {
    // Public copies are the same piece everywhere: each range may come from any of them.
    const same = ordered.filter((one) => one.copy.root === copy.root);
    const path = join(scope.folder, copy.root.slice(2));
    const entry = entryOf(copy);
    const sources = same.map(({ holder }) => ({ provider: holder.account.index, target: holder.target }));
    const fetched = (await isComplete(path, entry))
      ? { ok: true as const, providers: [] }
      : await retrievePiece(retrieve, { entry, path, sources });
    if (!fetched.ok) {
      failures.push(...fetched.failures);
      continue;
    }
    const opened = await openPiece(scope.session, path, item);
    if (typeof opened === "string") {
      failures.push(opened);
      await rm(path, { force: true });
      continue;
    }
    const used = same.filter(({ holder }) =>
      (fetched.providers as readonly number[]).includes(holder.account.index),
    );
    const providers = (used.length > 0 ? used : same.slice(0, 1)).map(
      ({ holder }) => holder.account.operator,
    );
    return { ...opened, providers };
  }
  throw new CliError({
    code: exitCodes.network,
    message: `${item.name} cannot be read from any provider`,
    actual: failures.join("; ") || "no provider of the group has a copy",
    hint: "verified ranges are kept; run the command again later",
  });
}

/** The plain bytes of a fetched piece, or why it is not the item. */
async function openPiece(
  { identity }: Session,
  path: string,
  item: CatalogueItem,
): Promise<Pick<ReadItem, "source" | "close"> | string> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  const bytes: ByteSource = {
    size,
    async read(start, count) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, start);
      if (bytesRead !== count) throw new Error(`${path} became shorter`);
      return buffer;
    },
  };
  const close = async (): Promise<void> => {
    await file.close();
    await rm(path, { force: true });
  };
  const opened = item.isPublic ? bytes : await unsealed(bytes, identity.identity);
  if (typeof opened !== "string" && opened.size === item.bytes) return { source: opened, close };
  await file.close();
  return typeof opened === "string" ? opened : `expected ${item.bytes} bytes, actual ${opened.size}`;
}

async function unsealed(file: ByteSource, identity: string): Promise<ByteSource | string> {
  const envelope = await openEnvelope(await file.read(0, Math.min(maxHeadBytes, file.size)), identity);
  return envelope.ok ? new OpenedSource(file, envelope.value, nodeCipher) : envelope.detail;
}
