/**
 * Submits certificates, settlements and consents from the operator's account. Committees do not wait for each other: every transaction has its own
 * nonce. It is simulated first, its fee is raised while it can succeed, and its nonce is freed when it cannot any more.
 */
import { formatEther, Transaction, Wallet } from "ethers";
import { feesFor, feesToReplace, limitsToReplace, transactionGasCap } from "../../../protocol/fees.ts";
import type { FeeLimits, GasFees } from "../../../protocol/fees.ts";
import { gasMarginPercent } from "../../../protocol/funds.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { consentGas } from "../../../protocol/succession.ts";
import type { HandingIn, Submission, SubmitResult } from "../../ports/chain.ts";
import type { ClockPort } from "../../ports/clock.ts";
import { committeeAbi, groupAbi } from "./abi.ts";
import { calldataOf } from "./encode.ts";
import { Exchange, FeeMeter, inUnits } from "./fees.ts";
import type { Call, TokenPrices } from "./fees.ts";
import { RpcError } from "../../../daemon/chain/endpoint.ts";
import { NonceQueue } from "./nonces.ts";
import { inParallel } from "./parallel.ts";
import { revertText } from "./revert.ts";
import { blockTag, RpcDisagreement, RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import type { RpcPool } from "../../../daemon/chain/rpc.ts";
import { call as callView } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";

export type SubmitOptions = {
  readonly chainId: number;
  readonly operatorSecret: string;
  readonly poll_ms: number;
  /** Blocks without inclusion after which the fee is raised. */
  readonly bumpAfterBlocks: number;
  readonly fees: FeeLimits;
  readonly tokenPrices: TokenPrices;
};

type RawReceipt = { readonly status: string; readonly blockNumber: string; readonly gasUsed: string };
type Mined = { readonly tx: Hex; readonly receipt: RawReceipt; readonly cancelled: boolean };

type Begun = {
  readonly submission: Submission;
  readonly call: Call;
  readonly nonce: number;
  readonly fees: GasFees;
};

/** One submission from the first transaction with its nonce until one of them is mined. */
type Flight = Omit<Begun, "fees"> & {
  fees: GasFees;
  /** By transaction hash: whether the transaction cancels the submission. */
  readonly sent: Map<Hex, boolean>;
  /** Head at the last transaction. */
  sentAt: number;
  cancelling: boolean;
};

/** Refusals that may end with later blocks. The transaction stays pending. */
const passing: ReadonlySet<string> = new Set(["Committee_TooEarly", "Committee_NotLeader"]);
/** Another certificate was first, or the window is over; for a consent: it is given, or the proposal is not open any more (R37). */
const late: ReadonlySet<string> = new Set([
  "Committee_StaleStart",
  "Committee_TooLate",
  "Committee_AlreadyConsented",
  "Committee_NoSuchProposal",
]);
const cancelGas = 21_000n;
/** Error texts of nodes: the transaction is known, or another one with its nonce is mined. */
const taken = /nonce.?too.?low|old.?nonce|already.?known|known.?transaction|already.?imported/i;
/** Error texts of nodes: the fee is too low to replace a pending transaction, or below the least fee. */
const tooCheap = /underpriced|replacement.?not.?allowed|replace existing/i;

export class Submitter {
  readonly #options: SubmitOptions;
  readonly #rpc: RpcPool;
  readonly #clock: ClockPort;
  readonly #wallet: Wallet;
  readonly #nonces = new NonceQueue();
  readonly #meter: FeeMeter;
  readonly #exchange: Exchange;
  readonly #ask: Ask;
  /** By committee: ends when the nonce of its last submission is taken, so that earlier ones have lower nonces. */
  readonly #queues = new Map<Hex, Promise<unknown>>();

  constructor(options: SubmitOptions, rpc: RpcPool, clock: ClockPort) {
    this.#options = options;
    this.#rpc = rpc;
    this.#clock = clock;
    this.#wallet = new Wallet(options.operatorSecret);
    this.#ask = (method, params) => rpc.send(method, params);
    this.#meter = new FeeMeter(options, this.#ask);
    this.#exchange = new Exchange(options.tokenPrices, this.#ask);
  }

  /** Fee of submitting it now, in units of the committee's token; undefined if no price of the token is configured. */
  async fee(submission: HandingIn): Promise<bigint | undefined> {
    const { committee } = submission;
    const unitsPerCoin = await this.#exchange.unitsPerCoin(committee);
    if (unitsPerCoin === undefined) return undefined;
    const data = calldataOf(submission);
    const [gas, market] = await Promise.all([this.#estimate(committee, data), this.#meter.market()]);
    const fees = feesFor(market, this.#options.fees);
    const l1Fee = await this.#meter.l1Fee({ to: committee, data, gasLimit: gas }, fees);
    return inUnits(gas * (market.nextBase + market.tip) + l1Fee, unitsPerCoin);
  }

  async submit(submission: Submission, signal: AbortSignal): Promise<SubmitResult> {
    const { committee } = submission;
    const begun = (this.#queues.get(committee) ?? Promise.resolve()).then(() => this.#begin(submission));
    this.#queues.set(
      committee,
      begun.catch(() => undefined),
    );
    const ready = await begun;
    if ("kind" in ready) return ready;
    try {
      return await this.#follow(ready, signal);
    } finally {
      this.#nonces.end(ready.nonce);
    }
  }

  /** The result if it cannot be sent. */
  async #begin(submission: Submission): Promise<Begun | SubmitResult> {
    const { committee } = submission;
    if (await this.#isDone(submission))
      return { kind: "superseded", detail: "every group of the run is settled" };
    const data = calldataOf(submission);
    const least = submission.kind === "consent" ? consentGas(submission.members) : 0n;
    const simulated = await this.#simulate(committee, data, least);
    if ("kind" in simulated) return simulated;
    const call = { to: committee, data, gasLimit: simulated.gasLimit };
    const fees = feesFor(await this.#meter.market(), this.#options.fees);
    const poor = await this.#lacksFunds(call, fees);
    if (poor !== undefined) return { kind: "failed", detail: poor };
    return { submission, call, fees, nonce: this.#nonces.take(await this.#minedCount()) };
  }

  /** Whether a settlement has nothing left to settle: the contract would not refuse it, and it would cost gas for nothing (R29). */
  async #isDone(submission: Submission): Promise<boolean> {
    if (submission.kind !== "settle") return false;
    const { committee, certificate, groups, run } = submission;
    const settled = await inParallel(
      groups.slice(run.first, run.first + run.length),
      async ({ number, group }) => {
        const [state] = await callView(this.#ask, groupAbi, group, "state", [], "latest");
        const { service, settledThrough } = state;
        const serves =
          String(service.committee).toLowerCase() === committee && Number(service.number) === number;
        return !serves || Number(settledThrough) >= certificate.te;
      },
    );
    return settled.every(Boolean);
  }

  async #estimate(to: Hex, data: string): Promise<bigint> {
    const from = this.#wallet.address;
    return BigInt((await this.#rpc.send("eth_estimateGas", [{ from, to, data }])) as string);
  }

  /**
   * Simulates the call. A refusal costs no gas here.
   * @param least least gas limit
   */
  async #simulate(to: Hex, data: string, least: bigint): Promise<{ gasLimit: bigint } | SubmitResult> {
    try {
      const gas = await this.#estimate(to, data);
      if (gas > transactionGasCap) {
        const detail = `gas of the transaction: expected at most ${transactionGasCap}, the gas cap of a transaction, actual ${gas}`;
        return { kind: "failed", detail };
      }
      const estimated = (gas * gasMarginPercent) / 100n;
      const wished = estimated > least ? estimated : least;
      return { gasLimit: wished < transactionGasCap ? wished : transactionGasCap };
    } catch (error) {
      const { name, text } = revertText(committeeAbi, error);
      return { kind: name !== undefined && late.has(name) ? "superseded" : "failed", detail: text };
    }
  }

  /** Whether a pending transaction cannot succeed any more: the contract refuses it for good, as two endpoints say if two answer. */
  async #isRefused({ submission, call: { to, data } }: Begun, head: number): Promise<boolean> {
    if (await this.#isDone(submission)) return true;
    try {
      await this.#rpc.sendAgreed("eth_call", [{ from: this.#wallet.address, to, data }, blockTag(head)]);
      return false;
    } catch (error) {
      // Any other error says nothing about the transaction.
      const { name } = revertText(committeeAbi, error);
      return name !== undefined && !passing.has(name);
    }
  }

  async #lacksFunds(call: Call, fees: GasFees): Promise<string | undefined> {
    const from = this.#wallet.address;
    const balance = BigInt((await this.#rpc.send("eth_getBalance", [from, "latest"])) as string);
    const needed = call.gasLimit * fees.maxFeePerGas + (await this.#meter.l1Fee(call, fees));
    if (balance >= needed) return undefined;
    return `funds of ${from}: expected at least ${formatEther(needed)}, actual ${formatEther(balance)}; send coin to this account`;
  }

  /** Sends, waits and raises the fee; cancels and frees the nonce when the transaction is no longer wanted. */
  async #follow(begun: Begun, signal: AbortSignal): Promise<SubmitResult> {
    const { poll_ms, bumpAfterBlocks } = this.#options;
    const { submission, nonce } = begun;
    const windowEnd = submission.kind === "certify" ? submission.windowEnd : Number.POSITIVE_INFINITY;
    const { number: sentAt } = await this.#rpc.head();
    const flight: Flight = { ...begun, sent: new Map(), sentAt, cancelling: false };
    try {
      await this.#launch(flight);
    } catch (error) {
      return { kind: "failed", detail: (error as Error).message };
    }
    while (!signal.aborted) {
      await this.#clock.sleep(poll_ms, signal);
      try {
        const mined = await this.#minedOf(flight.sent, nonce);
        if (mined !== undefined) return mined;
        const { number: head } = await this.#rpc.head();
        const closes = head + 1 >= windowEnd && !flight.cancelling;
        if (head < flight.sentAt + bumpAfterBlocks && !closes) continue;
        flight.sentAt = head;
        await this.#fillGaps(nonce, flight.fees);
        flight.cancelling ||= closes || (await this.#isRefused(begun, head));
        await this.#raise(flight);
        await this.#launch(flight);
      } catch (error) {
        // The transaction is pending, and a failing endpoint does not change that. The RPC client has reported the failure.
        if (!isFailureOfEndpoints(error)) throw error;
      }
    }
    return { kind: "superseded", detail: "stopped" };
  }

  /** Raises the fee to the market and enough to replace the pending transaction, up to the configured limits. */
  async #raise(flight: Flight): Promise<void> {
    const limits = flight.cancelling ? limitsToReplace(this.#options.fees) : this.#options.fees;
    const market = feesFor(await this.#meter.market(), limits);
    flight.fees = feesToReplace(flight.fees, market, limits) ?? flight.fees;
  }

  async #launch(flight: Flight): Promise<void> {
    const { cancelling, call, nonce } = flight;
    const { hash, fees } = await this.#send(cancelling ? this.#cancellation() : call, nonce, flight.fees);
    flight.fees = fees;
    flight.sent.set(hash, cancelling);
  }

  #cancellation(): Call {
    return { to: this.#wallet.address as Hex, data: "0x", gasLimit: cancelGas };
  }

  /** Cancels a transaction with an empty one, because an unused nonce would block all later ones. */
  async #fillGaps(below: number, fees: GasFees): Promise<void> {
    for (const nonce of this.#nonces.gapsBelow(below, await this.#minedCount())) {
      // If no node accepts it now, the next raise tries again.
      await this.#send(this.#cancellation(), nonce, fees).catch(() => undefined);
    }
  }

  /** Sends with a fee that the node accepts. A pending transaction of an earlier process is outbid. */
  async #send(call: Call, nonce: number, from: GasFees): Promise<{ hash: Hex; fees: GasFees }> {
    const { chainId } = this.#options;
    let fees = from;
    for (;;) {
      const raw = await this.#wallet.signTransaction({
        ...call,
        ...fees,
        nonce,
        type: 2,
        chainId,
        value: 0n,
      });
      const hash = Transaction.from(raw).hash as Hex;
      try {
        await this.#rpc.sendToAll("eth_sendRawTransaction", [raw]);
        return { hash, fees };
      } catch (error) {
        const text = (error as Error).message;
        if (taken.test(text)) return { hash, fees }; // mined or pending already: its receipt decides
        const more = tooCheap.test(text) ? this.#doubled(fees) : undefined;
        if (more === undefined) throw error;
        fees = more;
      }
    }
  }

  /** Raised fees, because the offer of an earlier process is not known; undefined at the limits. */
  #doubled({ maxFeePerGas, maxPriorityFeePerGas }: GasFees): GasFees | undefined {
    const limits = limitsToReplace(this.#options.fees);
    const wished = { maxFeePerGas: 2n * maxFeePerGas, maxPriorityFeePerGas: 2n * maxPriorityFeePerGas };
    return feesToReplace({ maxFeePerGas, maxPriorityFeePerGas }, wished, limits);
  }

  /** The result, once one of the transactions with this nonce is mined. */
  async #minedOf(sent: ReadonlyMap<Hex, boolean>, nonce: number): Promise<SubmitResult | undefined> {
    const used = (await this.#minedCount()) > nonce;
    for (const [tx, cancelled] of sent) {
      const receipt = (await this.#rpc.send("eth_getTransactionReceipt", [tx])) as RawReceipt | null;
      if (receipt !== null) return outcome({ tx, receipt, cancelled });
    }
    if (!used) return undefined;
    // The next attempt is simulated first, so it costs no gas if the settlement is on the chain.
    return { kind: "failed", detail: `nonce ${nonce} is used and no endpoint shows a receipt` };
  }

  async #minedCount(): Promise<number> {
    return Number(await this.#rpc.send("eth_getTransactionCount", [this.#wallet.address, "latest"]));
  }
}

function isFailureOfEndpoints(error: unknown): boolean {
  return error instanceof RpcError || error instanceof RpcUnavailable || error instanceof RpcDisagreement;
}

function outcome({ tx, receipt, cancelled }: Mined): SubmitResult {
  if (cancelled)
    return { kind: "superseded", detail: `cancelled by ${tx}: the transaction was no longer wanted` };
  if (receipt.status !== "0x1")
    return {
      kind: "superseded",
      detail: `transaction ${tx} was mined and refused: another one was first`,
    };
  return { kind: "mined", tx, block: Number(receipt.blockNumber), gasUsed: BigInt(receipt.gasUsed) };
}
