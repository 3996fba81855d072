/** The transactions of a payer, as plans for `simulate` and `send`. */
import { Contract, type Provider, type Signer, type TransactionReceipt } from "ethers";
import { factoryAbi, groupAbi, tokenAbi } from "./abi.ts";
import { inputError, WhitePayError } from "./errors.ts";
import { GroupView, type GroupRules } from "./group-view.ts";
import { missingContract } from "./missing-contract.ts";
import { signPermit } from "./permit.ts";
import { chainOf } from "./signer.ts";
import { readToken, tokenAllowance, tokenBalance } from "./token.ts";
import type { TransactionPlan } from "./transactions.ts";
import { formatAmount, formatTime, type Token } from "./units.ts";
import { counted } from "../protocol/counted.ts";

/** A provider's signed consent to store data for a group (R33): the output of `whitepay provider consent`. */
export type DataConsent = {
  readonly operator: string;
  readonly group: string;
  readonly listRoot: string;
  readonly bytes: bigint;
  readonly receiptKey: string;
  readonly sequence: number;
  /** EIP-712, 65 bytes. */
  readonly signature: string;
};

export type NewGroup = {
  readonly factory: string;
  readonly rules: GroupRules;
  /** 3f+1 registered operators, in contract order. */
  readonly keepers: readonly string[];
};

function groupContract(signer: Signer, group: string): Contract {
  return new Contract(group, groupAbi, signer);
}

async function checkFactory(provider: Provider, factory: string): Promise<void> {
  if ((await provider.getCode(factory)) === "0x") throw missingContract("factory", factory);
}

/** The registry of a factory's groups. @throws WhitePayError `input` if there is no factory */
export async function registryOf(provider: Provider, factory: string): Promise<string> {
  await checkFactory(provider, factory);
  return (await new Contract(factory, factoryAbi, provider).getFunction("registry")()) as string;
}

/** Creates a group; the signer is its payer. `groupCreatedBy` reads its address from the receipt. */
export async function planCreate(
  signer: Signer,
  { factory, rules, keepers }: NewGroup,
): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  await checkFactory(provider, factory);
  if (rules.merkle) {
    throw inputError("groups in Merkle mode are not supported", {
      hint: "keepers of this version settle by items, for at most 256 providers",
    });
  }
  const token = await readToken(provider, rules.token);
  const blocks = `interval ${rules.interval}, turn ${rules.turn}, slot ${rules.slot}, answer ${rules.answer}, confirmations ${rules.confirmations}, lockup ${rules.lockup}`;
  return {
    what: `creating a group of ${counted(keepers.length, "keeper")}`,
    contract: new Contract(factory, factoryAbi, signer),
    method: "createGroup",
    args: [rules, keepers],
    shows: [
      [
        "token",
        token.address === rules.token && BigInt(token.address) !== 0n
          ? `${token.symbol} (${token.address})`
          : "the chain's coin",
      ],
      ["price", `${counted(rules.price, "unit")} (${formatAmount(rules.price, token)}) per GiB and block`],
      ["keepers' share", `${rules.keeperShareBps / 100} %`],
      ["blocks", blocks],
      ["keepers", keepers.join(", ")],
    ],
  };
}

/** Address of the group that a transaction created. */
export function groupCreatedBy(receipt: Pick<TransactionReceipt, "logs">): string | undefined {
  for (const log of receipt.logs) {
    const event = factoryAbi.parseLog(log);
    if (event?.name === "GroupCreated") return event.args["group"] as string;
  }
  return undefined;
}

/**
 * Deposits into the escrow. One plan for the chain's coin; for a token an approval first, unless the allowance suffices or `permit`
 * replaces it with a signature (EIP-2612).
 * @throws WhitePayError `funds` if the signer has too little, `input` if the token does not accept a permit
 */
export async function planFund(
  signer: Signer,
  group: string,
  amount: bigint,
  { permit = false }: { readonly permit?: boolean } = {},
): Promise<TransactionPlan[]> {
  const provider = chainOf(signer);
  const token = await tokenOf(provider, group);
  const owner = await signer.getAddress();
  const balance = await tokenBalance(provider, token, owner);
  if (balance < amount) throw lackingToken(owner, token, { needed: amount, balance });
  const shows: TransactionPlan["shows"] = [["amount", formatAmount(amount, token)]];
  const deposit: TransactionPlan = {
    what: `depositing ${formatAmount(amount, token)} for group ${group}`,
    contract: groupContract(signer, group),
    method: "deposit",
    args: [amount],
    shows,
    token,
  };
  if (permit) {
    const { deadline, signature } = await signPermit(signer, token, { spender: group, amount });
    const { v, r, s } = signature;
    const until: readonly [string, string] = [
      "permit",
      `signed, void from ${formatTime(Number(deadline))} on`,
    ];
    const args = [amount, deadline, v, r, s];
    return [{ ...deposit, method: "depositWithPermit", args, shows: [...shows, until] }];
  }
  if (BigInt(token.address) === 0n) return [{ ...deposit, value: amount }];
  if ((await tokenAllowance(provider, token, { owner, spender: group })) >= amount) return [deposit];
  const approval = {
    what: `approving ${formatAmount(amount, token)} for group ${group}`,
    contract: new Contract(token.address, tokenAbi, signer),
    method: "approve",
    args: [group, amount],
    shows,
    token,
  };
  return [approval, deposit];
}

