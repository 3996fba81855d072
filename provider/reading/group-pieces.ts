/** Which pieces are a group's, and which anybody may read: a permission for one group must not open the data of another (R44). */
import { PieceIndex } from "../../storage/core/piece-index.ts";
import type { PieceEntry, PieceList } from "../../storage/core/piece-list.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupStanding } from "../chain-reads.ts";
import type { StoredRequests } from "../store/requests.ts";

/** A range follows the one before: the lists are looked at again after this time. */
const answerStays_ms = 2_000;
const maxAnswers = 4096;

export type GroupPiecesDependencies = {
  readonly chain: { standing(group: Hex): Promise<GroupStanding> };
  readonly store: Pick<PieceStore, "list" | "currentList" | "entryOf">;
  readonly requests: Pick<StoredRequests, "all" | "list">;
  /** A piece of an archive for which this provider volunteers. */
  readonly volunteered: (root: Hex) => PieceEntry | undefined;
  readonly now_ms: () => number;
};

type Answer = { readonly entry: PieceEntry | undefined; readonly until_ms: number };

export class GroupPieces {
  readonly #deps: GroupPiecesDependencies;
  readonly #indices = new WeakMap<PieceList, PieceIndex>();
  /** In the order of insertion. */
  readonly #answers = new Map<string, Answer>();

  constructor(deps: GroupPiecesDependencies) {
    this.#deps = deps;
  }

  /** The piece with this root in a list of the group: on chain, ingested for it, or stored by a request of its payer. */
  find(group: Hex, root: Hex): Promise<PieceEntry | undefined> {
    return this.#cached(`${group}/${root}`, () => this.#find(group, root));
  }

  /**
   * The piece with this root, if the payer of a group that pays for it stored it as public data (R45), or if this provider stores it for nothing
   * as a file of an archive.
   */
  findPublic(root: Hex): Promise<PieceEntry | undefined> {
    return this.#cached(`public/${root}`, () => this.#findPublic(root));
  }

  /** Whether a piece with this root is on the disk at all: one look for a file a volume. */
  async isStored(root: Hex): Promise<boolean> {
    return (await this.#deps.store.entryOf(root)) !== undefined;
  }

  async #cached(key: string, find: () => Promise<PieceEntry | undefined>): Promise<PieceEntry | undefined> {
    const now_ms = this.#deps.now_ms();
    const known = this.#answers.get(key);
    if (known !== undefined && known.until_ms > now_ms) return known.entry;
    const entry = await find();
    this.#answers.delete(key);
    this.#answers.set(key, { entry, until_ms: now_ms + answerStays_ms });
    if (this.#answers.size > maxAnswers) this.#answers.delete(this.#answers.keys().next().value as string);
    return entry;
  }

  async #find(group: Hex, root: Hex): Promise<PieceEntry | undefined> {
    for await (const list of this.#listsOf(group)) {
      const found = this.#indexOf(list).find(fromHex(root));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async *#listsOf(group: Hex): AsyncGenerator<PieceList> {
    const { chain, store, requests } = this.#deps;
    const { own } = await chain.standing(group);
    for (const listRoot of new Set(own?.data.map((change) => change.listRoot))) {
      const list = await store.list(fromHex(listRoot));
      if (list !== undefined) yield list;
    }
    const current = await store.currentList(group);
    if (current !== undefined) yield current;
    for (const kept of requests.all()) {
      // Of what ended, the data stays for a grace time, in which the payer may still read it.
      if (kept.request.group === group && kept.isChecked) yield requests.list(kept);
    }
  }

  async #findPublic(root: Hex): Promise<PieceEntry | undefined> {
    const { requests } = this.#deps;
    for (const kept of requests.all()) {
      if (!kept.request.isPublic || kept.state !== "serving") continue;
      const found = this.#indexOf(await requests.list(kept)).find(fromHex(root));
      if (found !== undefined) return found;
    }
    return this.#deps.volunteered(root);
  }

  #indexOf(list: PieceList): PieceIndex {
    const known = this.#indices.get(list);
    if (known !== undefined) return known;
    const index = new PieceIndex(list.pieces);
    this.#indices.set(list, index);
    return index;
  }
}
