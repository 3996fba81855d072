/** Room for data: what the volumes have free, less what was promised and has not arrived. */
import type { PieceEntry, PieceList } from "../../storage/core/piece-list.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { dataBytesWithin } from "../../storage/disk/incoming.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import type { StoreRequest } from "../../protocol/codec/store-request.ts";
import type { PayersData, Room } from "./policy.ts";
import { keyOf } from "./requests.ts";
import type { KeptRequest, StoredRequests } from "./requests.ts";

export class Rooms {
  readonly #store: PieceStore;
  readonly #requests: StoredRequests;
  /** By request, the roots of the pieces whose folders exist: their bytes are not free any more. */
  readonly #begun = new Map<string, Set<string>>();

  constructor(store: PieceStore, requests: StoredRequests) {
    this.#store = store;
    this.#requests = requests;
  }

  /** The piece has a folder on a volume. */
  began(kept: KeptRequest, { root }: PieceEntry): void {
    this.#begun.get(keyOf(kept.request))?.add(toHex(root));
  }

  forget(kept: KeptRequest): void {
    this.#begun.delete(keyOf(kept.request));
  }

  async room(): Promise<Room> {
    const looks = await this.#store.volumes.look();
    const ready = looks.filter(({ condition }) => condition === "ready");
    let [free, stored, largestPiece] = [0, 0, 0];
    for (const { freeBytes } of ready) {
      const bytes = dataBytesWithin(freeBytes);
      free += bytes;
      largestPiece = Math.max(largestPiece, bytes);
    }
    for (const { storedBytes } of looks) stored += storedBytes;
    let promised = 0;
    for (const kept of this.#requests.all()) {
      if (kept.state === "waiting") promised += await this.missing(kept);
    }
    return { free: Math.max(0, free - promised), all: free + stored, largestPiece };
  }

  /** Bytes of a request's pieces that have no folder yet; before the list is here, those beyond the group's data. */
  async missing(kept: KeptRequest): Promise<number> {
    const { request, isChecked } = kept;
    if (!isChecked && kept.listed < request.pieces) return this.#growth(request);
    const list = await this.#requests.list(kept);
    const begun = await this.#begunOf(kept, list);
    let missing = 0;
    if (begun.size < list.pieces.length) {
      for (const { root, size } of list.pieces) if (!begun.has(toHex(root))) missing += size;
    }
    return missing;
  }

  async #begunOf({ request }: KeptRequest, list: PieceList): Promise<ReadonlySet<string>> {
    const key = keyOf(request);
    const known = this.#begun.get(key);
    if (known !== undefined) return known;
    const begun = new Set<string>();
    for (const entry of list.pieces) {
      const isHere = await this.#store.begunIncoming(entry);
      if (isHere !== undefined || (await this.#store.entryOf(toHex(entry.root))) !== undefined) {
        begun.add(toHex(entry.root));
      }
    }
    this.#begun.set(key, begun);
    return begun;
  }

  /** What the payer of a request has here without it. */
  payersData(judged: StoreRequest): PayersData {
    const { payer, group } = judged;
    let [bytes, inGroup, waitingBytes, waiting, waitingOfAll] = [0, 0, 0, 0, 0];
    for (const { request, state } of this.#requests.all()) {
      if (keyOf(request) === keyOf(judged)) continue;
      if (state === "waiting") waitingOfAll++;
      if (request.payer !== payer) continue;
      if (state === "waiting") {
        waiting++;
        waitingBytes += this.#growth(request);
      } else if (request.group === group) inGroup = Math.max(inGroup, request.bytes);
      else bytes += request.bytes;
    }
    return { bytes, inGroup, waitingBytes, waiting, waitingOfAll };
  }

  /** Bytes of accepted requests to which no group commits yet. */
  waitingBytes(): number {
    let bytes = 0;
    for (const { request, state } of this.#requests.all()) if (state === "waiting") bytes += request.bytes;
    return bytes;
  }

  /** Bytes of a request beyond those to which its group commits already. */
  #growth({ group, bytes }: StoreRequest): number {
    let held = 0;
    for (const { request, state } of this.#requests.all()) {
      if (request.group === group && state !== "waiting") held = Math.max(held, request.bytes);
    }
    return Math.max(0, bytes - held);
  }
}
