/** Address records: forged and malformed ones are refused, the newest wins, and the book is bounded. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { AddressBook, openRecord, sealRecord } from "../../../../../daemon/peers/relay/records.ts";
import { maxAddresses, maxRecordBytes } from "../../../../../protocol/codec/address.ts";
import { seededBytes } from "../../../../support/files.ts";

const keyOf = (seed: number): Promise<Ed25519PrivateKey> =>
  generateKeyPairFromSeed("Ed25519", seededBytes(32, seed));

const relayed = (peer: string): string =>
  `/dns4/${"a".repeat(60)}.example/tcp/65535/p2p/${peer}/p2p-circuit/p2p/${peer}`;

describe("a record", () => {
  it("names its peer, sequence and addresses; the longest one has a place", async () => {
    const key = await keyOf(1);
    const peerId = peerIdFromPrivateKey(key).toString();
    const addresses = Array.from({ length: maxAddresses }, () => relayed(peerId));
    const bytes = await sealRecord(key, addresses, 7n);
    expect(bytes.length).toBeLessThanOrEqual(maxRecordBytes);
    expect(await openRecord(bytes)).toEqual({ ok: true, value: { peerId, sequence: 7n, addresses } });
  });

  it("says nothing else after a change of any byte: it is refused, or the encoding alone differs", async () => {
    const bytes = await sealRecord(await keyOf(1), ["/ip4/192.0.2.1/tcp/4001"], 7n);
    const whole = await openRecord(bytes);
    const accepted: unknown[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte));
      const opened = await openRecord(changed);
      if (opened.ok) accepted.push(opened);
    }
    // Tags of the outer fields may differ, nothing that is signed.
    expect(accepted).toEqual(accepted.map(() => whole));
    expect(accepted.length).toBeLessThan(8);
  });

  it("that another key signed is refused, and one with too many addresses", async () => {
    const [own, other] = [await keyOf(1), await keyOf(2)];
    const forged = new PeerRecord({ peerId: peerIdFromPrivateKey(own), multiaddrs: [], seqNumber: 1n });
    expect(await openRecord((await RecordEnvelope.seal(forged, other)).marshal())).toMatchObject({
      ok: false,
      code: "forged",
    });
    const multiaddrs = Array.from({ length: maxAddresses + 1 }, () => multiaddr("/ip4/192.0.2.1/tcp/1"));
    const long = new PeerRecord({ peerId: peerIdFromPrivateKey(own), multiaddrs, seqNumber: 1n });
    expect(await openRecord((await RecordEnvelope.seal(long, own)).marshal())).toMatchObject({
      ok: false,
      code: "malformed",
    });
  });
});

describe("the book", () => {
  const record = (peerId: string, sequence: bigint) => ({ peerId, sequence, addresses: [String(sequence)] });

  it("keeps the newest record of a peer", () => {
    const book = new AddressBook(4);
    expect(book.add(record("a", 5n), new Uint8Array(1))).toBe(true);
    expect(book.add(record("a", 4n), new Uint8Array(2))).toBe(false);
    expect(book.recordOf("a")?.sequence).toBe(5n);
    expect(book.add(record("a", 6n), new Uint8Array(3))).toBe(true);
    expect(book.bytesOf("a")).toHaveLength(3);
  });

  it("forgets the peer that changed nothing for the longest time when it is full", () => {
    const book = new AddressBook(2);
    for (const [i, peer] of ["a", "b", "a", "c"].entries())
      book.add(record(peer, BigInt(i)), new Uint8Array(1));
    expect(book.size).toBe(2);
    expect(["a", "b", "c"].filter((peer) => book.recordOf(peer) !== undefined)).toEqual(["a", "c"]);
  });
});
