/**
 * Piece lists that providers gave, kept by their roots: a list cannot change under its root, and a provider that is gone gives none any more.
 */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import { makePieceList, type PieceList } from "../../storage/core/piece-list.ts";
import { writeFileAtomic } from "../../storage/disk/atomic-write.ts";

const schema = z.strictObject({
  version: z.literal(1),
  pieces: z.array(z.strictObject({ root: z.string().regex(/^0x[0-9a-f]{64}$/), size: z.int().min(1) })),
});

export class KnownLists {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined if the list is not here, or its file is damaged. */
  async get(listRoot: Hex): Promise<PieceList | undefined> {
    const text = await readFile(this.#path(listRoot), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    try {
      const { pieces } = schema.parse(JSON.parse(text));
      const list = makePieceList(pieces.map(({ root, size }) => ({ root: fromHex(root), size })));
      return toHex(list.root) === listRoot ? list : undefined;
    } catch {
      return undefined;
    }
  }

  /** Roots of the lists that are here, damaged ones too. */
  async roots(): Promise<Hex[]> {
    const names = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return names.flatMap((name): Hex[] => {
      const digits = /^([0-9a-f]{64})\.json$/.exec(name)?.[1];
      return digits === undefined ? [] : [`0x${digits}`];
    });
  }

  async put(list: PieceList): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const pieces = list.pieces.map(({ root, size }) => ({ root: toHex(root), size }));
    await writeFileAtomic(this.#path(toHex(list.root)), JSON.stringify({ version: 1, pieces }));
  }

  #path(listRoot: Hex): string {
    return join(this.#folder, `${listRoot.slice(2)}.json`);
  }
}
