/** Dials the keepers that are not connected, once a round. */
import type { Libp2p } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { Identities } from "./identities.ts";
import { addressesOf } from "../../../daemon/peers/addresses.ts";
import { addressDial_ms } from "./node.ts";

/** Rounds in which the side with the higher peer id waits for the other side to dial. */
const roundsOfOtherSide = 5;

export class Dialer {
  readonly #node: Pick<Libp2p, "dial" | "getPeers" | "peerId">;
  readonly #identities: Pick<Identities, "targets">;
  readonly #stopped: AbortSignal;
  readonly #dialing = new Set<string>();
  /** Consecutive rounds in which a peer was not connected. */
  #missed = new Map<string, number>();

  constructor(
    node: Pick<Libp2p, "dial" | "getPeers" | "peerId">,
    identities: Pick<Identities, "targets">,
    stopped: AbortSignal,
  ) {
    this.#node = node;
    this.#identities = identities;
    this.#stopped = stopped;
  }

  /**
   * The side with the lower peer id dials at once, so that two dials do not cross. The other side dials after some rounds: this
   * reaches a peer that cannot dial, and a second process with the same key (D9). Every peer is dialled independently.
   */
  round(): void {
    const own = this.#node.peerId.toString();
    const connected = new Set(this.#node.getPeers().map(String));
    const before = this.#missed;
    this.#missed = new Map();
    for (const [peerId, addresses] of this.#identities.targets()) {
      if (own === peerId || connected.has(peerId)) continue;
      const missed = (before.get(peerId) ?? 0) + 1;
      this.#missed.set(peerId, missed);
      const isMine = own < peerId || missed > roundsOfOtherSide;
      if (isMine && !this.#dialing.has(peerId)) void this.#dial(peerId, addressesOf(peerId, addresses));
    }
  }

  async #dial(peerId: string, addresses: readonly Multiaddr[]): Promise<void> {
    if (addresses.length === 0) return;
    this.#dialing.add(peerId);
    const limit = AbortSignal.timeout(addressDial_ms * (addresses.length + 1));
    const signal = AbortSignal.any([this.#stopped, limit]);
    await this.#node.dial([...addresses], { signal }).catch(() => undefined);
    this.#dialing.delete(peerId);
  }
}
