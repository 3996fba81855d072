/** Transactions that collect arrears outside of settlements, as plans for `simulate` and `send` (R32). */
import type { Signer } from "ethers";
import { WhitePayError } from "./errors.ts";
import { groupScene, type GroupScene } from "./group-plans.ts";
import type { GroupAt, GroupPage } from "./group-view.ts";
import { accountOf } from "./money-plans.ts";
import { readToken } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, type Token } from "./units.ts";

function noArrears(who: string, group: string, token: Token): WhitePayError {
  return new WhitePayError({
    code: "funds",
    message: `group ${group} owes ${who} no arrears`,
    expected: "arrears above 0 (R32)",
    actual: formatAmount(0n, token),
  });
}

async function arrearsScene(
  signer: Signer,
  group: GroupAt,
): Promise<GroupScene & { readonly page: GroupPage; readonly token: Token }> {
  const scene = groupScene(signer, group);
  const page = await scene.view.page();
  const token = await readToken(scene.provider, page.config.token);
  const { available, required } = page.escrow;
  // R32: before the end arrears are paid as long as nothing else is endangered, after it at one ratio.
  const least = page.state.ended ? 1n : required;
  if (available >= least) return { ...scene, page, token };
  throw new WhitePayError({
    code: "funds",
    message: `group ${group.address} has too little money to collect arrears`,
    expected: `at least ${formatAmount(least, token)} available (R32)`,
    actual: formatAmount(available, token),
    hint: "any account may deposit: whitepay group fund",
  });
}

/**
 * Credits a provider with its arrears; any account may send it while the escrow covers what is required.
 * @throws WhitePayError `funds` if there are no arrears, or the escrow is empty
 */
export async function planCollectArrears(
  signer: Signer,
  group: GroupAt,
  provider: number,
): Promise<TransactionPlan> {
  const { view, contract, page, token } = await arrearsScene(signer, group);
  const account = await accountOf(view, provider);
  if (account.arrears === 0n) throw noArrears(`provider ${provider}`, group.address, token);
  return {
    what: `collecting arrears of provider ${provider} of group ${group.address}`,
    contract,
    method: "collectArrears",
    args: [provider],
    shows: [
      ["owed", formatAmount(account.arrears, token)],
      ["available", formatAmount(page.escrow.available, token)],
      ["credited to", `${account.operator}; a withdrawal pays ${account.payee}`],
    ],
    token,
  };
}

/** Credits the members of a committee version with its arrears, in equal parts; any account may send it (R32). */
export async function planCollectKeeperArrears(
  signer: Signer,
  group: GroupAt,
  { committee, version }: { readonly committee: string; readonly version: number },
): Promise<TransactionPlan> {
  const { view, contract, page, token } = await arrearsScene(signer, group);
  const owed = await view.keeperArrears(committee, version);
  if (owed === 0n) throw noArrears(`version ${version} of committee ${committee}`, group.address, token);
  return {
    what: `collecting arrears of version ${version} of committee ${committee} in group ${group.address}`,
    contract,
    method: "collectKeeperArrears",
    args: [committee, version],
    shows: [
      ["owed", formatAmount(owed, token)],
      ["available", formatAmount(page.escrow.available, token)],
    ],
    token,
  };
}

/** After the end: credits all arrears at one ratio; any account may send it (R32). */
export async function planCollectAllArrears(signer: Signer, group: GroupAt): Promise<TransactionPlan> {
  const { contract, page, token } = await arrearsScene(signer, group);
  const { providerArrears, keeperArrears, available } = page.escrow;
  const owed = providerArrears + keeperArrears;
  if (owed === 0n) throw noArrears("anybody", group.address, token);
  return {
    what: `collecting all arrears of group ${group.address}`,
    contract,
    method: "collectAllArrears",
    args: [],
    shows: [
      ["owed", formatAmount(owed, token)],
      ["available", formatAmount(available, token)],
    ],
    token,
  };
}
