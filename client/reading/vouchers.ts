/** R47: paying providers for reading: channels, vouchers, and the transactions around them. */
import { Contract, getBytes, Signature, type Provider, type Signer } from "ethers";
import { counted } from "../../protocol/counted.ts";
import {
  isVoucherSigned,
  type ChannelName,
  type Voucher,
  type VouchersDomain,
} from "../../protocol/codec/voucher.ts";
import { toHex, type Hex } from "../../protocol/hash.ts";
import { voucherGain, type ReadChannel } from "../../protocol/reading-account.ts";
import { vouchersAbi } from "../abi.ts";
import { needTokens, planApproval } from "../approval.ts";
import { inputError, WhitePayError } from "../errors.ts";
import { inPages } from "../pages.ts";
import { chainOf } from "../signer.ts";
import { readToken } from "../token.ts";
import type { TransactionPlan } from "../transactions.ts";
import { formatAmount, type Token } from "../units.ts";
import { callView, type BlockTag } from "../view-call.ts";

/** Bounds of a new expiry, in blocks ahead of the block of the deposit (contracts/ReadVouchers.sol). */
export const expiryBounds = { least: 256, most: 1 << 23 } as const;
/** Claims that the contract takes in one call. */
export const mostClaims = 256;
/** Channels in one call of a view. */
const channelsAtOnce = 256;

const types = {
  Voucher: [
    { name: "reader", type: "address" },
    { name: "provider", type: "address" },
    { name: "token", type: "address" },
    { name: "amount", type: "uint256" },
  ],
};

function lower(address: string): Hex {
  return address.toLowerCase() as Hex;
}

/**
 * Channels in the order of their names.
 * @param vouchers address of the contract of paid reading
 * @throws WhitePayError `input` if there is no such contract
 */
export async function readChannels(
  provider: Provider,
  vouchers: string,
  names: readonly ChannelName[],
  block: BlockTag = "latest",
): Promise<ReadChannel[]> {
  const found: ReadChannel[] = [];
  const call = {
    what: "contract of paid reading",
    abi: vouchersAbi,
    address: vouchers,
    name: "channels",
    block,
  };
  for (const page of inPages(names, channelsAtOnce)) {
    const keys = page.map(({ reader, provider: operator, token }) => [reader, operator, token]);
    const [states] = await callView(provider, { ...call, args: [keys] });
    for (const { deposited, spent, expiry } of states)
      found.push({ deposited, spent, expiry: Number(expiry) });
  }
  return found;
}

/** One channel, likewise. */
export async function readChannel(
  provider: Provider,
  vouchers: string,
  name: ChannelName,
  block: BlockTag = "latest",
): Promise<ReadChannel> {
  const [channel] = await readChannels(provider, vouchers, [name], block);
  return channel as ReadChannel;
}

/** The domain of vouchers on the chain of a provider or signer. */
export async function vouchersDomain(provider: Provider, vouchers: string): Promise<VouchersDomain> {
  const { chainId } = await provider.getNetwork();
  return { chainId: Number(chainId), vouchers: lower(vouchers) };
}

/**
 * Signs a voucher with the reader's account. It replaces every earlier one of the channel.
 * @param amount cumulative, in units: `spent` of the channel when the reading began, and the price of everything read since. Do not sign
 * more than `deposited`: the rest would be a promise of later deposits.
 */
export async function signVoucher(
  signer: Signer,
  { chainId, vouchers }: VouchersDomain,
  { provider, token }: Omit<ChannelName, "reader">,
  amount: bigint,
): Promise<Voucher> {
  const domain = { name: "WhitePay reading", version: "1", chainId, verifyingContract: vouchers };
  const value = {
    reader: lower(await signer.getAddress()),
    provider: lower(provider),
    token: lower(token),
    amount,
  };
  const signature = getBytes(await signer.signTypedData(domain, types, value));
  return { ...value, signature };
}

/** A claim of the contract, from a voucher. */
function claimOf({ reader, token, amount, signature }: Voucher): readonly unknown[] {
  const { r, yParityAndS } = Signature.from(toHex(signature));
  return [reader, token, amount, r, yParityAndS];
}

/**
 * Deposits into a reader's channel: an approval first, if the token needs one. The reader opens the channel and moves its expiry; others add
 * under its present expiry.
 * @param expiry block, 256 to 2^23 ahead if it is new; it never moves back
 * @param reader default: the signer
 * @throws WhitePayError `funds` if the signer has too little, `input` if an expiry is out of bounds
 */
