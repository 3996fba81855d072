/** Reads and changes payees (R3): the present payee names the next one, which must accept. */
import { ZeroAddress, type Contract, type Provider, type Signer } from "ethers";
import { inputError } from "./errors.ts";
import { registeredKeeper, registeredProvider, registryAt } from "./registry.ts";
import { chainOf } from "./signer.ts";
import type { TransactionPlan } from "./transactions.ts";

/** A keeper or provider has one payee for all groups, in the registry. A payer has none: `planWithdraw` names the receiver. */
export type PayeeOf = {
  readonly role: "keeper" | "provider";
  readonly registry: string;
  readonly operator: string;
};

export type Payees = {
  readonly payee: string;
  /** Named, but not accepted yet; undefined if there is none. */
  readonly pendingPayee: string | undefined;
};

const methods = {
  keeper: { name: "nameKeeperPayee", accept: "acceptKeeperPayee" },
  provider: { name: "nameProviderPayee", accept: "acceptProviderPayee" },
} as const;

function whose(of: PayeeOf): string {
  return `${of.role} ${of.operator}`;
}

function contractOf(of: PayeeOf, signer: Signer): Contract {
  return registryAt(of.registry, signer);
}

/** @throws WhitePayError `input` if there is no such party */
export async function payeesOf(provider: Provider, of: PayeeOf): Promise<Payees> {
  const registry = registryAt(of.registry, provider);
  const entry = of.role === "keeper" ? registeredKeeper : registeredProvider;
  const { payee, pendingPayee, registeredAt } = await entry(registry, of.operator);
  if (registeredAt === 0) {
    throw inputError(`${of.operator} is not a registered ${of.role}`, {
      expected: `the operator of a registered ${of.role}`,
      hint: "check the address, the role and the chain",
    });
  }
  return { payee, pendingPayee: pendingPayee === ZeroAddress ? undefined : pendingPayee };
}

/** Sent by the present payee. The next payee receives money after it accepts; naming the present one cancels a pending one. */
export async function planNamePayee(signer: Signer, of: PayeeOf, next: string): Promise<TransactionPlan> {
  const { payee, pendingPayee } = await payeesOf(chainOf(signer), of);
  return {
    what: `naming ${next} as the next payee of ${whose(of)}`,
    contract: contractOf(of, signer),
    method: methods[of.role].name,
    args: [of.operator, next],
    shows: [
      ["payee until it accepts", payee],
      ...(pendingPayee === undefined ? [] : [["pending before, now void", pendingPayee] as const]),
    ],
  };
}

/** Sent by the pending payee: this proves that its key exists. */
export async function planAcceptPayee(signer: Signer, of: PayeeOf): Promise<TransactionPlan> {
  const { payee, pendingPayee } = await payeesOf(chainOf(signer), of);
  if (pendingPayee === undefined) {
    throw inputError(`${whose(of)} has no pending payee`, {
      expected: "a payee that the present payee has named",
      actual: `payee ${payee}, no pending payee`,
      hint: "the present payee names one with whitepay payee name",
    });
  }
  return {
    what: `accepting the role of payee of ${whose(of)}`,
    contract: contractOf(of, signer),
    method: methods[of.role].accept,
    args: [of.operator],
    shows: [
      ["payee until now", payee],
      ["payee from now on", pendingPayee],
    ],
  };
}
