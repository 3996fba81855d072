/** `whitepay reader deposit|withdraw|status`: a reader's money with providers (R47). */
import type { Command } from "commander";
import type { JsonRpcProvider, Wallet } from "ethers";
import { tabName } from "../../client/reading/purse.ts";
import {
  planReadDeposit,
  planReadWithdrawal,
  readChannel,
  readChannels,
  vouchersDomain,
} from "../../client/reading/vouchers.ts";
import { readToken } from "../../client/token.ts";
import { formatAmount, parseAmount, type Token } from "../../client/units.ts";
import type { ChannelName, VouchersDomain } from "../../protocol/codec/voucher.ts";
import { counted } from "../../protocol/counted.ts";
import type { Hex } from "../../protocol/hash.ts";
import { tabOf } from "../../protocol/reading-account.ts";
import type { ReadChannel, ReadTab } from "../../protocol/reading-account.ts";
import { payerOptions, payerSigner, readerPurse, withChain, type PayerOptions } from "../chain/account.ts";
import { moneyOptions, transact, type TransactionReport } from "../chain/transact.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { accountsOption, tokenOption } from "./pay.ts";
import { openTabs, type TabFolder } from "./tabs.ts";

/** A week of 12 s. */
const defaultBlocks = 50_400;

type ReaderOptions = PayerOptions & { readonly accounts: string };
type ChannelOptions = ReaderOptions & { readonly provider: string; readonly token: string };
type DepositOptions = ChannelOptions & { readonly amount: string; readonly blocks: number };
type WithdrawOptions = ChannelOptions & { readonly to?: string };

function channelOptions(command: Command): Command {
  const named = command.requiredOption(
    "--provider <address>",
    "account of the provider that redeems",
    addressOption("--provider"),
  );
  return payerOptions(jsonOption(moneyOptions(accountsOption(tokenOption(named)))), readerPurse);
}

export function registerMoney(reader: Command): void {
  channelOptions(
    reader
      .command("deposit")
      .description("deposit for reading from one provider, or move the channel's expiry with an amount of 0")
      .requiredOption("--amount <amount>", "in whole tokens, such as 2.5")
      .option(
        "--blocks <n>",
        "blocks until the channel expires and the rest can be withdrawn",
        integerOption("--blocks", { min: 1 }),
        defaultBlocks,
      ),
  ).action((options: DepositOptions) => inAccount(options, (account) => deposit(account, options)));
  channelOptions(
    reader
      .command("withdraw")
      .description("withdraw the rest of a channel that has expired")
      .option("--to <address>", "receiver (default: the reader's account)", addressOption("--to")),
  ).action((options: WithdrawOptions) => inAccount(options, (account) => withdraw(account, options)));
  const status = reader
    .command("status")
    .description("list the reader's channels: deposits, what was promised and redeemed, and their expiry");
  payerOptions(jsonOption(accountsOption(status)), readerPurse).action((options: ReaderOptions) =>
    inAccount(options, (account) => showStatus(account, options)),
  );
}

type Account = {
  readonly chain: JsonRpcProvider;
  readonly signer: Wallet;
  readonly vouchers: string;
  readonly domain: VouchersDomain;
};

const lower = (address: string): Hex => address.toLowerCase() as Hex;

function inAccount(options: ReaderOptions, work: (account: Account) => Promise<void>): Promise<void> {
  return withChain(
    options,
    async (chain, payer) => {
      const vouchers = payer.need("chain.vouchers");
      const signer = await payerSigner(chain, payer);
      await work({ chain, signer, vouchers, domain: await vouchersDomain(chain, vouchers) });
    },
    readerPurse,
  );
}

function nameOf({ signer }: Account, { provider, token }: ChannelOptions): ChannelName {
  return { reader: lower(signer.address), provider: lower(provider), token: lower(token) };
}

