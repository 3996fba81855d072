/** Shared by `keeper register` and `provider register`: compares an entry of the registry and sends the changes. */
import type { Contract, Signer } from "ethers";
import type { MoneyFlags, TransactionPlan, TransactionReport } from "./transact.ts";
import { transact } from "./transact.ts";
import { usageError } from "../console/exit.ts";
import { say } from "../console/output.ts";

export type Party = "keeper" | "provider";

/** Fields that entries of both roles have. */
type Entry = {
  readonly payee: string;
  readonly pendingPayee: string;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
};

const methodsOf = {
  keeper: { endpoint: "updateKeeperEndpoint", payee: "nameKeeperPayee" },
  provider: { endpoint: "updateProviderEndpoint", payee: "nameProviderPayee" },
} as const;

/** One transaction if peer id or addresses differ from the entry, else none. */
export function endpointChange(
  party: Party,
  registry: Contract,
  found: Entry,
  { peerId, multiaddrs }: Pick<Entry, "peerId" | "multiaddrs">,
): TransactionPlan[] {
  const sameAddresses = JSON.stringify(found.multiaddrs) === JSON.stringify(multiaddrs);
  if (found.peerId === peerId && sameAddresses) return [];
  return [
    {
      what: `changing the addresses of this ${party}`,
      contract: registry,
      method: methodsOf[party].endpoint,
      args: [peerId, multiaddrs],
      shows: [
        ["from addresses", found.multiaddrs.join(", ")],
        ["to addresses", multiaddrs.join(", ")],
      ],
    },
  ];
}

/**
 * One transaction if the wanted payee is neither registered nor pending (R31), else none. Only the present payee may name the next
 * one (R3).
 */
export function payeeChange(
  party: Party,
  registry: Contract,
  found: Entry,
  { operator, payee }: { readonly operator: string; readonly payee: string | undefined },
): TransactionPlan[] {
  const named = [found.payee, found.pendingPayee].map((address) => address.toLowerCase());
  if (payee === undefined || named.includes(payee.toLowerCase())) return [];
  if (found.payee.toLowerCase() !== operator.toLowerCase()) {
    throw usageError("only the present payee can name another payee", {
      expected: `the key of the present payee, ${found.payee}`,
      actual: operator,
      hint: `use that key: whitepay payee name ${party} ${operator} ${payee}`,
    });
  }
  return [
    {
      what: `naming ${payee} as the next payee, which must accept`,
      contract: registry,
      method: methodsOf[party].payee,
      args: [operator, payee],
      shows: [["payee until then", found.payee]],
    },
  ];
}

/** Sends the transactions in order; reports if there are none. */
export async function sendChanges(
  plans: readonly TransactionPlan[],
  signer: Signer,
  options: MoneyFlags,
): Promise<TransactionReport[]> {
  const transactions: TransactionReport[] = [];
  for (const plan of plans) transactions.push(await transact(plan, signer, options));
  if (plans.length === 0) say("nothing to do: the registry entry matches the configuration");
  return transactions;
}
