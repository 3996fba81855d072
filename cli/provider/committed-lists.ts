/** Lists of pieces in unsettled blocks: keepers may still challenge them. */
import type { JsonRpcProvider } from "ethers";
import { openGroup } from "../../client/status.ts";

/**
 * Roots of the lists that a provider is committed to from the last settled block of the group on.
 * @throws WhitePayError `input` if there is no group at the address
 */
export async function committedLists(
  provider: JsonRpcProvider,
  group: string,
  operator: string,
): Promise<string[]> {
  const view = await openGroup(provider, group);
  const [{ settledThrough }, accounts] = await Promise.all([view.state(), view.providers()]);
  const own = accounts.filter(
    (account) => account.operator.toLowerCase() === operator.toLowerCase() && !account.closed,
  );
  const histories = await Promise.all(own.map(({ index }) => view.dataHistory(index)));
  return histories.flatMap((history) => {
    const inForce = history.findLastIndex(({ fromBlock }) => fromBlock <= settledThrough);
    return history.slice(Math.max(0, inForce)).map(({ listRoot }) => listRoot);
  });
}