export async function planReadDeposit(
  signer: Signer,
  vouchers: string,
  {
    provider,
    token: address,
    amount,
    expiry,
    reader,
  }: {
    readonly provider: string;
    readonly token: string;
    readonly amount: bigint;
    readonly expiry: number;
    readonly reader?: string;
  },
): Promise<TransactionPlan[]> {
  const chain = chainOf(signer);
  const of = reader ?? (await signer.getAddress());
  const [token, channel, block] = await Promise.all([
    readToken(chain, address),
    readChannel(chain, vouchers, { reader: lower(of), provider: lower(provider), token: lower(address) }),
    chain.getBlockNumber(),
  ]);
  checkExpiry(channel, expiry, block);
  await needTokens(signer, token, amount);
  const text = formatAmount(amount, token);
  const deposit: TransactionPlan = {
    what: `depositing ${text} for reading from provider ${provider}`,
    contract: new Contract(vouchers, vouchersAbi, signer),
    method: "deposit",
    args: [of, provider, address, amount, expiry],
    shows: [
      ["amount", text],
      ["in the channel now", formatAmount(channel.deposited - channel.spent, token)],
      ["can be withdrawn from block", `${expiry}, ${counted(expiry - block, "block")} ahead`],
    ],
    token,
    ...(BigInt(address) === 0n ? { value: amount } : {}),
  };
  const purpose = { spender: vouchers, amount, purpose: "paid reading" };
  return [...(await planApproval(signer, token, purpose)), deposit];
}

function checkExpiry(channel: ReadChannel, expiry: number, block: number): void {
  if (expiry === channel.expiry && block < channel.expiry) return;
  // Nodes simulate the deposit in the present block, and it is in the next one at the earliest.
  const least = Math.max(block + 1 + expiryBounds.least, channel.expiry);
  const most = block + expiryBounds.most;
  if (expiry >= least && expiry <= most) return;
  throw inputError("the channel's expiry is out of bounds", {
    expected: `block ${least} to ${most}${block < channel.expiry ? `, or ${channel.expiry} as it is` : ""}`,
    actual: `block ${expiry}`,
  });
}

/**
 * Withdraws the rest of the signer's channel, from its expiry on.
 * @param to receiver; default: the signer
 * @throws WhitePayError `funds` if there is nothing, or not yet
 */
export async function planReadWithdrawal(
  signer: Signer,
  vouchers: string,
  {
    provider,
    token: address,
    to,
  }: { readonly provider: string; readonly token: string; readonly to?: string },
): Promise<TransactionPlan> {
  const chain = chainOf(signer);
  const reader = await signer.getAddress();
  const rest = await restOf(chain, vouchers, {
    reader: lower(reader),
    provider: lower(provider),
    token: lower(address),
  });
  const block = await chain.getBlockNumber();
  // Nodes simulate a transaction in the present block.
  if (block < rest.expiry) {
    throw new WhitePayError({
      code: "funds",
      message: `the channel with provider ${provider} has not expired`,
      expected: `block ${rest.expiry} or later`,
      actual: `block ${block}`,
      hint: `the provider can redeem vouchers until then; run it again in ${counted(rest.expiry - block, "block")}`,
    });
  }
  const receiver = to ?? reader;
  return {
    what: `withdrawing ${rest.text} from the channel with provider ${provider}`,
    contract: new Contract(vouchers, vouchersAbi, signer),
    method: "withdraw",
    args: [provider, address, receiver],
    shows: [
      ["amount", rest.text],
      ["paid to", receiver],
    ],
    token: rest.token,
  };
}

/**
 * Gives the rest of a channel back to its reader; sent by the provider. Vouchers that are not redeemed are worth nothing after it.
 * @throws WhitePayError `funds` if there is nothing
 */
export async function planReadRelease(
  signer: Signer,
  vouchers: string,
  { reader, token: address }: { readonly reader: string; readonly token: string },
): Promise<TransactionPlan> {
  const provider = await signer.getAddress();
  const name = { reader: lower(reader), provider: lower(provider), token: lower(address) };
  const { text, token } = await restOf(chainOf(signer), vouchers, name);
  return {
    what: `giving ${text} back to reader ${reader}`,
    contract: new Contract(vouchers, vouchersAbi, signer),
    method: "release",
    args: [reader, address],
    shows: [
      ["amount", text],
      ["paid to", reader],
    ],
    token,
  };
}

