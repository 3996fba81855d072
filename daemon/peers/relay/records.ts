/** Address records: the addresses of a peer, signed by its key (libp2p's signed peer records). The newest sequence wins. */
import type { PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey, peerIdFromPublicKey } from "@libp2p/peer-id";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { multiaddr } from "@multiformats/multiaddr";
import { maxAddressBytes, maxAddresses, maxRecordBytes } from "../../../protocol/codec/address.ts";
import { accept, reject } from "../../../storage/core/result.ts";
import type { Result } from "../../../storage/core/result.ts";

export type AddressRecord = {
  /** Text form. */
  readonly peerId: string;
  /** Higher is newer: milliseconds of the peer's own clock. */
  readonly sequence: bigint;
  readonly addresses: readonly string[];
};

/** The record as its peer signs it. Addresses beyond the limit are left out. */
export async function sealRecord(
  privateKey: PrivateKey,
  addresses: readonly string[],
  sequence: bigint,
): Promise<Uint8Array> {
  const multiaddrs = addresses.slice(0, maxAddresses).map((text) => multiaddr(text));
  const peerId = peerIdFromPrivateKey(privateKey);
  const record = new PeerRecord({ peerId, multiaddrs, seqNumber: sequence });
  return (await RecordEnvelope.seal(record, privateKey)).marshal();
}

/** Checks form, limits and signature. The signing key must be the one of the named peer. */
export async function openRecord(bytes: Uint8Array): Promise<Result<AddressRecord, "malformed" | "forged">> {
  if (bytes.length > maxRecordBytes) {
    return reject("malformed", `expected at most ${maxRecordBytes} bytes, actual ${bytes.length}`);
  }
  let envelope: RecordEnvelope;
  let record: PeerRecord;
  try {
    envelope = RecordEnvelope.createFromProtobuf(bytes);
    record = PeerRecord.createFromProtobuf(envelope.payload);
  } catch (error) {
    return reject("malformed", (error as Error).message);
  }
  const isValid = await envelope.validate(PeerRecord.DOMAIN).catch(() => false);
  if (!isValid) return reject("forged", "the signature is not of the key in the record");
  const signer = peerIdFromPublicKey(envelope.publicKey).toString();
  const peerId = record.peerId.toString();
  if (signer !== peerId) return reject("forged", `expected the signature of ${peerId}, actual of ${signer}`);
  const addresses = record.multiaddrs.map(String);
  if (addresses.length > maxAddresses) {
    return reject("malformed", `expected at most ${maxAddresses} addresses, actual ${addresses.length}`);
  }
  const longest = Math.max(0, ...addresses.map((text) => text.length));
  if (longest > 2 * maxAddressBytes) {
    return reject(
      "malformed",
      `expected addresses of at most ${2 * maxAddressBytes} characters, actual ${longest}`,
    );
  }
  return accept({ peerId, sequence: record.seqNumber, addresses });
}

type Kept = { readonly record: AddressRecord; readonly bytes: Uint8Array };

/** The newest record of each peer. */
export class AddressBook {
  readonly #max: number;
  /** In the order of the last change. */
  readonly #records = new Map<string, Kept>();

  /** @param max beyond this number, the peer whose record is the longest unchanged is forgotten */
  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#records.size;
  }

  /** False: the book has a newer record of this peer already. */
  add(record: AddressRecord, bytes: Uint8Array): boolean {
    const before = this.#records.get(record.peerId);
    if (before !== undefined && before.record.sequence > record.sequence) return false;
    this.#records.delete(record.peerId);
    this.#records.set(record.peerId, { record, bytes });
    if (this.#records.size > this.#max) this.#records.delete(this.#records.keys().next().value as string);
    return true;
  }

  recordOf(peerId: string): AddressRecord | undefined {
    return this.#records.get(peerId)?.record;
  }

  bytesOf(peerId: string): Uint8Array | undefined {
    return this.#records.get(peerId)?.bytes;
  }

  forget(peerId: string): void {
    this.#records.delete(peerId);
  }
}
