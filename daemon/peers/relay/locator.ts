/** Finds the present addresses of a peer: asks relays for the record that the peer signed. */
import { createHash } from "node:crypto";
import { peerIdFromString } from "@libp2p/peer-id";
import { isCircuit, relayOf } from "../addresses.ts";
import type { RelayAddress } from "../addresses.ts";
import { askRelay } from "./ask.ts";
import { AddressBook, openRecord } from "./records.ts";
import type { AddressRecord } from "./records.ts";
import type { DialingNode } from "./stream.ts";

/** Relays that are asked at once, and the most for one question. */
const askedAtOnce = 3;
const mostAsked = 9;
/** After a question without an answer, the peer is not looked for again in this time. */
const unknownFor_ms = 10_000;

export type OwnRecords = {
  /** Of the relay. */
  readonly peerId: string;
  readonly bytesOf: (peerId: string) => Uint8Array | undefined;
};

export type LocatorDependencies = {
  readonly node: DialingNode;
  /** Relays that keepers registered. */
  readonly relays: () => Promise<readonly RelayAddress[]>;
  /** The relay that this process offers: its records are read, and nobody asks it for them. */
  readonly own?: OwnRecords;
};

/** The relays in an order that depends on the peer: the peer tells them its addresses in this order, and others ask them in this order. */
export function relaysFor(peerId: string, relays: readonly RelayAddress[]): RelayAddress[] {
  const score = (relay: RelayAddress): string =>
    createHash("sha256").update(`${peerId} ${relay.peerId}`).digest("hex");
  const unique = new Map(relays.map((relay) => [relay.peerId, relay]));
  return [...unique.values()]
    .map((relay) => ({ relay, at: score(relay) }))
    .toSorted((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ relay }) => relay);
}

export class Locator {
  readonly #on: LocatorDependencies;
  readonly #book: AddressBook;
  readonly #looking = new Map<string, Promise<readonly string[]>>();
  readonly #unknown = new Map<string, number>();
  readonly #maxPeers: number;

  constructor(on: LocatorDependencies, maxPeers: number) {
    this.#on = on;
    this.#maxPeers = maxPeers;
    this.#book = new AddressBook(maxPeers);
  }

  /** Addresses of the newest record found so far. */
  known(peerId: string): readonly string[] {
    return this.#book.recordOf(peerId)?.addresses ?? [];
  }

  /** Looks for a newer record. The addresses of the newest one; none if no relay has one. */
  find(peerId: string, signal?: AbortSignal): Promise<readonly string[]> {
    const looking = this.#looking.get(peerId);
    if (looking !== undefined) return looking;
    if ((this.#unknown.get(peerId) ?? 0) > performance.now()) return Promise.resolve(this.known(peerId));
    const found = this.#find(peerId, signal).finally(() => this.#looking.delete(peerId));
    this.#looking.set(peerId, found);
    return found;
  }

  async #find(peerId: string, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const registered = await this.#on.relays().catch(() => undefined);
    const relays = relaysFor(peerId, registered ?? []);
    const trusted = new Set(relays.map((relay) => relay.peerId));
    const own = this.#on.own?.bytesOf(peerId);
    if (own !== undefined) await this.#keep(peerId, own, trusted);
    const others = relays.filter((relay) => relay.peerId !== this.#on.own?.peerId);
    for (let first = 0; first < Math.min(others.length, mostAsked); first += askedAtOnce) {
      const asked = others.slice(first, first + askedAtOnce).map((relay) => this.#ask(relay, peerId, signal));
      const answers = (await Promise.all(asked)).filter((bytes) => bytes !== undefined);
      const kept = await Promise.all(answers.map((bytes) => this.#keep(peerId, bytes, trusted)));
      if (kept.some(Boolean)) return this.known(peerId);
    }
    // If the relays cannot be read now, nobody was asked.
    if (own === undefined && registered !== undefined) this.#noteUnknown(peerId);
    return this.known(peerId);
  }

  async #ask(
    relay: RelayAddress,
    peerId: string,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const request = { kind: "ask", peerId: peerIdFromString(peerId).toMultihash().bytes } as const;
    const answer = await askRelay(this.#on.node, relay, request, signal).catch(() => undefined);
    return answer?.kind === "record" ? answer.record : undefined;
  }

  /** False: the record is not one of this peer. A stale one is kept out by its sequence. */
  async #keep(peerId: string, bytes: Uint8Array, trusted: ReadonlySet<string>): Promise<boolean> {
    const opened = await openRecord(bytes);
    if (!opened.ok || opened.value.peerId !== peerId) return false;
    this.#book.add(usable(opened.value, trusted), bytes);
    return true;
  }

  #noteUnknown(peerId: string): void {
    this.#unknown.delete(peerId);
    this.#unknown.set(peerId, performance.now() + unknownFor_ms);
    if (this.#unknown.size > this.#maxPeers) {
      this.#unknown.delete(this.#unknown.keys().next().value as string);
    }
  }
}

/** Drops addresses over relays that no keeper registered: so a record cannot make this node know any number of peers (L4). */
function usable(record: AddressRecord, trusted: ReadonlySet<string>): AddressRecord {
  const addresses = record.addresses.filter((text) => !isCircuit(text) || trusted.has(relayOf(text) ?? ""));
  return { ...record, addresses };
}
