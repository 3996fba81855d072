/** Dials the keepers that are not connected, once a round; over a relay if it must be. */
import type { Libp2p } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { addressesOf, isCircuit } from "../../../daemon/peers/addresses.ts";
import type { Locator } from "../../../daemon/peers/relay/locator.ts";
import { reach } from "../../../daemon/peers/relay/reach.ts";
import { bestFirst, isWornOut } from "../../../daemon/peers/relay/stream.ts";
import type { RelayedLife } from "../../../protocol/limits/relay.ts";
import type { Identities } from "./identities.ts";
import { relayedDial_ms } from "./node.ts";

/** Rounds in which the side with the higher peer id waits for the other side to dial. */
const roundsOfOtherSide = 5;
/** Rounds between two attempts to replace a connection over a relay by a direct one. */
const roundsRelayed = 60;
/** Pause between two questions to relays about one keeper: the absent third of the largest committee stays within their rate. */
const look_ms = 10_000;

export type KeeperLocator = Pick<Locator, "known" | "find">;

type DialerDependencies = {
  readonly node: Pick<Libp2p, "dial" | "getConnections" | "peerId">;
  readonly identities: Pick<Identities, "targets">;
  /** Undefined: only the registered addresses are dialled. */
  readonly locator: () => KeeperLocator | undefined;
  readonly life: RelayedLife;
  readonly stopped: AbortSignal;
};

export class Dialer {
  readonly #on: DialerDependencies;
  readonly #dialing = new Set<string>();
  /** Consecutive rounds in which a peer was not connected, or over a relay alone. */
  #missed = new Map<string, number>();
  #relayed = new Map<string, number>();
  /** Time of the last question to relays about a peer. */
  #looked_ms = new Map<string, number>();

  constructor(on: DialerDependencies) {
    this.#on = on;
  }

  /**
   * The side with the lower peer id dials at once, so that two dials do not cross. The other side dials after some rounds: this
   * reaches a peer that cannot dial, and a second process with the same key (D9). Every peer is dialled independently.
   */
  round(): void {
    const { node, identities, life } = this.#on;
    const own = node.peerId.toString();
    const open = Map.groupBy(node.getConnections(), ({ remotePeer }) => remotePeer.toString());
    const [missed, relayed, looked_ms] = [this.#missed, this.#relayed, this.#looked_ms];
    [this.#missed, this.#relayed, this.#looked_ms] = [new Map(), new Map(), new Map()];
    for (const [peerId, addresses] of identities.targets()) {
      if (own === peerId) continue;
      const last_ms = looked_ms.get(peerId);
      if (last_ms !== undefined) this.#looked_ms.set(peerId, last_ms);
      const [best] = bestFirst(open.get(peerId) ?? []);
      // One over a relay that ends soon does not count: a new one is made.
      const connection = best === undefined || isWornOut(best, life) ? undefined : best;
      const isRelayed = connection?.limits !== undefined;
      if (connection !== undefined && !isRelayed) continue;
      const [before, counts] = isRelayed ? [relayed, this.#relayed] : [missed, this.#missed];
      const count = (before.get(peerId) ?? 0) + 1;
      counts.set(peerId, count);
      if (this.#dialing.has(peerId)) continue;
      if (isRelayed) {
        // The two sides try at different times, so that two dials do not cross.
        const turn = own < peerId ? 0 : roundsOfOtherSide;
        if (count % roundsRelayed === turn)
          void this.#alone(peerId, () => this.#dialDirect(peerId, addresses));
      } else if (own < peerId || count > roundsOfOtherSide) {
        void this.#alone(peerId, () => this.#dial(peerId, addresses));
      }
    }
  }

  async #alone(peerId: string, dial: () => Promise<unknown>): Promise<void> {
    this.#dialing.add(peerId);
    await dial().catch(() => undefined);
    this.#dialing.delete(peerId);
  }

  #dial(peerId: string, addresses: readonly string[]): Promise<unknown> {
    const { locator: located, stopped } = this.#on;
    const locator = located();
    const looking = locator && {
      known: (peer: string) => locator.known(peer),
      find: (peer: string, signal?: AbortSignal) =>
        this.#mayLook(peer) ? locator.find(peer, signal) : Promise.resolve([]),
    };
    return reach({ peerId, addresses }, looking, (found) => this.#at(found), stopped);
  }

  async #dialDirect(peerId: string, registered: readonly string[]): Promise<void> {
    const known = this.#on.locator()?.known(peerId) ?? [];
    const direct = [...new Set([...known, ...registered])].filter((text) => !isCircuit(text));
    const addresses = addressesOf(peerId, direct);
    if (addresses.length > 0) await this.#at(addresses);
  }

  async #at(addresses: readonly Multiaddr[]): Promise<void> {
    const limit = AbortSignal.timeout(relayedDial_ms * (addresses.length + 1));
    const signal = AbortSignal.any([this.#on.stopped, limit]);
    await this.#on.node.dial([...addresses], { signal, force: true });
  }

  #mayLook(peerId: string): boolean {
    const now_ms = performance.now();
    if (now_ms - (this.#looked_ms.get(peerId) ?? Number.NEGATIVE_INFINITY) < look_ms) return false;
    this.#looked_ms.set(peerId, now_ms);
    return true;
  }
}
