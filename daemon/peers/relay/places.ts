/** The peers that a relay serves: those of registered operators, as many as the limits allow (L4). */
import { placeLife_ms } from "../../../protocol/limits/relay.ts";
import type { RelayPlaces } from "../../../protocol/limits/relay.ts";

type Place = { readonly peer: string; readonly isServed: boolean; readonly until_ms: number };

export class Places {
  readonly #most: () => RelayPlaces;
  readonly #now_ms: () => number;
  /** By operator and role: an operator has one place for each. */
  readonly #places = new Map<string, Place>();
  readonly #peers = new Map<string, string>();

  constructor(most: () => RelayPlaces, now_ms: () => number) {
    this.#most = most;
    this.#now_ms = now_ms;
  }

  get size(): number {
    return this.#places.size;
  }

  has(peer: string): boolean {
    return this.#peers.has(peer);
  }

  /**
   * Gives the peer the place of its operator, or prolongs it. False if all places are taken. The caller has checked that the registry
   * names this peer for this operator.
   */
  take(name: string, peer: string, isServed: boolean): boolean {
    this.sweep();
    const { served, newcomers } = this.#most();
    const others = [...this.#places].filter(([of, place]) => of !== name && place.isServed === isServed);
    if (others.length >= (isServed ? served : newcomers)) return false;
    this.#free(name);
    const before = this.#peers.get(peer);
    // A peer that is registered for two operators has one place.
    if (before !== undefined) this.#free(before);
    this.#places.set(name, { peer, isServed, until_ms: this.#now_ms() + placeLife_ms });
    this.#peers.set(peer, name);
    return true;
  }

  /** Frees the places of peers that did not tell their addresses again. Returns these peers. */
  sweep(): string[] {
    const now_ms = this.#now_ms();
    const late = [...this.#places].filter(([, { until_ms }]) => until_ms <= now_ms);
    for (const [name] of late) this.#free(name);
    return late.map(([, { peer }]) => peer);
  }

  #free(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#places.delete(name);
    this.#peers.delete(place.peer);
  }
}
