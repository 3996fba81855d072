/** Signing and signature checks of a simulated world: cheap ones in cheap-signatures.ts, real ones in real-signatures.ts. */
import type { CommitteeDomain, Receipt, SignedReceipt } from "../../protocol/codec/receipt.ts";
import type { OpeningsChecks } from "../../protocol/codec/openings.ts";
import type { Member } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { CryptoPort } from "../../keeper/ports/crypto.ts";
import type { KeyringPort } from "../../keeper/ports/keyring.ts";

export type Signatures = Pick<CryptoPort, "messageSigner" | "aggregate"> & {
  /** Keeper `index` of the world, whether it has a seat or not. */
  member(index: number): Member;
  keyring(index: number): KeyringPort;
  /** The address of the key with which provider `index` signs receipts. */
  receiptKey(index: number): Hex;
  signReceipt(domain: CommitteeDomain, receipt: Receipt, provider: number): SignedReceipt;
  /** Whether `signature` is the aggregate of exactly these members over `digest`. */
  aggregateHolds(digest: Hex, signers: readonly Member[], signature: Hex): boolean;
  readonly checks: OpeningsChecks;
};