type Rest = { readonly token: Token; readonly text: string; readonly expiry: number };

async function restOf(chain: Provider, vouchers: string, name: ChannelName): Promise<Rest> {
  const [token, channel] = await Promise.all([
    readToken(chain, name.token),
    readChannel(chain, vouchers, name),
  ]);
  const rest = channel.deposited - channel.spent;
  if (rest === 0n) {
    throw new WhitePayError({
      code: "funds",
      message: `the channel of reader ${name.reader} with provider ${name.provider} is empty`,
      expected: `some ${token.symbol} in it`,
      actual: `${formatAmount(channel.deposited, token)} deposited, all of it spent or returned`,
    });
  }
  return { token, text: formatAmount(rest, token), expiry: channel.expiry };
}

/**
 * Redeems the newest vouchers of many readers, at most 256 in one transaction, by token; sent by the provider. What is worth nothing is
 * left out: redeemed before, or of a channel that expired.
 * @param to receiver; default: the signer
 * @throws WhitePayError `input` for a voucher that the reader did not sign for this provider, `funds` if all are worth nothing
 */
export async function planRedeem(
  signer: Signer,
  vouchers: string,
  { newest, to }: { readonly newest: readonly Voucher[]; readonly to?: string },
): Promise<TransactionPlan[]> {
  const chain = chainOf(signer);
  const provider = await signer.getAddress();
  const domain = await vouchersDomain(chain, vouchers);
  const bad = newest.find((one) => one.provider !== lower(provider) || !isVoucherSigned(domain, one));
  if (bad !== undefined) {
    throw inputError("a voucher is not valid", {
      expected: `a voucher of reader ${bad.reader} for provider ${provider}, signed for this chain and contract`,
      actual: bad.provider === lower(provider) ? "another signature" : `one for provider ${bad.provider}`,
    });
  }
  const [channels, block] = await Promise.all([
    readChannels(chain, vouchers, newest),
    chain.getBlockNumber(),
  ]);
  const worth = newest
    .map((voucher, i) => ({
      voucher,
      gain: voucherGain(channels[i] as ReadChannel, voucher.amount, block + 1),
    }))
    .filter(({ gain }) => gain > 0n)
    .toSorted((a, b) => (a.voucher.token < b.voucher.token ? -1 : a.voucher.token > b.voucher.token ? 1 : 0));
  if (worth.length === 0) {
    throw new WhitePayError({
      code: "funds",
      message: `provider ${provider} has no voucher that is worth something`,
      expected: "a voucher above what was redeemed of its channel, before the channel's expiry",
      actual: counted(newest.length, "voucher"),
    });
  }
  const receiver = to ?? provider;
  const tokens = new Map<string, Token>();
  for (const { voucher } of worth) {
    if (!tokens.has(voucher.token)) tokens.set(voucher.token, await readToken(chain, voucher.token));
  }
  return inPages(worth, mostClaims).map((page) =>
    redemption(signer, { vouchers, to: receiver, page, tokens }),
  );
}

type Worth = { readonly voucher: Voucher; readonly gain: bigint };

function redemption(
  signer: Signer,
  {
    vouchers,
    to,
    page,
    tokens,
  }: {
    readonly vouchers: string;
    readonly to: string;
    readonly page: readonly Worth[];
    readonly tokens: ReadonlyMap<string, Token>;
  },
): TransactionPlan {
  const sums = new Map<Token, bigint>();
  for (const { voucher, gain } of page) {
    const token = tokens.get(voucher.token) as Token;
    sums.set(token, (sums.get(token) ?? 0n) + gain);
  }
  const text = [...sums].map(([token, sum]) => formatAmount(sum, token)).join(", ");
  const [only, ...others] = sums.keys();
  return {
    what: `redeeming ${text} by ${counted(page.length, "voucher")}`,
    contract: new Contract(vouchers, vouchersAbi, signer),
    method: "redeem",
    args: [page.map(({ voucher }) => claimOf(voucher)), to],
    shows: [
      ["amount", text],
      ["paid to", to],
    ],
    ...(only === undefined || others.length > 0 ? {} : { token: only }),
  };
}