async function deposit(account: Account, options: DepositOptions): Promise<void> {
  const { chain, signer, vouchers, domain } = account;
  const name = nameOf(account, options);
  const token = await readToken(chain, options.token);
  const amount = parseAmount(options.amount, token);
  const [before, head] = await Promise.all([readChannel(chain, vouchers, name), chain.getBlockNumber()]);
  const expiry = Math.max(before.expiry, head + 1 + options.blocks);
  const tabs = await openTabs(options.accounts);
  await closing(tabs, async () => {
    const plans = await planReadDeposit(signer, vouchers, { ...name, amount, expiry });
    const transactions: TransactionReport[] = [];
    for (const plan of plans) transactions.push(await transact(plan, signer, options));
    const key = tabName(domain, name);
    // `status` lists what is in the folder.
    if (transactions.at(-1)?.sent === true) await tabs.put(key, tabOf(before, await tabs.get(key)));
    if (options.json === true) printJson({ ...name, expiry, transactions });
  });
}

async function closing<T>(tabs: TabFolder, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await tabs.close();
  }
}

async function withdraw(account: Account, options: WithdrawOptions): Promise<void> {
  const { signer, vouchers } = account;
  const name = nameOf(account, options);
  const to = options.to === undefined ? {} : { to: options.to };
  const plan = await planReadWithdrawal(signer, vouchers, { ...name, ...to });
  const report = await transact(plan, signer, options);
  if (options.json === true) printJson({ ...name, transactions: [report] });
}

async function showStatus(account: Account, { accounts, json }: ReaderOptions): Promise<void> {
  const { chain, signer, vouchers, domain } = account;
  const tabs = await openTabs(accounts);
  const all = await closing(tabs, () => tabs.all());
  const own: { name: ChannelName; tab: ReadTab }[] = [];
  for (const [key, tab] of all) {
    const [, , reader, provider, token] = key.split("/") as Hex[];
    if (reader === undefined || provider === undefined || token === undefined) continue;
    const name = { reader, provider, token };
    if (reader === lower(signer.address) && key === tabName(domain, name)) own.push({ name, tab });
  }
  const names = own.map(({ name }) => name);
  const [channels, head] = await Promise.all([readChannels(chain, vouchers, names), chain.getBlockNumber()]);
  const rows = own.map(({ name, tab }, i) => rowOf(name, channels[i] as ReadChannel, tab));
  if (json === true) return printJson({ reader: signer.address, head, channels: rows });
  if (rows.length === 0) return printLine("no channel: whitepay reader deposit opens one");
  const tokens = new Map<string, Token>();
  for (const { token } of rows) if (!tokens.has(token)) tokens.set(token, await readToken(chain, token));
  for (const row of rows) print(row, tokens.get(row.token) as Token, head);
}

type Row = {
  readonly provider: Hex;
  readonly token: Hex;
  readonly deposited: bigint;
  readonly redeemed: bigint;
  readonly promised: bigint;
  readonly received: bigint;
  readonly rest: bigint;
  readonly expiry: number;
};

function rowOf({ provider, token }: ChannelName, channel: ReadChannel, known: ReadTab): Row {
  const { deposited, spent, expiry } = channel;
  const { signed: promised, received } = tabOf(channel, known);
  const rest = deposited > promised ? deposited - promised : 0n;
  return { provider, token, deposited, redeemed: spent, promised, received, rest, expiry };
}

function print(row: Row, token: Token, head: number): void {
  const amount = (units: bigint): string => formatAmount(units, token);
  printLine(`provider   ${row.provider}`);
  printLine(`deposited  ${amount(row.deposited)} in all, ${amount(row.rest)} not promised yet`);
  printLine(`promised   ${amount(row.promised)}, for ${amount(row.received)} of verified bytes`);
  printLine(`left it    ${amount(row.redeemed)}, redeemed or returned`);
  const when =
    head >= row.expiry
      ? "can be withdrawn now"
      : `can be withdrawn in ${counted(row.expiry - head, "block")}`;
  printLine(`expiry     block ${row.expiry}: the rest ${when}`);
}
