/**
 * Keeps this node reachable: tells the relays of keepers at which addresses it is reached, and reserves places at some of them if it
 * has no open port. A relay that ends is replaced by another one. None of this needs a transaction.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Libp2p, PrivateKey } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { maxAddresses, maxTried } from "../../../protocol/codec/address.ts";
import type { Role } from "../../../protocol/codec/address.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { tellAgain_ms } from "../../../protocol/limits/relay.ts";
import { addressesOf } from "../addresses.ts";
import type { RelayAddress } from "../addresses.ts";
import { askRelay } from "./ask.ts";
import { relaysFor } from "./locator.ts";
import { sealRecord } from "./records.ts";
import type { RelaySetting } from "./settings.ts";
import type { RelayedTransport } from "./transport.ts";

/** Relays at which a place is reserved: one, and a second one for when the first ends. */
const relaysUsed = 2;
/** Relays of other keepers than those of the own committees to which the addresses are told. */
const relaysTold = 4;
/** Pause between two looks, and after a relay was lost. */
const look_ms = 5_000;
/** The list of relays is read again after this time. */
const listAge_ms = 30_000;

export type RelayUseDependencies = {
  readonly node: Pick<Libp2p, "dial" | "getConnections" | "peerId">;
  readonly transport: RelayedTransport;
  readonly privateKey: PrivateKey;
  readonly role: Role;
  readonly operator: Hex;
  /** Addresses at which this node is reached without a relay, if its ports are open. */
  readonly direct: readonly string[];
  readonly use: Exclude<RelaySetting, "never">;
  /** Relays of the keepers of the own committees, and those of other keepers. */
  readonly relays: () => Promise<{
    readonly own: readonly RelayAddress[];
    readonly others: readonly RelayAddress[];
  }>;
  readonly onChange: (state: RelayState) => void;
};

export type RelayState = {
  /** Undefined: no relay has said so yet. */
  readonly isReachable: boolean | undefined;
  /** Addresses in the present record. */
  readonly addresses: readonly string[];
  /** Why the relays that refused did so; empty if none did. */
  readonly refusals: readonly string[];
};

export class RelayUse {
  readonly #on: RelayUseDependencies;
  #relays: readonly RelayAddress[] = [];
  #listedAt_ms = Number.NEGATIVE_INFINITY;
  /** By relay: the addresses that it was told last, and when. */
  readonly #told = new Map<string, { readonly addresses: string; readonly at_ms: number }>();
  readonly #verdicts = new Map<string, boolean>();
  readonly #refusals = new Map<string, string>();
  /** Relays at which a place is reserved. */
  readonly #chosen = new Map<string, RelayAddress>();
  #sequence = 0n;
  #state = "";
  #wake = new AbortController();

