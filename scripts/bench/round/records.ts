/**
 * The records in a committee's stores when a round begins: for each keeper one of every slot of every provider, with a real receipt.
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

export type Pair = { readonly provider: number; readonly slot: number };

export type RecordScope = {
  readonly chainId: number;
  readonly group: Hex;
  readonly providers: number;
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

export function pairKey({ provider, slot }: Pair): string {
  return `${provider}/${slot}`;
}

/** The pairs that have seeds and proofs, spread over providers and slots; the same for all keepers. */
export function pairsWithProof({ providers, slots }: RecordScope): Pair[] {
  const all = providers * slots.length;
  const count = Math.min(all, provenPairs);
  return Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * all) / count);
    return { provider: Math.floor(at / slots.length), slot: slots[at % slots.length] as number };
  });
}

/** All records of one keeper, in the form in which its machine writes them. */
export async function recordsOf(
  keyring: KeyringPort,
  scope: RecordScope,
  { store, list }: { store: PieceStore; list: PieceList },
): Promise<Write[]> {
  const real = new Set(pairsWithProof(scope).map(pairKey));
  const writes: Write[] = [];
  for (let provider = 0; provider < scope.providers; provider++) {
    for (const slot of scope.slots) {
      const blockHash = scope.blockHashOf(slot);
      const full = real.has(pairKey({ provider, slot }));
      const { chainId, group } = scope;
      const seed = full
        ? keyring.signSeed({ chainId, group, provider, slot, blockHash })
        : new Uint8Array(48).fill(provider & 0xff);
      const proof = full
        ? encodeProof((await store.prove(list, sampleLeaves(seed, list))).proof)
        : new Uint8Array();
      const bytes = list.totalBytes;
      const receipt = encodeReceipt(
        signReceipt(
          { chainId, group },
          { keeper: keyring.operator, provider, slot, seed, bytesProven: bytes, proofHash: proofHash(proof) },
          receiptSecret,
        ),
      );
      const outcome = { kind: "proven", bytes, receiptHash: receiptHash(receipt) } as const;
      const record = { provider, slot, blockHash, outcome };
      writes.push({ kind: "record", record, receipt, seed, proof });
    }
  }
  return writes;
}
