/**
 * R47: the daemon redeems by itself: every voucher before its channel expires, and all of them when they are worth a sum that the operator named.
 * The contract skips what is worth nothing, so a claim twice costs gas and no money.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Signature, Wallet } from "ethers";
import type { Logger } from "pino";
import type { Ask } from "../../../daemon/chain/calls.ts";
import { RpcError } from "../../../daemon/chain/endpoint.ts";
import { counted } from "../../../protocol/counted.ts";
import { transactionGasCap } from "../../../protocol/fees.ts";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { claimsOf, gasOfClaim } from "../../../protocol/reading-claims.ts";
import type { Claim } from "../../../protocol/reading-claims.ts";
import type { ShownVoucher } from "../../../protocol/codec/paid-reading.ts";
import type { ReaderRecord } from "./book.ts";
import { channelsAt, vouchersAbi } from "./channels.ts";
import { margin_blocks } from "./judge.ts";
import type { PaidTerms, Payments } from "./payments.ts";
import type { PriceSettings } from "./settings.ts";

const lookEvery_ms = 10_000;
/** Claims of one call, and channels of one read. */
const atOnce = 256;
/** A transaction that is in no block after this time is sent again, with a fee that nodes take as a replacement. */
const replaceAfter_ms = 60_000;
const replacePercent = 125n;
const gasPercent = 130n;
const defaultTip = 1_000_000_000n;

export type RedeemerDependencies = {
  readonly terms: PaidTerms;
  readonly settings: PriceSettings["redeem"];
  /** Of the account that redeems. */
  readonly secret: Uint8Array;
  readonly payments: Pick<Payments, "records" | "redeemed">;
  readonly chain: { ask: Ask; head(): Promise<number> };
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  readonly now_ms: () => number;
};

type Sent = { readonly nonce: number; readonly fee: bigint; readonly at_ms: number };

export class Redeemer {
  readonly #deps: RedeemerDependencies;
  readonly #wallet: Wallet;
  #sent: Sent | undefined;
  #fault = "";

  constructor(deps: RedeemerDependencies) {
    this.#deps = deps;
    this.#wallet = new Wallet(toHex(deps.secret));
  }

