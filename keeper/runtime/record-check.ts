/** R24: checks the records of a keeper against its revealed root and the receipts of the provider. */
import { receiptHash } from "../../protocol/codec/receipt.ts";
import type { CommitteeSnapshot } from "../../protocol/committee.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { OpenedLeaf } from "../../protocol/messages.ts";
import { TreePaths, leafHash, leafKeyText } from "../../protocol/records.ts";
import type { LeafKey, ProviderName, RecordLeaf, RecordScope } from "../../protocol/records.ts";
import type { CryptoPort } from "../ports/crypto.ts";
import { dataOfTurn } from "./committee-data.ts";
import { counted } from "../../protocol/counted.ts";

/** The claimed owner of the records, and the root that it revealed. */
export type RecordClaim = {
  readonly committee: CommitteeSnapshot;
  readonly owner: number;
  readonly root: Hex;
  readonly name: ProviderName;
  readonly scope: RecordScope;
};

/**
 * The leaves of consecutive slots, or a text that says what is wrong. A proven leaf with an invalid receipt counts as failed, for all
 * keepers equally. A receipt that is not the receipt of the leaf proves nothing about the leaf, only a fault of the keeper that served
 * it: otherwise a Byzantine keeper could make each keeper count the leaf differently.
 */
export function checkRecords(
  claim: RecordClaim,
  opened: readonly OpenedLeaf[],
  { fromSlot, expected }: { readonly fromSlot: number; readonly expected: number },
  crypto: Pick<CryptoPort, "receiptHolds">,
): RecordLeaf[] | string {
  if (opened.length !== expected)
    return `expected ${counted(expected, "leaf", "leaves")}, actual ${opened.length}`;
  const paths = new TreePaths(claim.root, claim.scope.leafCount);
  const leaves: RecordLeaf[] = [];
  for (const [i, one] of opened.entries()) {
    const leaf = checkedLeaf(claim, paths, one, fromSlot + i, crypto);
    if (typeof leaf === "string") return leaf;
    leaves.push(leaf);
  }
  return leaves;
}

function checkedLeaf(
  { committee, owner, name, scope }: RecordClaim,
  paths: TreePaths,
  opened: OpenedLeaf,
  slot: number,
  crypto: Pick<CryptoPort, "receiptHolds">,
): RecordLeaf | string {
  const keeper = committee.version.members[owner];
  const key = { ...name, slot };
  const index = scope.indexOf(key);
  if (keeper === undefined || index === undefined || leafKeyText(opened) !== leafKeyText(key)) {
    return `expected the record ${leafKeyText(key)}, actual ${leafKeyText(opened)}`;
  }
  if (!paths.holds(index, leafHash(key, opened.leaf), opened.path)) {
    return `slot ${slot}: path does not lead to the root`;
  }
  if (opened.leaf.kind !== "proven") return opened.leaf;
  if (receiptHash(opened.receipt) !== opened.leaf.receiptHash)
    return `slot ${slot}: not the receipt of the leaf`;
  const { chainId, address } = committee;
  const dataOf = (about: LeafKey) => dataOfTurn(committee, about);
  const holds = crypto.receiptHolds(opened, { chainId, committee: address, keeper, dataOf });
  return holds ? opened.leaf : { kind: "failed" };
}
