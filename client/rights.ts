/** What a party may do beside its daily work, each as a plan that `simulate` and `send` take (R31–R34). */
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
 * Closes what the committee left unsettled (R34): every provider is credited without a settlement. By the payer, or by a
 * provider that has unsettled blocks.
 */
export async function planAbandon(signer: Signer, group: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, group);
  const [{ interval, lockup }, { settledThrough }] = await Promise.all([view.parameters(), view.state()]);
  return {
    what: `abandoning what is unsettled of group ${group}`,
    contract,
    method: "abandon",
    args: [],
    shows: [
      ["settled through", `block ${settledThrough}`],
      ["possible from", `block ${settledThrough + interval + lockup}`],
      ["pays", "providers at the rate of their last settlement, without keepers' share (R34)"],
    ],
  };
}

/** A member gives up its seat; until a committee without it takes over the seat counts, and may stay silent (R33). */
export async function planResign(signer: Signer, group: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, group);
  const [operator, { version, operators }] = await Promise.all([signer.getAddress(), view.committee()]);
  const seat = operators.findIndex((member) => member.toLowerCase() === operator.toLowerCase());
  if (seat < 0) {
    throw inputError(`${operator} is no keeper of group ${group}`, { expected: operators.join(", ") });
  }
  return {
    what: `resigning from the committee of group ${group}`,
    contract,
    method: "resign",
    args: [],
    shows: [
      ["seat", `${seat} of committee ${version}`],
      ["meanwhile", "the seat counts as one that may be silent"],
      ["cannot be undone", "a new committee may seat it again"],
    ],
  };
}

/** Voids the consents that the signer gave to this group and that are not used yet (R33). */
export async function planRevokeConsent(signer: Signer, group: string): Promise<TransactionPlan> {
  const { view, contract } = sceneOf(signer, group);
  const used = await view.consentSequence(await signer.getAddress());
  return {
    what: `revoking the unused consent to group ${group}`,
    contract,
    method: "revokeConsent",
    args: [],
    shows: [
      ["void from now on", `consent ${used + 1}, if it was given`],
      ["next consent", String(used + 2)],
    ],
  };
}

/**
 * Books what was sent to the group's address without a deposit; anyone may.
 * @throws WhitePayError `funds` if nothing was
 */
export async function planSync(signer: Signer, group: string): Promise<TransactionPlan> {
  const scene = sceneOf(signer, group);
  const [token, { balance }] = await Promise.all([tokenOf(scene), scene.view.escrow()]);
  const held = await tokenBalance(scene.provider, token, group);
  if (held <= balance) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group} holds nothing that is not booked`,
      expected: `more than ${formatAmount(balance, token)}`,
      actual: formatAmount(held, token),
      hint: "send tokens to the group's address first, or deposit them: whitepay group fund",
    });
  }
  return {
    what: `booking ${formatAmount(held - balance, token)} that group ${group} holds`,
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
 * Credits a provider with what the escrow owes it since settlements for which there was too little (R32); anyone may.
 * @throws WhitePayError `funds` if nothing is owed, or nothing is there to pay it
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
      message: `group ${group} owes provider ${provider} nothing`,
      expected: "arrears above 0 (R32)",
      actual: formatAmount(0n, token),
      hint: "`whitepay provider earnings` says what is credited, owed and coming",
    });
  }
  if (escrow.unallocated === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group} has nothing to pay its arrears with`,
      expected: `at most ${formatAmount(account.arrears, token)} for provider ${provider}`,
      actual: formatAmount(escrow.unallocated, token),
      hint: "anyone may deposit: whitepay group fund",
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
      ["credited to", `${account.operator}, paid to ${account.payee} when it withdraws`],
    ],
    token,
  };
}

/**
 * Credits a provider now for intervals that were abandoned, rather than with its next settlement or withdrawal (R34); anyone may.
 * @throws WhitePayError `funds` if nothing was abandoned since it was last credited
 */
export async function planTouch(signer: Signer, group: string, provider: number): Promise<TransactionPlan> {
  const scene = sceneOf(signer, group);
  const [token, account] = await Promise.all([tokenOf(scene), accountOf(scene, provider)]);
  const { abandoned } = await scene.view.providerOutlook(provider);
  if (abandoned === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `nothing abandoned waits for provider ${provider} of group ${group}`,
      expected: "an abandoned interval that it was not credited for (R34)",
      actual: "none",
      hint: "`whitepay provider earnings` says what is credited, owed and coming",
    });
  }
  return {
    what: `crediting provider ${provider} of group ${group} for abandoned intervals`,
    contract: scene.contract,
    method: "touch",
    args: [provider],
    shows: [
      ["amount", `at most ${formatAmount(abandoned, token)}`],
      ["credited to", `${account.operator}, paid to ${account.payee} when it withdraws`],
    ],
    token,
  };
}

/** Pays a keeper what it has in every committee of the group, present or past, to its payee; by its operator or payee. */
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
          ["to payee", account.payee],
          ["committee", `${committee}, seat ${account.index}`],
        ],
        token,
      });
    }
  }
  return plans;
}
