/**
 * The records in a committee's stores when a round begins: for each keeper one of every slot of every provider of every group, with a real receipt.
 * A real seed or proof takes milliseconds, so only the pairs that an audit may draw first (R21) have them.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  encodeReceipt,
  receiptHash,
  secretKeyAddress,
  signReceipt,
} from "../../../protocol/codec/receipt.ts";
import type { Write } from "../../../keeper/core/effects.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { fromHex, keccakWords } from "../../../protocol/hash.ts";
import { leafSeed } from "../../../protocol/leaf-seed.ts";
import { leafKeyText } from "../../../protocol/records.ts";
import type { LeafKey } from "../../../protocol/records.ts";
import type { KeyringPort } from "../../../keeper/ports/keyring.ts";
import { makePieceList } from "../../../storage/core/piece-list.ts";
import type { PieceList } from "../../../storage/core/piece-list.ts";
import { encodeProof, proofHash } from "../../../storage/core/proof.ts";
import { sampleLeaves } from "../../../storage/core/sampling.ts";
import { PieceStore } from "../../../storage/disk/store.ts";

/** The piece that every provider stores. */
export const pieceBytes = 16_000_000;
/** Pairs of a provider and a slot with seed and proof. */
const provenPairs = 16;
const receiptSecret = fromHex(keccakWords(0x5eed));

export const receiptKey: Hex = secretKeyAddress(receiptSecret);

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

/** Stores the piece of all providers on disk while `work` runs. */
export async function withPiece<T>(
  work: (piece: { store: PieceStore; list: PieceList }) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-round-"));
  try {
    const file = join(folder, "file");
    await writeFile(file, Buffer.alloc(pieceBytes, 7));
    const store = await PieceStore.open(join(folder, "pieces"));
    const { root, size } = await store.ingest(file);
    return await work({ store, list: makePieceList([{ root, size }]) });
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

/** All records of one keeper, in the form in which its machine writes them. */
export async function recordsOf(
  keyring: KeyringPort,
  scope: RecordScope,
  { store, list }: { store: PieceStore; list: PieceList },
): Promise<Write[]> {
  const real = new Set(pairsWithProof(scope).map(pairKey));
  const writes: Write[] = [];
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
      signReceipt(
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
        receiptSecret,
      ),
    );
    const outcome = { kind: "proven", bytes, receiptHash: receiptHash(receipt) } as const;
    const record = { ...pair, blockHash, outcome };
    writes.push({ kind: "record", record, receipt, seed, proof });
  }
  return writes;
}
