/**
 * R3: the proof of identity, as the first thing on every connection between keepers. Who dialed says who it is; the other side
 * answers with its own statement if it believes that; the first side says whether it believes the answer. Each side knows then
 * that both are proven, and gossip begins.
 */
import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import { byteStream } from "@libp2p/utils";
import {
  IDENTITY_PROTOCOL,
  STATEMENT_BYTES,
  decodeStatement,
  encodeStatement,
  identityDigest,
} from "../../../protocol/codec/identity.ts";
import type { RegistryScope } from "../../../protocol/codec/identity.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { identityRate, maxKeeperNames } from "../../../protocol/limits/derived.ts";
import { TokenBuckets } from "../../../protocol/limits/token-buckets.ts";
import type { Identities } from "./identities.ts";

export type IdentityOptions = RegistryScope & {
  /** This keeper's operator. */
  readonly operator: Hex;
  readonly sign: (digest: Hex) => Hex;
  readonly signer: (digest: Hex, signature: Hex) => Hex | undefined;
};

export type HandshakeDependencies = {
  readonly node: Libp2p;
  readonly identities: Identities;
  readonly onReason: (code: ReasonCode, detail: string) => void;
  /** Both sides of this connection have proven themselves. */
  readonly onMutual: (peer: PeerId, connection: Connection) => void;
  /** This peer was a keeper until another one proved to be it. */
  readonly onDisplaced: (peerId: string) => void;
};

const handshake_ms = 5_000;
const refused = Uint8Array.of(0);
const believed = Uint8Array.of(1);

export class Handshake {
  readonly #me: IdentityOptions;
  readonly #on: HandshakeDependencies;
  readonly #askers: TokenBuckets;
  /** Connections with a handshake under way, or behind them. */
  readonly #begun = new WeakSet<Connection>();
  #own: Uint8Array | undefined;

  constructor(me: IdentityOptions, on: HandshakeDependencies, groups: number) {
    this.#me = me;
    this.#on = on;
    this.#askers = new TokenBuckets(maxKeeperNames(groups), () => performance.now());
  }

  async serve(): Promise<void> {
    const handler = (stream: Stream, connection: Connection): void => {
      this.#answer(stream, connection).catch((error: unknown) => stream.abort(error as Error));
    };
    await this.#on.node.handle(IDENTITY_PROTOCOL, handler, { maxInboundStreams: 1 });
  }

  /** The registration of this keeper, as the registry has it now. */
  setOwn(sequence: number): void {
    const { operator, sign } = this.#me;
    const digest = identityDigest(this.#me, { operator, sequence }, registryForm(this.#on.node.peerId));
    this.#own = encodeStatement({ operator, sequence, signature: sign(digest) });
  }

  /** Begins the handshake of a connection that this side dialed; does nothing if it is under way or done. */
  async begin(connection: Connection): Promise<void> {
    if (this.#own === undefined || this.#begun.has(connection)) return;
    this.#begun.add(connection);
    let stream: Stream | undefined;
    try {
      const signal = AbortSignal.timeout(handshake_ms);
      stream = await connection.newStream(IDENTITY_PROTOCOL, { signal });
      const io = byteStream(stream, { maxBufferSize: STATEMENT_BYTES + 1 });
      await io.write(this.#own, { signal });
      const verdict = (await io.read({ bytes: 1, signal })).subarray();
      const proven = verdict[0] === 1 && this.#proves(connection, await statementOf(io, signal));
      await io.write(proven ? believed : refused, { signal });
      await stream.close({ signal });
      if (proven) this.#on.onMutual(connection.remotePeer, connection);
      else this.#begun.delete(connection);
    } catch (error) {
      this.#begun.delete(connection);
      stream?.abort(error as Error);
    }
  }

  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString();
    if (!this.#askers.take(peer, identityRate)) throw new Error("too many handshakes");
    const signal = AbortSignal.timeout(handshake_ms);
    const io = byteStream(stream, { maxBufferSize: STATEMENT_BYTES + 1 });
    const statement = await statementOf(io, signal);
    if (this.#own === undefined || !this.#proves(connection, statement)) {
      await io.write(refused, { signal });
      await stream.close({ signal });
      return;
    }
    await io.write(Uint8Array.of(...believed, ...this.#own), { signal });
    const verdict = (await io.read({ bytes: 1, signal })).subarray();
    await stream.close({ signal });
    if (verdict[0] === 1) this.#on.onMutual(connection.remotePeer, connection);
  }

  /** Whether the other side of the connection is the keeper that it says it is. */
  #proves(connection: Connection, bytes: Uint8Array): boolean {
    const { identities, onReason, onDisplaced } = this.#on;
    const peer = connection.remotePeer;
    const decoded = decodeStatement(bytes);
    if (!decoded.ok) {
      onReason("wire-malformed", `identity of ${peer.toString()}: ${decoded.code}: ${decoded.detail}`);
      return false;
    }
    const { operator, sequence, signature } = decoded.value;
    const digest = identityDigest(this.#me, { operator, sequence }, registryForm(peer));
    if (this.#me.signer(digest, signature) !== operator) {
      onReason("peer-unproven", `${peer.toString()}: not signed by ${operator}`);
      return false;
    }
    const result = identities.prove(peer.toString(), operator, sequence);
    if (!result.ok) onReason("peer-unproven", result.why);
    else if (result.displaced !== undefined) onDisplaced(result.displaced);
    return result.ok;
  }
}

type Bytes = { read(options: { bytes: number; signal: AbortSignal }): Promise<{ subarray(): Uint8Array }> };

async function statementOf(io: Bytes, signal: AbortSignal): Promise<Uint8Array> {
  return (await io.read({ bytes: STATEMENT_BYTES, signal })).subarray();
}

/** The identity multihash of an ed25519 key: 38 bytes. */
function registryForm(peer: PeerId): Uint8Array {
  return peer.toMultihash().bytes;
}
