/** What the contracts of committees and groups report: errors, events, addresses. */
import { Contract, ZeroAddress, type Interface, type TransactionReceipt } from "ethers";
import type { Hex } from "../../../protocol/hash.ts";
import { artifact } from "../../../scripts/contracts/artifacts.ts";

/** The contract's own error of a call, or of the library that it uses. */
export function errorsOf(): Interface {
  return new Contract(ZeroAddress, [
    ...(artifact("interfaces/ICommittee").abi as object[]),
    ...(artifact("interfaces/IUpkeepingFactory").abi as object[]),
    ...(artifact("interfaces/IUpkeeping").abi as object[]),
  ]).interface;
}

export function eventsOf(receipt: TransactionReceipt, from: Contract): { name: string; args: unknown[] }[] {
  return receipt.logs
    .filter(({ address }) => address === addressOf(from))
    .map((log) => from.interface.parseLog(log))
    .filter((log) => log !== null)
    .map(({ name, args }) => ({ name, args: [...args] }));
}

/** A contract that is named by its address. */
export function addressOf(contract: Contract): Hex {
  return contract.target as Hex;
}
