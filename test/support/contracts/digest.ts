/** The digest of a settlement in TypeScript (R27), from the rule's text. */
import { AbiCoder, keccak256, TypedDataEncoder } from "ethers";
import type { Settlement } from "./world.ts";

const fields = (signature: string): { type: string; name: string }[] =>
  signature.split(",").map((field) => {
    const [type, name] = field.split(" ") as [string, string];
    return { type, name };
  });

export function computeSettlementDigest(chainId: bigint, group: string, settlement: Settlement): string {
  const domain = { name: "WhitePay", version: "1", chainId, verifyingContract: group };
  const items = keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["tuple(uint32,uint128)[]"],
      [settlement.items.map(({ provider, spaceTime }) => [provider, spaceTime])],
    ),
  );
  const types = {
    Settlement: fields(
      "uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,bytes32 items",
    ),
  };
  return TypedDataEncoder.hash(domain, types, { ...settlement, items });
}
