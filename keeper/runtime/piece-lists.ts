/**
 * Piece lists by their roots (R10): in memory up to a bound of bytes, on disk until the last slot under them is certified, otherwise
 * fetched from the provider or another keeper. If a provider withholds its list from one keeper, any other keeper serves it.
 */
import {
  maxPagePieces,
  decodePiecesRequest,
  decodePiecesResponse,
  encodePiecesRequest,
  encodePiecesResponse,
} from "../../protocol/codec/challenge.ts";
import { PieceCollector, pageOf } from "../../protocol/codec/piece-pages.ts";
import type { CommitteeSnapshot, DataCheckpoint } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import { listCache } from "../../protocol/limits/derived.ts";
import type { ClockPort } from "../ports/clock.ts";
import type { StorePort } from "../ports/store.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { TransportPort } from "../ports/transport.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { ByteCache } from "../../storage/core/byte-cache.ts";
import { PieceEntries, listMemory, listOfEntries } from "../../storage/core/piece-list.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";

export type ListDependencies = {
  readonly store: Pick<StorePort, "keepList" | "listOf" | "pruneLists">;
  readonly telemetry: Pick<TelemetryPort, "info" | "error">;
  readonly transport: Pick<TransportPort, "ask">;
  readonly clock: Pick<ClockPort, "now_ms">;
};

export type ListQuery = {
  readonly committee: CommitteeSnapshot;
  /** Address of the provider's group. */
  readonly group: Hex;
  readonly provider: number;
  readonly data: DataCheckpoint;
};

/** A source of a list: a keeper, named by its operator, or a function that asks the provider. */
export type Source = Hex | (() => Promise<PieceList | undefined>);

export class PieceLists {
  readonly #on: ListDependencies;
  /** Real-time limit for all pages of one holder. */
  readonly #timeout_ms: number;
  readonly #lists = new ByteCache(listCache.bytes, listMemory);
  /** Fetches under way, so that several requests for one list cause one fetch. */
  readonly #fetching = new Map<string, Promise<PieceList | undefined>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Consecutive questions that a keeper has not answered with a list. At most one entry for each member. */
  readonly #failures = new Map<Hex, number>();

  constructor(timeout_ms: number, on: ListDependencies) {
    this.#timeout_ms = timeout_ms;
    this.#on = on;
  }

  /** The list, if it is in memory. */
  inMemory(listRoot: Hex): PieceList | undefined {
    return this.#lists.get(listRoot);
  }

  /** The list from memory or disk, or from the first source that has it. */
  async find(query: ListQuery, sources: readonly Source[]): Promise<PieceList | undefined> {
    const { committee, group, provider, data } = query;
    const known = await this.#kept(committee.address, data.listRoot);
    if (known !== undefined) return known;
    // Two providers may have the same list. The key has the provider, so that one that does not serve it does not block the other (L3).
    const key = `${group}/${data.listRoot}/${provider}`;
    const running = this.#fetching.get(key);
    if (running !== undefined) return running;
    const fetch = this.#inTurn(() => this.#fetch(query, sources));
    this.#fetching.set(key, fetch);
    try {
      return await fetch;
    } finally {
      this.#fetching.delete(key);
    }
  }

  /** Sorts keepers by their recent failures, fewest first, so that silent keepers do not use up the time of a round (L3). */
  helpfulFirst(keepers: readonly Hex[]): Hex[] {
    const failures = (keeper: Hex): number => Math.min(this.#failures.get(keeper) ?? 0, 8);
    return [...new Set(keepers)].sort((a, b) => failures(a) - failures(b));
  }

  /** Answers the question of another keeper for a page of a list. */
  async answer(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const question = decodePiecesRequest(bytes);
    if (!question.ok) return undefined;
    const { committee, listRoot, first } = question.value;
    const list = await this.#kept(committee, listRoot);
    if (list === undefined || first >= list.pieces.length) return undefined;
    return encodePiecesResponse(pageOf(list, first));
  }

  /** Deletes lists that no uncertified slot needs. */
  async prune({ address, groups }: CommitteeSnapshot): Promise<void> {
    const providers = groups.flatMap((group) => group.providers);
    const inUse = new Set(providers.flatMap(({ history }) => history.map(({ listRoot }) => listRoot)));
    await this.#on.store.pruneLists(address, inUse);
  }

  async #kept(committee: Hex, listRoot: Hex): Promise<PieceList | undefined> {
    const known = this.#lists.get(listRoot);
    if (known !== undefined) return known;
    const entries = await this.#on.store.listOf(committee, listRoot);
    if (entries === undefined) return undefined;
    const list = this.#listOf(entries);
    if (list === undefined || toHex(list.root) !== listRoot) {
      this.#on.telemetry.error("a piece list on disk is damaged and is fetched again", {
        committee,
        listRoot,
      });
      return undefined;
    }
    this.#lists.set(listRoot, list);
    return list;
  }

  #listOf(entries: Uint8Array): PieceList | undefined {
    try {
      return listOfEntries(new PieceEntries(entries));
    } catch {
      return undefined;
    }
  }

  /** Bounds the fetches at once: each may need about 5 MB. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= listCache.fetches) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #fetch(query: ListQuery, sources: readonly Source[]): Promise<PieceList | undefined> {
    for (const source of sources) {
      const list = typeof source === "string" ? await this.#fromKeeper(query, source) : await source();
      if (typeof source === "string") {
        this.#failures.set(source, list === undefined ? (this.#failures.get(source) ?? 0) + 1 : 0);
      }
      if (list === undefined) continue;
      this.#keep(query.committee.address, query.data.listRoot, list);
      return list;
    }
    return undefined;
  }

  #keep(committee: Hex, listRoot: Hex, list: PieceList): void {
    this.#lists.set(listRoot, list);
    this.#on.store.keepList(committee, listRoot, list.pieces.bytes).catch((error: unknown) => {
      this.#on.telemetry.error("a piece list could not be written to disk", {
        committee,
        error: String(error),
      });
    });
  }

  async #fromKeeper(
    { committee, group, provider, data }: ListQuery,
    keeper: Hex,
  ): Promise<PieceList | undefined> {
    const { chainId, address } = committee;
    const { listRoot } = data;
    const { clock, transport } = this.#on;
    const deadline_ms = clock.now_ms() + this.#timeout_ms;
    const pages = new PieceCollector(data);
    for (let first = pages.next; first !== undefined; first = pages.next) {
      // One time limit for all pages: a slow holder must not keep this keeper from asking the next one (L3).
      if (clock.now_ms() > deadline_ms) return undefined;
      const question = encodePiecesRequest({ chainId, committee: address, group, provider, listRoot, first });
      const reply = await transport.ask(keeper, "pieces", question);
      const page = reply === undefined ? undefined : decodePiecesResponse(reply);
      if (page?.ok !== true || page.value.kind !== "pieces") return undefined;
      const full = Math.min(page.value.total - first, maxPagePieces);
      if (page.value.pieces.length !== full) return undefined;
      pages.add(page.value);
    }
    const collected = pages.list();
    return collected.ok ? collected.value : undefined;
  }
}
