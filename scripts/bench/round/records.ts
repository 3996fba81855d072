/**
 * The records in a committee's stores when a round begins: for each keeper one of every slot of every provider of every group, with a real receipt.
 * A real seed or proof takes milliseconds, so only the pairs that an audit may draw first (R21) have them.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import {
  encodeReceipt,
  receiptDigest,
  receiptHash,
  secretKeyAddress,
} from "../../../protocol/codec/receipt.ts";
import type { CommitteeDomain, Receipt, SignedReceipt } from "../../../protocol/codec/receipt.ts";
import type { Write } from "../../../keeper/core/effects.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { fromHex, keccakWords, toHex } from "../../../protocol/hash.ts";
import { leafSeed } from "../../../protocol/leaf-seed.ts";
import { leafKeyText } from "../../../protocol/records.ts";
import type { LeafKey } from "../../../protocol/records.ts";
import type { KeyringPort } from "../../../keeper/ports/keyring.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import type { PieceEntry, PieceList } from "../../../storage/core/piece-list.ts";
import { encodeProof, proofHash } from "../../../storage/core/proof.ts";
import { sampleLeaves } from "../../../storage/core/sampling.ts";
import { PieceStore } from "../../../storage/disk/store.ts";

/** The piece that every provider stores. */
const pieceBytes = 16_000_000;
/** Pairs of a provider and a slot with seed and proof. */
const provenPairs = 16;
export const receiptSecret = keccakWords(0x5eed);

export const receiptKey: Hex = secretKeyAddress(fromHex(receiptSecret));

const { Fn, BASE } = secp256k1.Point;
const nonce = Fn.create(BigInt(keccakWords(0x0ce)));
const noncePoint = BASE.multiply(nonce).toAffine();
const r = Fn.create(noncePoint.x);
const rTimesKey = Fn.mul(r, BigInt(receiptSecret));
const nonceInverse = Fn.inv(nonce);

/**
 * ECDSA with one nonce for all receipts: a hundred thousand of them take seconds, and checking one takes as long as for any other. Whoever
 * sees two of them can compute the key, so it serves measurements only.
 */
function signFast(domain: CommitteeDomain, receipt: Receipt): SignedReceipt {
  const s = Fn.mul(nonceInverse, Fn.add(Fn.create(BigInt(toHex(receiptDigest(domain, receipt)))), rTimesKey));
  const isLow = s <= Fn.ORDER >> 1n;
  const odd = (noncePoint.y & 1n) === 1n;
  const signature = new Uint8Array(65);
  signature.set(Fn.toBytes(r), 0);
  signature.set(Fn.toBytes(isLow ? s : Fn.neg(s)), 32);
  signature[64] = 27 + Number(odd === isLow);
  return { receipt, signature };
}

/** A record's place: group number, provider, slot. */
export type Pair = LeafKey;

export type RecordScope = {
  readonly chainId: number;
  /** Address of the committee. */
  readonly committee: Hex;
  /** Operator of all providers. */
  readonly operator: Hex;
  readonly groups: number;
  /** Providers of each group. */
  readonly providers: number;
  readonly addressOf: (group: number) => Hex;
  /** The interval's slots. */
  readonly slots: readonly number[];
  readonly blockHashOf: (slot: number) => Hex;
};

/** Stores the piece of all providers. */
export async function writePiece(store: PieceStore, folder: string): Promise<PieceEntry> {
  const file = join(folder, "file");
  await writeFile(file, Buffer.alloc(pieceBytes, 7));
  const { root, size } = await store.ingest(file);
  return { root, size };
}

/** Stores the piece of all providers on disk while `work` runs. */
export async function withPiece<T>(work: (piece: Piece) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-round-"));
  try {
    const store = await PieceStore.open(join(folder, "pieces"));
    return await work({ store, list: makePieceList([await writePiece(store, folder)]) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const pairKey = leafKeyText;

/** Every pair in the order of the record tree; groups are numbered from 1. */
function* allPairs({ groups, providers, slots }: RecordScope): Generator<Pair> {
  for (let group = 1; group <= groups; group++) {
    for (let provider = 0; provider < providers; provider++) {
      for (const slot of slots) yield { group, provider, slot };
    }
  }
}

/** The pairs that have seeds and proofs, spread over providers and slots; the same for all keepers. */
export function pairsWithProof(scope: RecordScope): Pair[] {
  const all = [...allPairs(scope)];
  const count = Math.min(all.length, provenPairs);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)] as Pair);
}

export type Piece = { readonly store: PieceStore; readonly list: PieceList };

/** All records of one keeper, in the form in which its machine writes them. */
export async function recordsOf(keyring: KeyringPort, scope: RecordScope, piece: Piece): Promise<Write[]> {
  const writes: Write[] = [];
  for await (const write of eachRecordOf(keyring, scope, piece)) writes.push(write);
  return writes;
}

export async function* eachRecordOf(
  keyring: KeyringPort,
  scope: RecordScope,
  { store, list }: Piece,
): AsyncGenerator<Write> {
  const real = new Set(pairsWithProof(scope).map(pairKey));
  const { chainId, committee, operator } = scope;
  for (const pair of allPairs(scope)) {
    const { provider, slot } = pair;
    const group = scope.addressOf(pair.group);
    const blockHash = scope.blockHashOf(slot);
    const full = real.has(pairKey(pair));
    const seed = full
      ? keyring.signSeed({ chainId, committee, operator, slot, blockHash })
      : new Uint8Array(48).fill(provider & 0xff);
    const draws = sampleLeaves(leafSeed(seed, group, provider), list);
    const proof = full ? encodeProof((await store.prove(list, draws)).proof) : new Uint8Array();
    const bytes = list.totalBytes;
    const receipt = encodeReceipt(
      signFast(
        { chainId, committee },
        {
          group,
          keeper: keyring.operator,
          provider,
          slot,
          seed,
          bytesProven: bytes,
          proofHash: proofHash(proof),
        },
      ),
    );
    const outcome = { kind: "proven", bytes, receiptHash: receiptHash(receipt) } as const;
    const record = { ...pair, blockHash, outcome };
    yield { kind: "record", record, receipt, seed, proof };
  }
}
