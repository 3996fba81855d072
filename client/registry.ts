/** What keepers and providers have on the Registry (R3). */
import { Contract, type Provider, type Result, type Signer } from "ethers";
import { registryAbi } from "./abi.ts";
import { expectContract } from "./not-there.ts";

export type RegisteredKeeper = {
  readonly payee: string;
  readonly pendingPayee: string;
  /** Block; 0 means: not registered. */
  readonly registeredAt: number;
  /** Number of the registration or change of endpoint that the peer id comes from. */
  readonly registrationSequence: bigint;
  readonly blsKey: string;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
};

export function registryAt(address: string, runner: Provider | Signer): Contract {
  return new Contract(address, registryAbi, runner);
}

/** @throws WhitePayError `input` if there is no registry at the contract's address */
async function entryOf(registry: Contract, role: "keeper" | "provider", operator: string): Promise<Result> {
  const address = await registry.getAddress();
  return expectContract("registry", address, () => registry.getFunction(role)(operator) as Promise<Result>);
}

export async function registeredKeeper(registry: Contract, operator: string): Promise<RegisteredKeeper> {
  const found = await entryOf(registry, "keeper", operator);
  return {
    payee: found.payee,
    pendingPayee: found.pendingPayee,
    registeredAt: Number(found.registeredAt),
    registrationSequence: found.registrationSequence,
    blsKey: found.blsKey,
    peerId: found.peerId,
    multiaddrs: [...found.multiaddrs],
  };
}

export type RegisteredProvider = Omit<RegisteredKeeper, "blsKey">;

export async function registeredProvider(registry: Contract, operator: string): Promise<RegisteredProvider> {
  const found = await entryOf(registry, "provider", operator);
  return {
    payee: found.payee,
    pendingPayee: found.pendingPayee,
    registeredAt: Number(found.registeredAt),
    registrationSequence: found.registrationSequence,
    peerId: found.peerId,
    multiaddrs: [...found.multiaddrs],
  };
}
