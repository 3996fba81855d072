/** The list roots that the chain still pays a provider for. */
import type { JsonRpcProvider } from "ethers";
import { GroupView, type GroupAt } from "../../client/group-view.ts";

/**
 * Roots of the lists in force at the group's settledThrough and of all later ones: keepers may still challenge them, or fetch them until
 * the last slot under them is settled (R10).
 */
export async function committedLists(
  provider: JsonRpcProvider,
  group: GroupAt,
  operator: string,
): Promise<string[]> {
  const accounts = await new GroupView(provider, group).providers();
  return accounts
    .filter((account) => account.operator.toLowerCase() === operator.toLowerCase())
    .flatMap(({ data }) => data.filter(({ bytes }) => bytes > 0n).map(({ listRoot }) => listRoot));
}