function lackingToken(
  account: string,
  token: Token,
  { needed, balance }: { readonly needed: bigint; readonly balance: bigint },
): WhitePayError {
  return new WhitePayError({
    code: "funds",
    message: `account ${account} has too little ${token.symbol}`,
    expected: `at least ${formatAmount(needed, token)}`,
    actual: formatAmount(balance, token),
    hint: `send ${token.symbol} to it, or deposit less`,
  });
}

async function tokenOf(provider: Provider, group: string): Promise<Token> {
  return readToken(provider, (await new GroupView(provider, group).parameters()).token);
}

/** Blocks for which a withdrawal of "all" stays valid: every block increases the reserve. */
const withdrawalBlocks = 10n;

/**
 * Withdraws `amount` units. "all" is the withdrawable amount, minus the reserve of the next ten blocks if the group is not terminated.
 * @throws WhitePayError `funds` if nothing is withdrawable
 */
export async function planWithdraw(
  signer: Signer,
  group: string,
  amount: bigint | "all",
): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  const view = new GroupView(provider, group);
  const [parameters, escrow, state, providers, payees] = await Promise.all([
    view.parameters(),
    view.escrow(),
    view.state(),
    view.providers(),
    view.read("payerPayee"),
  ]);
  const token = await readToken(provider, parameters.token);
  const bytes = providers.reduce((sum, { bytesNow }) => sum + bytesNow, 0n);
  const soon =
    state.terminatedAt > 0 ? 0n : (bytes * parameters.price * withdrawalBlocks + (1n << 30n) - 1n) >> 30n;
  const free = escrow.withdrawable > soon ? escrow.withdrawable - soon : 0n;
  const wanted = amount === "all" ? free : amount;
  if (wanted === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `group ${group} has no withdrawable money`,
      expected: `unallocated money above arrears and reserve, ${formatAmount(escrow.arrears + escrow.reserve, token)} (R32)`,
      actual: formatAmount(escrow.unallocated, token),
      hint:
        state.terminatedAt > 0
          ? "settlements reduce the reserve; re-run later"
          : "terminate the group, then wait for its last settlement",
    });
  }
  return {
    what: `withdrawing ${formatAmount(wanted, token)} from group ${group}`,
    contract: groupContract(signer, group),
    method: "withdrawPayer",
    args: [wanted],
    shows: [
      ["amount", formatAmount(wanted, token)],
      ["paid to", String(payees[0])],
      ["withdrawable", formatAmount(escrow.withdrawable, token)],
    ],
    token,
  };
}

function consentArgs({ listRoot, bytes, receiptKey, sequence, signature }: DataConsent): unknown[] {
  return [listRoot, bytes, receiptKey, sequence, signature];
}

async function checkConsent(signer: Signer, group: string, consent: DataConsent): Promise<number> {
  if (consent.group.toLowerCase() !== group.toLowerCase()) {
    throw inputError("the consent is for another group", { expected: group, actual: consent.group });
  }
  return new GroupView(chainOf(signer), group).nextEffectiveBlock();
}

/** The rows to show for a change of data: provider, data, cost and first block. */
async function dataRows(
  signer: Signer,
  group: string,
  consent: DataConsent,
): Promise<Required<Pick<TransactionPlan, "shows" | "token">>> {
  const from = await checkConsent(signer, group, consent);
  const provider = chainOf(signer);
  const { price, token: address } = await new GroupView(provider, group).parameters();
  const token = await readToken(provider, address);
  const perBlock = (consent.bytes * price) >> 30n;
  const shows: TransactionPlan["shows"] = [
    ["provider", consent.operator],
    ["data", `${counted(consent.bytes, "byte")}, list ${consent.listRoot}`],
    ["cost per block", `${formatAmount(perBlock, token)} at most`],
    ["from block", String(from)],
  ];
  return { shows, token };
}

/** Adds a provider with the data in its consent. */
export async function planAddProvider(
  signer: Signer,
  group: string,
  consent: DataConsent,
): Promise<TransactionPlan> {
  return {
    what: `adding provider ${consent.operator}`,
    contract: groupContract(signer, group),
    method: "addProvider",
    args: [consent.operator, ...consentArgs(consent)],
    ...(await dataRows(signer, group, consent)),
  };
}

