/** The relay's answers on `/whitepay/address/1`: who gets a place, and where a peer is reached. */
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { encodeBase58 } from "ethers";
import { addressesOf, isCircuit } from "../../../daemon/peers/addresses.ts";
import type { Places } from "../../../daemon/peers/relay/places.ts";
import { openRecord } from "../../../daemon/peers/relay/records.ts";
import type { AddressBook } from "../../../daemon/peers/relay/records.ts";
import {
  addressProtocol,
  decodeAddressRequest,
  encodeAddressAnswer,
  maxAddressRequestBytes,
} from "../../../protocol/codec/address.ts";
import type { AddressAnswer, AddressRequest, Role } from "../../../protocol/codec/address.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { maxProviderNames } from "../../../protocol/limits/derived.ts";
import { addressRate, strangersTellRate, tellRate } from "../../../protocol/limits/relay.ts";
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import type { Endpoint } from "../../ports/chain.ts";

/** What the chain says about operators. */
export type Registrations = {
  /** @throws if no endpoint of the chain answers */
  of(role: Role, operator: Hex): Promise<Pick<Endpoint, "peerId"> | undefined>;
  /** Whether the operator has a seat in a committee of this keeper, or stores data for a group of it. */
  isServed(role: Role, operator: Hex): boolean;
};

export type AddressDeskDependencies = {
  readonly node: Pick<Libp2p, "handle" | "dial">;
  readonly places: Places;
  readonly records: AddressBook;
  readonly registrations: Registrations;
  /** A peer made a request. */
  readonly used: (peer: string) => void;
  /** A peer that has a place told its addresses on this connection. */
  readonly told: (connection: Connection) => void;
  /** A request was refused. */
  readonly refused: () => void;
  readonly onReason: (code: ReasonCode, detail: string) => void;
};

const answer_ms = 12_000;
/** To find out whether a peer has an open port. */
const tryAddresses_ms = 5_000;
const maxStreams = 2;

function refused(detail: string): AddressAnswer {
  return { kind: "refused", detail };
}

export class AddressDesk {
  readonly #on: AddressDeskDependencies;
  readonly #buckets = new TokenBuckets(maxProviderNames, () => performance.now());

  constructor(on: AddressDeskDependencies) {
    this.#on = on;
  }

  async serve(): Promise<void> {
    const handler = (stream: Stream, connection: Connection): void => {
      this.#hear(stream, connection).catch((error: unknown) => stream.abort(error as Error));
    };
    await this.#on.node.handle(addressProtocol, handler, { maxInboundStreams: maxStreams });
  }

  async #hear(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString();
    const signal = AbortSignal.timeout(answer_ms);
    const io = lpStream(stream, { maxDataLength: maxAddressRequestBytes });
    const decoded = decodeAddressRequest((await io.read({ signal })).slice());
    this.#on.used(peer);
    const answer = decoded.ok
      ? await this.#answer(decoded.value, peer)
      : refused(`malformed: ${decoded.detail}`);
    if (answer.kind === "told") this.#on.told(connection);
    if (answer.kind === "refused") this.#on.refused();
    await io.write(encodeAddressAnswer(answer), { signal });
    await stream.close({ signal });
  }

  async #answer(request: AddressRequest, peer: string): Promise<AddressAnswer> {
    if (request.kind === "tell") return this.#tell(request, peer);
    if (!this.#buckets.take(`questions of ${peer}`, addressRate)) {
      return refused("too many questions of this peer; ask again later");
    }
    const record = this.#on.records.bytesOf(encodeBase58(request.peerId));
    return record === undefined ? { kind: "unknown" } : { kind: "record", record };
  }

  #mayTell(peer: string): boolean {
    if (!this.#buckets.take(`told by ${peer}`, tellRate)) return false;
    return this.#on.places.has(peer) || this.#buckets.take("told by strangers", strangersTellRate);
  }

  async #tell(
    { role, operator, record, direct }: Extract<AddressRequest, { kind: "tell" }>,
    peer: string,
  ): Promise<AddressAnswer> {
    const { places, records, registrations, onReason } = this.#on;
    if (!this.#mayTell(peer)) {
      onReason("wire-flood", `addresses told by ${peer}`);
      return refused("too many records; tell it again later");
    }
    const opened = await openRecord(record);
    if (!opened.ok) return refused(`record: ${opened.detail}`);
    const told = opened.value;
    // Each peer tells its own record, so nobody can bring back an older one.
    if (told.peerId !== peer) return refused(`record: expected one of ${peer}, actual of ${told.peerId}`);
    const registered = await registrations.of(role, operator);
    if (registered?.peerId !== peer) {
      onReason("wire-stranger", `${peer} is not registered for ${role} ${operator}`);
      return refused(`expected the peer that ${role} ${operator} registered, actual ${peer}`);
    }
    if (!places.take(`${role} ${operator}`, peer, registrations.isServed(role, operator))) {
      return refused("all places of this relay are taken; use another one");
    }
    if (!records.add(told, record)) return refused("a newer record of this peer is known");
    return { kind: "told", reachable: await this.#reaches(peer, direct) };
  }

  /** Dials the peer anew: its key must answer there. */
  async #reaches(peer: string, texts: readonly string[]): Promise<boolean> {
    const direct = addressesOf(
      peer,
      texts.filter((text) => !isCircuit(text)),
    );
    if (direct.length === 0) return false;
    try {
      const signal = AbortSignal.timeout(tryAddresses_ms);
      const connection = await this.#on.node.dial(direct, { signal, force: true });
      await connection.close({ signal });
      return true;
    } catch {
      return false;
    }
  }
}
