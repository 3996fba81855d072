/** Two machines may use one payer's key: what one of them planned must not undo what the other one stored meanwhile. */
import { GroupView, type GroupAt } from "../../client/group-view.ts";
import type { DataConsent } from "../../client/provider-plans.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import type { WritingSession } from "./session.ts";
import { workOf, type StoreWork } from "./state.ts";
import { newest, type StoredGroup } from "./stored.ts";

/** The list of each provider as the plan found it, by operator in lower case. */
export function listsOf(stored: StoredGroup | undefined): StoreWork["lists"] {
  const lists = (stored?.holders ?? []).map(({ account, data }) => [
    account.operator.toLowerCase(),
    [data.listRoot],
  ]);
  return Object.fromEntries(lists) as StoreWork["lists"];
}

/**
 * Compares the lists on chain with those that the plan found and those that this work itself put there. What changes between this look
 * and the transaction is refused by the contract: each consent carries the sequence that was next (R33).
 * @throws CliError exit 6 if they differ
 */
export async function refuseForeignChange(session: WritingSession, group: GroupAt): Promise<void> {
  const { provider } = session;
  if ((await provider.getCode(group.address)) === "0x") return;
  const { lists, kind } = workOf(session);
  const [accounts, head] = await Promise.all([
    new GroupView(provider, group).providers(),
    provider.getBlockNumber(),
  ]);
  for (const account of accounts) {
    const list = account.closed ? undefined : newest(account, head)?.listRoot;
    const known = lists[account.operator.toLowerCase()] ?? [];
    if (list === undefined || known.includes(list)) continue;
    throw new CliError({
      code: exitCodes.unsafe,
      message: `group ${group.address} was changed by another command while this \`whitepay ${kind}\` was under way`,
      expected: known.length === 0 ? `no data at provider ${account.operator}` : known.join(" or "),
      actual: list,
      hint: "does another machine use the same key? Give this work up with `whitepay store --discard`, and run the command again",
    });
  }
}

/** Notes, durably, the lists that this work puts on chain. */
export async function noteOwnLists(session: WritingSession, consents: readonly DataConsent[]): Promise<void> {
  const work = workOf(session);
  const lists = { ...work.lists };
  for (const { operator, listRoot } of consents) {
    const key = operator.toLowerCase();
    lists[key] = [...new Set([...(lists[key] ?? []), listRoot])];
  }
  await session.folder.save({ work: { ...work, lists } });
}
