/** Computations from the rules and calls of contracts, without the keepers' code. */
import { AbiCoder, Contract, keccak256 } from "ethers";
import type { Wallet } from "ethers";

/** R5: indices of the keepers in the order in which they lead the turns of the interval that starts at `ts`. */
export function leaders(ts: number, seed: string, operators: readonly string[]): number[] {
  const coder = AbiCoder.defaultAbiCoder();
  const key = (operator: string): bigint =>
    BigInt(keccak256(coder.encode(["uint64", "bytes32", "address"], [ts, seed, operator])));
  return operators
    .map((operator, index) => ({ index, key: key(operator) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ index }) => index);
}

/** Publishes other addresses of a keeper in the registry. */
export async function updateEndpoint(
  registry: string,
  wallet: Wallet,
  peerId: string,
  multiaddrs: readonly string[],
): Promise<void> {
  const abi = ["function updateKeeperEndpoint(bytes peerId, string[] multiaddrs)"];
  const contract = new Contract(registry, abi, wallet);
  const sent = await contract.getFunction("updateKeeperEndpoint").send(peerId, multiaddrs);
  if ((await sent.wait())?.status !== 1) throw new Error(`${wallet.address} could not update its endpoint`);
}
