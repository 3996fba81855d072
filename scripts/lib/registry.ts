/** What a keeper calls on the Registry, with all that it may refuse; a test holds it against the compiled contract. */
import { Contract, Interface, type Provider, type Signer } from "ethers";

export const registryAbi = new Interface([
  "function registerKeeper(bytes blsKey, bytes proof, address payee, bytes peerId, string[] multiaddrs)",
  "function rotateKeeperKey(bytes blsKey, bytes proof)",
  "function updateKeeperEndpoint(bytes peerId, string[] multiaddrs)",
  "function nameKeeperPayee(address payee)",
  "function keeper(address operator) view returns (tuple(address payee, address pendingPayee, uint32 keySequence, uint64 registeredAt, bytes blsKey, bytes peerId, string[] multiaddrs))",
  "function proofMessage(address operator, bytes blsKey) view returns (bytes)",
  "error Registry_NoPrecompile(uint256 expected, uint256 actual)",
  "error Registry_AlreadyRegistered(address operator, uint64 registeredAt)",
  "error Registry_NotRegistered(address operator)",
  "error Registry_KeyInUse(address owner)",
  "error Registry_BadLength(uint256 expected, uint256 actual)",
  "error Registry_KeyIsInfinity()",
  "error Registry_ProofIsInfinity()",
  "error Registry_BadProof(address operator)",
  "error Registry_BadPeerId(bytes6 expected, bytes6 actual)",
  "error Registry_BadMultiaddrCount(uint256 expectedMax, uint256 actual)",
  "error Registry_BadMultiaddrLength(uint256 expectedMax, uint256 actual)",
  "error Registry_ZeroPayee()",
  "error Registry_NotPendingPayee(address expected, address actual)",
]);

export type RegisteredKeeper = {
  readonly payee: string;
  readonly pendingPayee: string;
  /** Block; 0 means: not registered. */
  readonly registeredAt: number;
  readonly blsKey: string;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
};

export function registryAt(address: string, runner: Provider | Signer): Contract {
  return new Contract(address, registryAbi, runner);
}

export async function registeredKeeper(registry: Contract, operator: string): Promise<RegisteredKeeper> {
  const found = await registry.getFunction("keeper")(operator);
  return {
    payee: found.payee,
    pendingPayee: found.pendingPayee,
    registeredAt: Number(found.registeredAt),
    blsKey: found.blsKey,
    peerId: found.peerId,
    multiaddrs: [...found.multiaddrs],
  };
}
