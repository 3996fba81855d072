/** Entries of keepers and providers in the Registry (R3). */
import { Contract, type Provider, type Result, type Signer } from "ethers";
import { registryAbi } from "./abi.ts";
import { expectContract } from "./missing-contract.ts";

export type RegisteredProvider = {
  readonly payee: string;
  readonly pendingPayee: string;
  /** Block; 0 if not registered. */
  readonly registeredAt: number;
  /** Sequence of the registration or endpoint change that set the peer id. */
  readonly registrationSequence: bigint;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
};

export type RegisteredKeeper = RegisteredProvider & { readonly blsKey: string };

export function registryAt(address: string, runner: Provider | Signer): Contract {
  return new Contract(address, registryAbi, runner);
}

/** @throws WhitePayError `input` if there is no registry at the address */
async function entryOf(registry: Contract, role: "keeper" | "provider", operator: string): Promise<Result> {
  const address = await registry.getAddress();
  return expectContract("registry", address, () => registry.getFunction(role)(operator) as Promise<Result>);
}

function commonOf(found: Result): RegisteredProvider {
  return {
    payee: found["payee"],
    pendingPayee: found["pendingPayee"],
    registeredAt: Number(found["registeredAt"]),
    registrationSequence: found["registrationSequence"],
    peerId: found["peerId"],
    multiaddrs: [...found["multiaddrs"]],
  };
}

export async function registeredKeeper(registry: Contract, operator: string): Promise<RegisteredKeeper> {
  const found = await entryOf(registry, "keeper", operator);
  return { ...commonOf(found), blsKey: found.blsKey };
}

export async function registeredProvider(registry: Contract, operator: string): Promise<RegisteredProvider> {
  return commonOf(await entryOf(registry, "provider", operator));
}

export type Party = RegisteredProvider & { readonly operator: string };

/** Operators in one call: the answer stays within what endpoints accept. */
const operatorsAtOnce = 200;
const entriesAtOnce = 50;

const listOf = {
  keeper: { count: "keeperCount", operators: "keeperOperators" },
  provider: { count: "providerCount", operators: "providerOperators" },
} as const;

/**
 * Every registered keeper or provider, in the order of registration.
 * @throws WhitePayError `input` if there is no registry at the address
 */
export async function allParties(registry: Contract, role: "keeper" | "provider"): Promise<Party[]> {
  const { count, operators } = listOf[role];
  const address = await registry.getAddress();
  const total = Number(
    await expectContract("registry", address, () => registry.getFunction(count)() as Promise<bigint>),
  );
  const names: string[] = [];
  while (names.length < total) {
    const page: Result = await registry.getFunction(operators)(names.length, operatorsAtOnce);
    if (page.length === 0) break;
    names.push(...(page as unknown as string[]));
  }
  const parties: Party[] = [];
  for (let first = 0; first < names.length; first += entriesAtOnce) {
    const entries = names.slice(first, first + entriesAtOnce).map(async (operator) => {
      return { operator, ...commonOf(await entryOf(registry, role, operator)) };
    });
    parties.push(...(await Promise.all(entries)));
  }
  return parties;
}

/**
 * Block of the first registration: nothing before it matters, as a committee has registered members and a group registered providers.
 * Undefined if nobody is registered. Reads the first entry of each list: the lists are in the order of registration.
 */
export async function firstRegistration(registry: Contract): Promise<number | undefined> {
  const blocks = await Promise.all(
    (["keeper", "provider"] as const).map(async (role) => {
      const page: Result = await registry.getFunction(listOf[role].operators)(0, 1);
      // A Result throws where an array has undefined.
      if (page.length === 0) return [];
      return [commonOf(await entryOf(registry, role, page[0] as string)).registeredAt];
    }),
  );
  const known = blocks.flat();
  return known.length === 0 ? undefined : Math.min(...known);
}
