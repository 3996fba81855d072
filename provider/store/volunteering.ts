/**
 * R33: consents that the operator gives groups without a request (`whitepay provider volunteer`): the payer asks for them. Each is a file,
 * `volunteer/<group>.json` of the data folder; another process writes it. The provider answers challenges of these groups.
 * `volunteer/<group>.pieces` has a line for each piece of the archive: it is public, and anybody may read it (R44).
 */
import { appendFile, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { address } from "../../daemon/settings/address.ts";
import type { ConsentGiven } from "../../protocol/codec/store-response.ts";
import { fromHex, toHex, type Hex } from "../../protocol/hash.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { DataConsent } from "../consent.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";
import type { StoreChain } from "./ports.ts";

const folderName = "volunteer";
/** Groups that are served; each costs the chain's endpoint calls. */
const mostGroups = 256;

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`)) as unknown as z.ZodType<Hex, string>;
const schema = z.strictObject({
  operator: address,
  group: address,
  committee: address,
  listRoot: hex(32),
  bytes: z.int().min(1),
  price: z.string().regex(/^\d{1,25}$/),
  receiptKey: address,
  sequence: z.int().min(1),
  deadline: z.int().min(1),
  signature: hex(65),
});

function pathOf(dataDir: string, group: string): string {
  return join(dataDir, folderName, `${group.toLowerCase()}.json`);
}

/** The consent that was given to a group; undefined: none. @throws Error if the file is damaged */
export async function volunteeredConsent(dataDir: string, group: string): Promise<DataConsent | undefined> {
  const text = await readFile(pathOf(dataDir, group), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { price, bytes, ...rest } = schema.parse(JSON.parse(text));
  return { ...rest, bytes: BigInt(bytes), price: BigInt(price) };
}

/** Replaces what was given to the group before; a running provider answers with it from now on. */
export async function keepVolunteeredConsent(dataDir: string, consent: DataConsent): Promise<string> {
  const path = pathOf(dataDir, consent.group);
  await mkdir(join(dataDir, folderName), { recursive: true });
  const { bytes, price, group } = consent;
  const values = { ...consent, group: group.toLowerCase(), bytes: Number(bytes), price: String(price) };
  await writeFileAtomic(path, `${JSON.stringify(values, undefined, 1)}\n`);
  return path;
}

/** A piece of the archive that is stored for the group: anybody may read it. */
export async function addPublicPiece(dataDir: string, group: string, piece: PieceEntry): Promise<void> {
  await mkdir(join(dataDir, folderName), { recursive: true });
  const line = `${toHex(piece.root)} ${piece.size}\n`;
  await appendFile(join(dataDir, folderName, `${group.toLowerCase()}.pieces`), line);
}

type Pieces = { readonly version: string; readonly entries: ReadonlyMap<string, PieceEntry> };

/** Lines that are none are left out: a crash may have cut one off. */
function readPieces(text: string): Map<string, PieceEntry> {
  const entries = new Map<string, PieceEntry>();
  for (const [, root = "", size] of text.matchAll(/^(0x[0-9a-f]{64}) (\d{1,16})$/gm)) {
    entries.set(root, { root: fromHex(root), size: Number(size) });
  }
  return entries;
}

export class Volunteering {
  readonly #dataDir: string;
  /** By file. */
  #pieces: ReadonlyMap<string, Pieces> = new Map();
  readonly #chain: Pick<StoreChain, "serve">;

  constructor(dataDir: string, chain: Pick<StoreChain, "serve">) {
    this.#dataDir = dataDir;
    this.#chain = chain;
  }

  /** The public piece with this root, as of the last look. */
  find(root: Hex): PieceEntry | undefined {
    for (const { entries } of this.#pieces.values()) {
      const found = entries.get(root);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #lookAtPieces(names: readonly string[]): Promise<void> {
    const pieces = new Map<string, Pieces>();
    for (const name of names.slice(0, mostGroups)) {
      const path = join(this.#dataDir, folderName, name);
      const { size, mtimeMs } = await stat(path);
      const version = `${size} ${mtimeMs}`;
      const known = this.#pieces.get(name);
      pieces.set(
        name,
        known?.version === version ? known : { version, entries: readPieces(await readFile(path, "utf8")) },
      );
    }
    this.#pieces = pieces;
  }

  /** Serves the groups of all consents, and knows the public pieces, from now on. */
  async look(): Promise<void> {
    const names = await readdir(join(this.#dataDir, folderName)).catch(() => []);
    await this.#lookAtPieces(names.filter((name) => name.endsWith(".pieces")));
    const groups = names.flatMap((name) => /^(0x[0-9a-f]{40})\.json$/.exec(name)?.[1] ?? []);
    for (const group of groups.slice(0, mostGroups)) this.#chain.serve(group as Hex);
  }

  /** @throws Error if the file is damaged */
  async consent(group: Hex): Promise<ConsentGiven | undefined> {
    const given = await volunteeredConsent(this.#dataDir, group);
    if (given === undefined) return undefined;
    this.#chain.serve(group);
    const { operator, committee, listRoot, bytes, price, receiptKey, sequence, deadline, signature } = given;
    return {
      kind: "consented",
      operator,
      committee,
      listRoot,
      bytes: Number(bytes),
      price,
      receiptKey,
      sequence,
      deadline,
      signature: fromHex(signature),
    };
  }
}