  /** Looks until `signal` aborts; the same fault is logged once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const fault = await this.look().then(
        () => "",
        (error: unknown) => wordsOf(error),
      );
      if (fault !== "" && fault !== this.#fault && !signal.aborted) {
        this.#deps.log.error(`vouchers of readers cannot be redeemed: ${fault}`);
      }
      this.#fault = fault;
      await sleep(lookEvery_ms, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Redeems what is due now. Returns the units that it claimed. @throws if the chain does not answer, or refuses the transaction */
  async look(): Promise<bigint> {
    const { payments, chain, settings } = this.#deps;
    const head = await chain.head();
    const rest = ({ voucher, spent }: ReaderRecord): bigint => {
      return voucher.amount > spent ? voucher.amount - spent : 0n;
    };
    const isUrgent = ({ expiry }: { readonly expiry: number }): boolean => head + margin_blocks >= expiry;
    const open = payments.records().filter(({ expiry }) => expiry > head);
    const sum = open.reduce((all, record) => all + rest(record), 0n);
    const isDue = settings.above !== undefined && sum > 0n && sum >= settings.above;
    // Before the end it is looked again whether a redemption is still on the chain.
    const wanted = open.filter((record) => isUrgent(record) || (isDue && rest(record) > 0n));
    if (wanted.length === 0 || !(await this.#maySend())) return 0n;
    const isDone = (record: ReaderRecord): number => (rest(record) === 0n ? 1 : 0);
    const page = wanted.toSorted((a, b) => isDone(a) - isDone(b) || a.expiry - b.expiry).slice(0, atOnce);
    const worth = await this.#worth(page, head);
    // What was noted may be redeemed already, or its channel extended.
    const gain = worth.reduce((all, claim) => all + claim.gain, 0n);
    const isWorth = isDue && (wanted.length > page.length || gain >= (settings.above ?? 0n));
    const claims = isWorth ? worth : worth.filter(isUrgent);
    if (claims.length === 0) return 0n;
    return this.#redeem(claims);
  }

  async #worth(page: readonly ReaderRecord[], head: number): Promise<readonly Claim<ShownVoucher>[]> {
    const { chain, terms, settings, payments } = this.#deps;
    const readers = page.map(({ voucher }) => voucher.reader);
    const channels = await channelsAt(chain.ask, terms, readers, "latest");
    const newest = page.flatMap(({ voucher }, i) => {
      const channel = channels[i];
      return channel === undefined ? [] : [{ voucher, channel }];
    });
    for (const { voucher, channel } of newest) await payments.redeemed(voucher, channel);
    const gasPrice = BigInt((await chain.ask("eth_gasPrice", [])) as string);
    const cost = BigInt(terms.token) === 0n ? gasPrice * gasOfClaim : 0n;
    const leastEach = cost > settings.leastEach ? cost : settings.leastEach;
    return claimsOf(newest, { block: head + 1, leastEach }).worth;
  }

  /** Whether no transaction is under way, or one has waited so long that it is replaced. */
  async #maySend(): Promise<boolean> {
    if (this.#sent === undefined) return true;
    const done = await this.#count("latest");
    if (done > this.#sent.nonce) this.#sent = undefined;
    return this.#sent === undefined || this.#deps.now_ms() - this.#sent.at_ms >= replaceAfter_ms;
  }

  async #count(tag: "latest" | "pending"): Promise<number> {
    const { chain } = this.#deps;
    return Number(await chain.ask("eth_getTransactionCount", [this.#wallet.address, tag]));
  }

  async #redeem(claims: readonly Claim<ShownVoucher>[]): Promise<bigint> {
    const { chain, terms, settings, log } = this.#deps;
    const rows = claims.map(({ voucher }) => {
      const { r, yParityAndS } = Signature.from(toHex(voucher.signature));
      return [voucher.reader, voucher.token, voucher.amount, r, yParityAndS];
    });
    const data = vouchersAbi.encodeFunctionData("redeem", [rows, settings.to ?? this.#wallet.address]);
    const call = { from: this.#wallet.address, to: terms.vouchers, data };
    const estimate = BigInt((await chain.ask("eth_estimateGas", [call])) as string);
    const gas = (estimate * gasPercent) / 100n;
    const { fee, tip } = await this.#fees();
    const nonce = this.#sent?.nonce ?? (await this.#count("pending"));
    const signed = await this.#wallet.signTransaction({
      type: 2,
      chainId: terms.chainId,
      nonce,
      to: terms.vouchers,
      data,
      gasLimit: gas < transactionGasCap ? gas : transactionGasCap,
      maxFeePerGas: fee,
      maxPriorityFeePerGas: tip,
    });
    const hash = (await chain.ask("eth_sendRawTransaction", [signed])) as Hex;
    this.#sent = { nonce, fee, at_ms: this.#deps.now_ms() };
    const sum = claims.reduce((all, { gain }) => all + gain, 0n);
    const text = `redeeming ${counted(claims.length, "voucher")} of readers`;
    log.info({ hash, units: String(sum), gas: String(estimate) }, text);
    return sum;
  }

  async #fees(): Promise<{ readonly fee: bigint; readonly tip: bigint }> {
    const { chain } = this.#deps;
    const block = (await chain.ask("eth_getBlockByNumber", ["latest", false])) as { baseFeePerGas?: string };
    const base = BigInt(block.baseFeePerGas ?? 0);
    const usual = await chain.ask("eth_maxPriorityFeePerGas", []).then(
      (wei) => BigInt(wei as string),
      () => defaultTip,
    );
    const before = ((this.#sent?.fee ?? 0n) * replacePercent) / 100n;
    const fee = 2n * base + usual;
    if (fee >= before)
      return { fee, tip: this.#sent === undefined ? usual : (usual * replacePercent) / 100n };
    return { fee: before, tip: before };
  }
}

/** The fault in words; a refusal of the contract by its error's name and values. */
function wordsOf(error: unknown): string {
  const revert = error instanceof RpcError ? error.revert : undefined;
  const found = revert === undefined ? null : vouchersAbi.parseError(revert);
  if (found === null) return (error as Error).message;
  return `the contract refuses: ${found.name}(${found.args.map(String).join(", ")})`;
}