  constructor(on: RelayUseDependencies) {
    this.#on = on;
    on.transport.onLost(() => this.#wake.abort());
  }

  /** Whether this node chose the relay: what such a relay sends is bounded by the relay's limits. */
  isChosen(peer: string): boolean {
    return this.#chosen.has(peer);
  }

  /** What most relays say; a few of them may lie. */
  get isReachable(): boolean | undefined {
    const verdicts = [...this.#verdicts.values()];
    if (verdicts.length === 0) return undefined;
    return 2 * verdicts.filter(Boolean).length > verdicts.length;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal).catch(() => undefined);
      if (signal.aborted) return;
      const awake = this.#wake.signal.aborted;
      this.#wake = new AbortController();
      const either = AbortSignal.any([signal, this.#wake.signal]);
      await sleep(awake ? look_ms / 10 : look_ms, undefined, { signal: either }).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    await this.#list();
    this.#dropLost();
    await this.#tell(signal);
    const isNeeded = this.#on.use === "always" || this.isReachable === false;
    if (isNeeded) await this.#reserve(signal);
    // A reservation changed the addresses: they are told to the relays at once.
    await this.#tell(signal);
    await this.#leaveOthers();
    this.#report();
  }

  async #list(): Promise<void> {
    if (performance.now() - this.#listedAt_ms < listAge_ms) return;
    const { own, others } = await this.#on.relays();
    const me = this.#on.node.peerId.toString();
    this.#relays = [...relaysFor(me, own), ...relaysFor(me, others).slice(0, relaysTold)];
    this.#listedAt_ms = performance.now();
    const known = new Set(this.#relays.map(({ peerId }) => peerId));
    for (const map of [this.#told, this.#verdicts, this.#refusals, this.#chosen]) {
      for (const peer of map.keys()) if (!known.has(peer)) map.delete(peer);
    }
  }

  #dropLost(): void {
    for (const peer of this.#chosen.keys()) {
      if (this.#on.transport.has(peerIdFromString(peer))) continue;
      this.#chosen.delete(peer);
      // A relay that was started again has lost the addresses.
      this.#told.delete(peer);
    }
  }

  /** Present addresses: direct ones unless they are known to be closed, and those over the relays. */
  #addresses(): string[] {
    const { direct, node } = this.#on;
    const me = node.peerId.toString();
    const open = this.isReachable === false ? [] : direct;
    const relayed = [...this.#chosen.values()].flatMap(({ peerId, addresses }) =>
      addressesOf(peerId, addresses).map((address) => `${address.toString()}/p2p-circuit/p2p/${me}`),
    );
    return [...open, ...relayed].slice(0, maxAddresses);
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const now_ms = performance.now();
    const addresses = this.#addresses();
    const text = addresses.join(" ");
    const late = this.#relays.filter(({ peerId }) => {
      const told = this.#told.get(peerId);
      return told === undefined || told.addresses !== text || now_ms - told.at_ms > tellAgain_ms;
    });
    if (late.length === 0) return;
    const record = await this.#seal(addresses);
    await Promise.all(late.map((relay) => this.#tellOne(relay, record, text, signal)));
  }

  async #seal(addresses: readonly string[]): Promise<Uint8Array> {
    const now = BigInt(Date.now());
    this.#sequence = now > this.#sequence ? now : this.#sequence + 1n;
    return sealRecord(this.#on.privateKey, addresses, this.#sequence);
  }

  async #tellOne(relay: RelayAddress, record: Uint8Array, text: string, signal: AbortSignal): Promise<void> {
    const { node, role, operator, direct } = this.#on;
    const { peerId } = relay;
    try {
      const tried = direct.slice(0, maxTried);
      const request = { kind: "tell", role, operator, record, direct: tried } as const;
      const answer = await askRelay(node, relay, request, signal);
      if (answer.kind === "told") {
        this.#told.set(peerId, { addresses: text, at_ms: performance.now() });
        this.#verdicts.set(peerId, answer.reachable);
        this.#refusals.delete(peerId);
      } else this.#refusals.set(peerId, answer.kind === "refused" ? answer.detail : "no valid answer");
    } catch (error) {
      this.#refusals.set(peerId, (error as Error).message);
    }
  }

  /** Closes the connections to relays that were only told the addresses, if nothing goes over them. */
  async #leaveOthers(): Promise<void> {
    const others = this.#relays.filter(({ peerId }) => !this.#chosen.has(peerId));
    const open = others.flatMap(({ peerId }) => this.#on.node.getConnections(peerIdFromString(peerId)));
    const idle = open.filter(({ limits, streams }) => limits === undefined && streams.length === 0);
    await Promise.all(idle.map((connection) => connection.close().catch(() => undefined)));
  }

  async #reserve(signal: AbortSignal): Promise<void> {
    for (const relay of this.#relays) {
      if (this.#chosen.size >= relaysUsed || signal.aborted) return;
      const { peerId } = relay;
      // A place is reserved for a peer that the relay knows.
      if (this.#chosen.has(peerId) || !this.#told.has(peerId)) continue;
      try {
        await this.#on.node.dial(addressesOf(peerId, relay.addresses), { signal });
        await this.#on.transport.reserve(peerIdFromString(peerId));
        this.#chosen.set(peerId, relay);
      } catch (error) {
        this.#refusals.set(peerId, (error as Error).message);
        this.#told.delete(peerId);
      }
    }
  }

  #report(): void {
    const state = {
      isReachable: this.isReachable,
      addresses: this.#addresses(),
      refusals: [...this.#refusals].map(([peer, why]) => `${peer}: ${why}`),
    };
    const text = JSON.stringify(state);
    if (text === this.#state) return;
    this.#state = text;
    this.#on.onChange(state);
  }
}
