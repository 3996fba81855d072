/** A node behind JSON-RPC, with what tests of contracts ask of a chain. */
import type { JsonRpcProvider } from "ethers";
import { walletOf, type Chain, type Rpc } from "./chain.ts";

/** Its owner closes the node and the connection. */
export async function remoteChain(provider: JsonRpcProvider): Promise<Chain> {
  const rpc: Rpc = (method, params = []) => provider.send(method, [...params]);
  const { chainId } = await provider.getNetwork();
  return {
    rpc,
    chainId,
    provider,
    signers: [await provider.getSigner(0)],
    async account(label) {
      const wallet = walletOf(label);
      await rpc("hardhat_setBalance", [wallet.address, "0x3635c9adc5dea00000"]);
      return wallet.connect(provider);
    },
    block: () => provider.getBlockNumber(),
    async before(target) {
      const missing = target - 1 - (await provider.getBlockNumber());
      if (missing < 0)
        throw new Error(`block ${target}: expected a later head, actual ${target - 1 - missing}`);
      if (missing > 0) await rpc("hardhat_mine", [`0x${missing.toString(16)}`]);
    },
    close: async () => undefined,
  };
}
