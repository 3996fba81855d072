/** Less frequent transactions of payers, keepers and providers, as plans for `simulate` and `send` (R31–R34). */
import { Contract, type Provider, type Signer } from "ethers";
import { groupAbi } from "./abi.ts";
import { inputError, WhitePayError } from "./errors.ts";
import { GroupView, type ProviderAccount } from "./group-view.ts";
import { chainOf } from "./signer.ts";
import { readToken, tokenBalance } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, type Token } from "./units.ts";

type Scene = { readonly provider: Provider; readonly view: GroupView; readonly contract: Contract };

function sceneOf(signer: Signer, group: string): Scene {
  const provider = chainOf(signer);
  return { provider, view: new GroupView(provider, group), contract: new Contract(group, groupAbi, signer) };
}

async function tokenOf({ provider, view }: Scene): Promise<Token> {
  return readToken(provider, (await view.parameters()).token);
}

/**
 * Settles the unsettled blocks without the committee (R34). Sent by the payer, or by a provider with unsettled blocks.
 */
export async function planAbandon(signer: Signer, group: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, group);
  const [{ interval, lockup }, { settledThrough }] = await Promise.all([view.parameters(), view.state()]);
  return {
    what: `abandoning the unsettled blocks of group ${group}`,
    contract,
    method: "abandon",
    args: [],
    shows: [
      ["settled through", `block ${settledThrough}`],
      ["possible from", `block ${settledThrough + interval + lockup}`],
      ["pays", "the providers at the rate of their last settlement, without a keepers' share (R34)"],
    ],
  };
}

/** Resigns a seat. Until a committee without it takes over, the seat counts as one of f silent ones (R33). */
export async function planResign(signer: Signer, group: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, group);
  const [operator, { version, operators }] = await Promise.all([signer.getAddress(), view.committee()]);
  const seat = operators.findIndex((member) => member.toLowerCase() === operator.toLowerCase());
  if (seat < 0) {
    throw inputError(`${operator} is not a keeper of group ${group}`, { expected: operators.join(", ") });
  }
  return {
    what: `resigning from the committee of group ${group}`,
    contract,
    method: "resign",
    args: [],
    shows: [
      ["seat", `${seat} of committee ${version}`],
      ["meanwhile", "the seat counts as one of f silent seats"],
      ["cannot be undone", "only a new committee can give it a seat again"],
    ],
  };
}

/** Voids the unused consents of the signer for this group (R33). */
export async function planRevokeConsent(signer: Signer, group: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, group);
  const used = await view.consentSequence(await signer.getAddress());
  return {
    what: `revoking the unused consent to group ${group}`,
    contract,
    method: "revokeConsent",
    args: [],
    shows: [
      ["void from now on", `consent ${used + 1}, if it exists`],
      ["next consent", String(used + 2)],
    ],
  };
}

/**
 * Books tokens that were sent to the group's address without a deposit. Any account may send it.
 * @throws WhitePayError `funds` if there are none
 */
export async function planSync(signer: Signer, group: string): Promise<TransactionPlan> {
  const scene = sceneOf(signer, group);
  const [token, { balance }] = await Promise.all([tokenOf(scene), scene.view.escrow()]);
  const held = await tokenBalance(scene.provider, token, group);
  if (held <= balance) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group} has no unbooked tokens`,
      expected: `more than ${formatAmount(balance, token)}`,
      actual: formatAmount(held, token),
      hint: "send tokens to the group's address first, or deposit them: whitepay group fund",
    });
  }
  return {
    what: `booking ${formatAmount(held - balance, token)} of group ${group}`,
    contract: scene.contract,
    method: "sync",
    args: [],
    shows: [
      ["amount", formatAmount(held - balance, token)],
      ["booked before", formatAmount(balance, token)],
    ],
    token,
  };
}

async function accountOf({ view }: Scene, provider: number): Promise<ProviderAccount> {
  const account = (await view.providers()).find(({ index }) => index === provider);
  if (account !== undefined) return account;
  throw inputError(`group ${view.address} has no provider ${provider}`, {
    hint: "`whitepay group status` lists the providers",
  });
}

/**
 * Credits a provider with its arrears (R32). Any account may send it.
 * @throws WhitePayError `funds` if there are no arrears, or the escrow is empty
 */
export async function planCollectArrears(
  signer: Signer,
  group: string,
  provider: number,
): Promise<TransactionPlan> {
  const scene = sceneOf(signer, group);
  const [token, account, escrow] = await Promise.all([
    tokenOf(scene),
    accountOf(scene, provider),
    scene.view.escrow(),
  ]);
  if (account.arrears === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group} owes provider ${provider} no arrears`,
      expected: "arrears above 0 (R32)",
      actual: formatAmount(0n, token),
      hint: "`whitepay provider earnings` shows credited, owed and expected money",
    });
  }
  if (escrow.unallocated === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group} has no money for its arrears`,
      expected: `at most ${formatAmount(account.arrears, token)} for provider ${provider}`,
      actual: formatAmount(escrow.unallocated, token),
      hint: "any account may deposit: whitepay group fund",
    });
  }
  return {
    what: `collecting arrears of provider ${provider} of group ${group}`,
    contract: scene.contract,
    method: "collectArrears",
    args: [provider],
    shows: [
      ["owed", formatAmount(account.arrears, token)],
      ["in the escrow", formatAmount(escrow.unallocated, token)],
      ["credited to", `${account.operator}; a withdrawal pays ${account.payee}`],
    ],
    token,
  };
}

/**
 * Credits a provider for abandoned intervals before its next settlement or withdrawal (R34). Any account may send it.
 * @throws WhitePayError `funds` if there is no uncredited abandoned interval
 */
export async function planTouch(signer: Signer, group: string, provider: number): Promise<TransactionPlan> {
  const scene = sceneOf(signer, group);
  const [token, account] = await Promise.all([tokenOf(scene), accountOf(scene, provider)]);
  const { abandoned } = await scene.view.providerOutlook(provider);
  if (abandoned === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `provider ${provider} of group ${group} has no uncredited abandoned interval`,
      expected: "an uncredited abandoned interval (R34)",
      actual: "none",
      hint: "`whitepay provider earnings` shows credited, owed and expected money",
    });
  }
  return {
    what: `crediting provider ${provider} of group ${group} for abandoned intervals`,
    contract: scene.contract,
    method: "touch",
    args: [provider],
    shows: [
      ["amount", `at most ${formatAmount(abandoned, token)}`],
      ["credited to", `${account.operator}; a withdrawal pays ${account.payee}`],
    ],
    token,
  };
}

/** Withdraws a keeper's credit in every present or past committee of the group. Sent by its operator or payee. */
export async function planKeeperWithdraw(
  signer: Signer,
  group: string,
  operator: string,
): Promise<TransactionPlan[]> {
  const scene = sceneOf(signer, group);
  const [token, { version }] = await Promise.all([tokenOf(scene), scene.view.committee()]);
  const plans: TransactionPlan[] = [];
  for (let committee = 1; committee <= version; committee++) {
    for (const account of await scene.view.keeperAccounts(committee)) {
      const amount = account.earned - account.withdrawn;
      if (account.operator.toLowerCase() !== operator.toLowerCase() || amount === 0n) continue;
      plans.push({
        what: `withdrawing this keeper's shares of group ${group}`,
        contract: scene.contract,
        method: "withdrawKeeper",
        args: [committee, account.index],
        shows: [
          ["amount", formatAmount(amount, token)],
          ["paid to", account.payee],
          ["committee", `${committee}, seat ${account.index}`],
        ],
        token,
      });
    }
  }
  return plans;
}
