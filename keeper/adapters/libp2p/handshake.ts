/**
 * R3: proof of identity, the first exchange on every connection between keepers. The dialling side sends its statement. The other
 * side verifies it and answers with its own statement. The dialling side verifies that and confirms. Then both sides know that
 * both are proven, and gossip begins.
 */
import type { Connection, Libp2p, PeerId, Stream } from "@libp2p/interface";
import { byteStream } from "@libp2p/utils";
import {
  identityProtocol,
  statementBytes,
  decodeStatement,
  encodeStatement,
  identityDigest,
} from "../../../protocol/codec/identity.ts";
import type { RegistryScope } from "../../../protocol/codec/identity.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { ReasonCode } from "../../../protocol/reasons.ts";
import { identityRate, maxCommittees, maxKeeperNames } from "../../../protocol/limits/derived.ts";
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
  /** Both sides of this connection have proven their identity. */
  readonly onMutual: (peer: PeerId, connection: Connection) => void;
  /** Another peer has proven to be the operator that this peer was. */
  readonly onDisplaced: (peerId: string) => void;
};

const handshake_ms = 5_000;
const refused = Uint8Array.of(0);
const believed = Uint8Array.of(1);

export class Handshake {
  readonly #me: IdentityOptions;
  readonly #on: HandshakeDependencies;
  readonly #askers: TokenBuckets;
  /** Connections whose handshake has begun or ended. */
  readonly #begun = new WeakSet<Connection>();
  #own: Uint8Array | undefined;

  constructor(me: IdentityOptions, on: HandshakeDependencies) {
    this.#me = me;
    this.#on = on;
    this.#askers = new TokenBuckets(maxKeeperNames(maxCommittees), () => performance.now());
  }

  async serve(): Promise<void> {
    const handler = (stream: Stream, connection: Connection): void => {
      this.#answer(stream, connection).catch((error: unknown) => stream.abort(error as Error));
    };
    await this.#on.node.handle(identityProtocol, handler, {
      maxInboundStreams: 1,
      runOnLimitedConnection: true,
    });
  }

  /** Sets the statement of this keeper to its present registration. */
  setOwn(sequence: number): void {
    const { operator, sign } = this.#me;
    const digest = identityDigest(this.#me, { operator, sequence }, registryForm(this.#on.node.peerId));
    this.#own = encodeStatement({ operator, sequence, signature: sign(digest) });
  }

  /** Begins the handshake of a connection that this side dialled; does nothing if it has begun already. */
  async begin(connection: Connection): Promise<void> {
    if (this.#own === undefined || this.#begun.has(connection)) return;
    this.#begun.add(connection);
    let stream: Stream | undefined;
    try {
      const signal = AbortSignal.timeout(handshake_ms);
      stream = await connection.newStream(identityProtocol, { signal, runOnLimitedConnection: true });
      const io = byteStream(stream, { maxBufferSize: statementBytes + 1 });
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
    if (!this.#askers.take(peer, identityRate))
      throw new Error("expected at most the allowed rate of handshakes, actual more");
    const signal = AbortSignal.timeout(handshake_ms);
    const io = byteStream(stream, { maxBufferSize: statementBytes + 1 });
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

  /** Whether the statement proves the identity of the other side. */
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
  return (await io.read({ bytes: statementBytes, signal })).subarray();
}

/** The identity multihash of an ed25519 key: 38 bytes. */
function registryForm(peer: PeerId): Uint8Array {
  return peer.toMultihash().bytes;
}
