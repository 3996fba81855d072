/** `whitepay provider redeem`: what readers' vouchers are worth, and their redemption (R47). */
import type { Command } from "commander";
import { getAddress } from "ethers";
import { planRedeem, readChannels } from "../../client/reading/vouchers.ts";
import { readToken } from "../../client/token.ts";
import { formatAmount, parseAmount, type Token } from "../../client/units.ts";
import type { ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import { counted } from "../../protocol/counted.ts";
import type { ReadChannel } from "../../protocol/reading-account.ts";
import { claimsOf, gasOfClaim, type Claim, type Claims } from "../../protocol/reading-claims.ts";
import { readRecords } from "../../provider/reading/paid/book.ts";
import { bookFolder } from "../../provider/reading/paid/compose.ts";
import { moneyOptions, transact, type TransactionReport } from "../chain/transact.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { addressOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { configOption, withProvider, type ProviderContext, type ProviderOptions } from "./context.ts";

type RedeemOptions = ProviderOptions & { readonly least?: string; readonly to?: string };

export function registerRedeem(provider: Command): void {
  const command = configOption(provider.command("redeem"))
    .description("redeem the vouchers of readers, up to 256 in one transaction, and say what each is worth")
    .option(
      "--least <amount>",
      "leave vouchers that are worth less, in whole tokens (default: the gas, in coin)",
    )
    .option(
      "--to <address>",
      "receiver (default: reading.price.redeem.to, else the operator)",
      addressOption("--to"),
    );
  jsonOption(moneyOptions(command)).action((options: RedeemOptions) =>
    withProvider(options, (context) => redeem(context, options)),
  );
}

type OfToken = { readonly token: Token; readonly claims: Claims<ShownVoucher> };

async function redeem(context: ProviderContext, options: RedeemOptions): Promise<void> {
  const { config, signer } = context;
  const { vouchers } = config.chain;
  if (vouchers === undefined) {
    throw usageError("chain.vouchers is missing: the ReadVouchers contract", {
      hint: "add it to the config file, or give --vouchers",
    });
  }
  const newest = await ownVouchers(context, vouchers);
  const all = await worthOf(context, vouchers, newest, options.least);
  if (options.json !== true) for (const one of all) print(one);
  const worth = all.flatMap(({ claims }) => claims.worth.map(({ voucher }) => voucher));
  const transactions: TransactionReport[] = [];
  if (worth.length > 0) {
    const to = options.to ?? config.reading?.price?.redeem.to ?? signer.address;
    for (const plan of await planRedeem(signer, vouchers, { newest: worth, to })) {
      transactions.push(await transact(plan, signer, options));
    }
  }
  if (options.json === true) {
    printJson({ provider: signer.address, tokens: all.map(documentOf), transactions });
  }
  if (worth.length > 0) return;
  throw new CliError({
    code: exitCodes.funds,
    message: "no voucher is worth its redemption",
    expected: "a voucher above what was redeemed, and above --least, before its channel expires",
    actual: counted(newest.length, "voucher"),
    hint: "readers sign more while they read; --least 0 takes small ones, too",
  });
}

/** The vouchers on this provider's disk for its account, contract and chain. */
async function ownVouchers(
  { config, signer }: ProviderContext,
  vouchers: string,
): Promise<readonly ShownVoucher[]> {
  const all = (await readRecords(bookFolder(config), say)).map(({ voucher }) => voucher);
  const own = all.filter((voucher) => {
    const isOfContract = voucher.vouchers === vouchers.toLowerCase() && voucher.chainId === config.chain.id;
    return isOfContract && voucher.provider === signer.address.toLowerCase();
  });
  const others = all.length - own.length;
  if (others > 0) say(`${counted(others, "voucher")} of another chain, contract or account: left out`);
  return own;
}

async function worthOf(
  { provider }: ProviderContext,
  vouchers: string,
  newest: readonly ShownVoucher[],
  least: string | undefined,
): Promise<OfToken[]> {
  const [channels, block, fees] = await Promise.all([
    readChannels(provider, vouchers, newest),
    provider.getBlockNumber(),
    provider.getFeeData(),
  ]);
  const found: OfToken[] = [];
  for (const address of new Set(newest.map(({ token }) => token))) {
    const token = await readToken(provider, address);
    const ofCoin = BigInt(address) === 0n ? gasOfClaim * (fees.gasPrice ?? 0n) : 1n;
    const leastEach = least === undefined ? ofCoin : parseAmount(least, token);
    const pairs = newest.flatMap((voucher, i) => {
      return voucher.token === address ? [{ voucher, channel: channels[i] as ReadChannel }] : [];
    });
    found.push({ token, claims: claimsOf(pairs, { block: block + 1, leastEach }) });
  }
  return found;
}

const sumOf = (claims: readonly Claim<ShownVoucher>[]): bigint =>
  claims.reduce((sum, { gain }) => sum + gain, 0n);

function print({ token, claims }: OfToken): void {
  const { worth, small, nothing } = claims;
  const text = (list: readonly Claim<ShownVoucher>[]): string =>
    `${formatAmount(sumOf(list), token)} by ${counted(list.length, "voucher")}`;
  printLine(`claimable  ${text(worth)}`);
  if (small.length > 0) printLine(`too small  ${text(small)}: less than their gas, or than --least`);
  if (nothing.length > 0) printLine(`nothing    ${counted(nothing.length, "voucher")}: redeemed, or expired`);
  const [first] = worth;
  if (first !== undefined)
    printLine(`first end  block ${first.expiry}, of reader ${getAddress(first.voucher.reader)}`);
}

function documentOf({ token, claims }: OfToken): object {
  const of = (list: readonly Claim<ShownVoucher>[]): object => ({
    vouchers: list.length,
    units: String(sumOf(list)),
  });
  const { worth, small, nothing } = claims;
  return { token: token.address, claimable: of(worth), tooSmall: of(small), nothing: of(nothing) };
}