/** Index of a present provider by its operator. @throws WhitePayError `input` if it is not one */
export async function providerIndex(provider: Provider, group: string, operator: string): Promise<number> {
  const [found, index] = await new GroupView(provider, group).read("providerOf", [operator]);
  if (found === true) return Number(index);
  throw inputError(`${operator} is not a provider of group ${group}`, {
    hint: "`whitepay group status` lists the providers",
  });
}

/** Changes the data of a provider, with its consent. */
export async function planSetData(
  signer: Signer,
  group: string,
  consent: DataConsent,
): Promise<TransactionPlan> {
  const index = await providerIndex(chainOf(signer), group, consent.operator);
  return {
    what: `changing the data of provider ${index}`,
    contract: groupContract(signer, group),
    method: "changeData",
    args: [index, ...consentArgs(consent)],
    ...(await dataRows(signer, group, consent)),
  };
}

/** Removes a provider at the next slot; it is paid until then. */
export async function planRemoveProvider(
  signer: Signer,
  group: string,
  provider: number,
): Promise<TransactionPlan> {
  const view = new GroupView(chainOf(signer), group);
  return {
    what: `removing provider ${provider}`,
    contract: groupContract(signer, group),
    method: "removeProvider",
    args: [provider],
    shows: [["paid until block", String(await view.nextEffectiveBlock())]],
  };
}

/**
 * Proposes the present committee with one keeper replaced. It takes effect with the first settlement after all its members accepted
 * (R33).
 * @throws WhitePayError `input` if `old` is not a member
 */
export async function planReplaceKeeper(
  signer: Signer,
  group: string,
  { old, next }: { readonly old: string; readonly next: string },
): Promise<TransactionPlan> {
  const { operators } = await new GroupView(chainOf(signer), group).committee();
  const seat = operators.findIndex((operator) => operator.toLowerCase() === old.toLowerCase());
  if (seat < 0) {
    throw inputError(`${old} is not a keeper of group ${group}`, { expected: operators.join(", ") });
  }
  const proposed = operators.map((operator, index) => (index === seat ? next : operator));
  return {
    what: `proposing ${next} in place of keeper ${seat}, ${old}`,
    contract: groupContract(signer, group),
    method: "proposeCommittee",
    args: [proposed],
    shows: [
      ["committee", proposed.join(", ")],
      ["takes effect", "with the first settlement after every member accepted"],
    ],
  };
}

/** Withdraws a proposed committee. */
export function planCancelCommittee(signer: Signer, group: string): TransactionPlan {
  return {
    what: "withdrawing the proposed committee",
    contract: groupContract(signer, group),
    method: "cancelCommittee",
    args: [],
  };
}

/** Ends the group: data stays committed and paid for `lockup` blocks, then the payer may withdraw the rest. */
export async function planTerminate(signer: Signer, group: string): Promise<TransactionPlan> {
  const provider = chainOf(signer);
  const { lockup } = await new GroupView(provider, group).parameters();
  const end = (await provider.getBlockNumber()) + 1 + lockup;
  return {
    what: `terminating group ${group}`,
    contract: groupContract(signer, group),
    method: "terminate",
    args: [],
    shows: [
      ["data is paid until", `about block ${end}, ${counted(lockup, "block")} ahead`],
      ["cannot be undone", "from now on the group accepts no additions, changes or proposals"],
    ],
  };
}

/** Withdraws a provider's credit to its payee. Sent by its operator or payee. */
export async function planProviderWithdraw(
  signer: Signer,
  group: string,
  provider: number,
): Promise<TransactionPlan> {
  const view = new GroupView(chainOf(signer), group);
  const account = (await view.providers()).find(({ index }) => index === provider);
  if (account === undefined) throw inputError(`group ${group} has no provider ${provider}`);
  const token = await tokenOf(chainOf(signer), group);
  const amount = account.credited - account.withdrawn;
  // The withdrawal itself credits abandoned intervals (R34).
  if (amount === 0n && (await view.state()).abandonments === 0) {
    throw new WhitePayError({
      code: "funds",
      message: `provider ${provider} of group ${group} has no credit`,
      hint: "`whitepay provider earnings` shows settlements and expected money",
    });
  }
  return {
    what: `withdrawing ${formatAmount(amount, token)} of provider ${provider} from group ${group}`,
    contract: groupContract(signer, group),
    method: "withdrawProvider",
    args: [provider],
    shows: [
      ["amount", formatAmount(amount, token)],
      ["paid to", account.payee],
    ],
    token,
  };
}
