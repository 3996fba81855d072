/** What `keeper register` and `provider register` have in common: what changed of an entry in the registry, and sending it. */
import type { Contract, Signer } from "ethers";
import type { MoneyFlags, TransactionPlan, TransactionReport } from "./transact.ts";
import { transact } from "./transact.ts";
import { usageError } from "../console/exit.ts";
import { say } from "../console/output.ts";

export type Party = "keeper" | "provider";

/** What both kinds of entries hold. */
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

/** A transaction if the entry has another peer id or other addresses. */
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
      what: `changing where this ${party} is reached`,
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

/** A transaction if another payee is asked for than is registered or named already (R31). The present payee alone names it (R3). */
export function payeeChange(
  party: Party,
  registry: Contract,
  found: Entry,
  { operator, payee }: { readonly operator: string; readonly payee: string | undefined },
): TransactionPlan[] {
  const named = [found.payee, found.pendingPayee].map((address) => address.toLowerCase());
  if (payee === undefined || named.includes(payee.toLowerCase())) return [];
  if (found.payee.toLowerCase() !== operator.toLowerCase()) {
    throw usageError("the operator's key cannot name another payee", {
      expected: `the key of the present payee, ${found.payee}`,
      actual: operator,
      hint: `with that key: whitepay payee name ${party} ${operator} ${payee}`,
    });
  }
  return [
    {
      what: `naming ${payee} as payee; it has to accept`,
      contract: registry,
      method: methodsOf[party].payee,
      args: [operator, payee],
      shows: [["paid until then", found.payee]],
    },
  ];
}

/** One after the other; says so if there is nothing to send. */
export async function sendChanges(
  plans: readonly TransactionPlan[],
  signer: Signer,
  options: MoneyFlags,
): Promise<TransactionReport[]> {
  const transactions: TransactionReport[] = [];
  for (const plan of plans) transactions.push(await transact(plan, signer, options));
  if (plans.length === 0) say("nothing to do: what is registered is what is configured");
  return transactions;
}
