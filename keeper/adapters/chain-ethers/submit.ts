/**
 * Sends settlements from the operator's account. Groups do not wait for each other: every settlement has its nonce and its
 * own window; it is simulated first, its fee is raised while the window is open, and its nonce is freed when it closes.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { formatEther, Transaction, Wallet } from "ethers";
import { fromHex, toHex } from "../../core/hash.ts";
import type { Hex } from "../../core/hash.ts";
import type { Submission, SubmitResult } from "../../ports/chain.ts";
import type { ClockPort } from "../../ports/clock.ts";
import { groupAbi } from "./abi.ts";
import { RpcError } from "./endpoint.ts";
import { NonceQueue } from "./nonces.ts";
import { revertText } from "./revert.ts";
import { blockTag, RpcDisagreement, RpcUnavailable } from "./rpc.ts";
import type { RpcPool } from "./rpc.ts";

export type SubmitOptions = {
  readonly chainId: number;
  readonly operatorSecret: string;
  readonly poll_ms: number;
  /** Blocks without inclusion after which the fee is raised. */
  readonly bumpAfterBlocks: number;
};

type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };
type Call = { readonly to: Hex; readonly data: string; readonly gasLimit: bigint };
type RawReceipt = { readonly status: string; readonly blockNumber: string; readonly gasUsed: string };
type Mined = { readonly tx: Hex; readonly receipt: RawReceipt; readonly cancelled: boolean };

/** One settlement from the first transaction with its nonce until one of them is mined. */
type Flight = {
  readonly call: Call;
  readonly nonce: number;
  fees: Fees;
  /** By transaction, whether it cancels. */
  readonly sent: Map<Hex, boolean>;
  /** Head at the last one. */
  sentAt: number;
  cancelling: boolean;
};

/** The most that one transaction may have (EIP-7825). */
const transactionGasCap = 16_777_216n;
/** Refusals that the next blocks may end: the settlement stays on its way. */
const passing: ReadonlySet<string> = new Set(["Upkeeping_TooEarly", "Upkeeping_NotLeader"]);
/** Nodes ask for at least 10 % more to replace a transaction; 25 % leaves room for rounding. */
const bumpPercent = 125n;
const gasMarginPercent = 130n;
const cancelGas = 21_000n;
/** How nodes say that they have this transaction, or that another one with its nonce is mined. */
const taken = /nonce.?too.?low|old.?nonce|already.?known|known.?transaction|already.?imported/i;
/** Enough raises to replace whatever a former process left pending at up to nine times the fee. */
const maxRaisesAtOnce = 10;

export class Submitter {
  readonly #options: SubmitOptions;
  readonly #rpc: RpcPool;
  readonly #clock: ClockPort;
  readonly #wallet: Wallet;
  readonly #nonces = new NonceQueue();

  constructor(options: SubmitOptions, rpc: RpcPool, clock: ClockPort) {
    this.#options = options;
    this.#rpc = rpc;
    this.#clock = clock;
    this.#wallet = new Wallet(options.operatorSecret);
  }

  async submit(submission: Submission, signal: AbortSignal): Promise<SubmitResult> {
    const { settlement, signers, signature, windowEnd } = submission;
    const args = [settlement, signers, uncompressedG1(signature)];
    const data = groupAbi.encodeFunctionData("settle", args);
    const simulated = await this.#simulate(submission.group, data);
    if ("kind" in simulated) return simulated;
    const call = { to: submission.group, data, gasLimit: simulated.gasLimit };
    const poor = await this.#lacksFunds(call, await this.#fees());
    if (poor !== undefined) return { kind: "failed", detail: poor };
    const nonce = this.#nonces.take(await this.#minedCount());
    try {
      return await this.#follow(call, nonce, windowEnd, signal);
    } finally {
      this.#nonces.end(nonce);
    }
  }

  /** What the contract would say now; a refusal costs nothing here. */
  async #simulate(to: Hex, data: string): Promise<{ gasLimit: bigint } | SubmitResult> {
    const from = this.#wallet.address;
    try {
      const gas = BigInt((await this.#rpc.send("eth_estimateGas", [{ from, to, data }])) as string);
      if (gas > transactionGasCap) {
        const detail = `gas of the settlement: expected at most ${transactionGasCap}, the most that a transaction may have, actual ${gas}`;
        return { kind: "failed", detail };
      }
      const wished = (gas * gasMarginPercent) / 100n;
      return { gasLimit: wished < transactionGasCap ? wished : transactionGasCap };
    } catch (error) {
      const revert = revertText(groupAbi, error);
      const late = revert.name === "Upkeeping_StaleStart" || revert.name === "Upkeeping_TooLate";
      return { kind: late ? "superseded" : "failed", detail: revert.text };
    }
  }

  /** Whether the contract refuses a pending settlement for good, in its own words and told by two endpoints, if two answer. */
  async #isRefused({ to, data }: Call, head: number): Promise<boolean> {
    try {
      await this.#rpc.sendAgreed("eth_call", [{ from: this.#wallet.address, to, data }, blockTag(head)]);
      return false;
    } catch (error) {
      // Whatever else fails here says nothing of the settlement.
      const { name } = revertText(groupAbi, error);
      return name !== undefined && !passing.has(name);
    }
  }

  async #lacksFunds(call: Call, fees: Fees): Promise<string | undefined> {
    const from = this.#wallet.address;
    const balance = BigInt((await this.#rpc.send("eth_getBalance", [from, "latest"])) as string);
    const needed = call.gasLimit * fees.maxFeePerGas;
    if (balance >= needed) return undefined;
    return `funds of ${from}: expected at least ${formatEther(needed)}, actual ${formatEther(balance)}: send coin to it`;
  }

  /** Sends, waits, raises the fee; frees the nonce when the settlement is not wanted any more. */
  async #follow(call: Call, nonce: number, windowEnd: number, signal: AbortSignal): Promise<SubmitResult> {
    const { poll_ms, bumpAfterBlocks } = this.#options;
    const [fees, { number: sentAt }] = await Promise.all([this.#fees(), this.#rpc.head()]);
    const flight: Flight = { call, nonce, fees, sent: new Map(), sentAt, cancelling: false };
    try {
      await this.#launch(flight, call);
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
        flight.cancelling ||= closes || (await this.#isRefused(call, head));
        flight.fees = raised(flight.fees);
        await this.#launch(flight, flight.cancelling ? this.#cancellation() : call);
      } catch (error) {
        // It is on its way: an endpoint that fails does not change that, and the pool has told of it.
        if (!isFailureOfEndpoints(error)) throw error;
      }
    }
    return { kind: "superseded", detail: "stopped" };
  }

  async #launch(flight: Flight, what: Call): Promise<void> {
    const { hash, fees } = await this.#send(what, flight.nonce, flight.fees);
    flight.fees = fees;
    flight.sent.set(hash, what !== flight.call);
  }

  #cancellation(): Call {
    return { to: this.#wallet.address as Hex, data: "0x", gasLimit: cancelGas };
  }

  /** A nonce that nobody uses would hold up every later one. */
  async #fillGaps(below: number, fees: Fees): Promise<void> {
    for (const nonce of this.#nonces.gapsBelow(below, await this.#minedCount())) {
      // One that no node takes now is tried again with the next raise.
      await this.#send(this.#cancellation(), nonce, fees).catch(() => undefined);
    }
  }

  /** Sends at a fee that the node takes: what a former process left pending is outbid. */
  async #send(call: Call, nonce: number, from: Fees): Promise<{ hash: Hex; fees: Fees }> {
    const { chainId } = this.#options;
    let fees = from;
    for (let raise = 0; ; raise++) {
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
        if (/underpriced/i.test(text) && raise < maxRaisesAtOnce) {
          fees = raised(fees);
        } else if (taken.test(text)) {
          return { hash, fees }; // mined or pending already: the receipt tells
        } else {
          throw error;
        }
      }
    }
  }

  /** How it ended, once one of the transactions with this nonce is in the chain. */
  async #minedOf(sent: ReadonlyMap<Hex, boolean>, nonce: number): Promise<SubmitResult | undefined> {
    const used = (await this.#minedCount()) > nonce;
    for (const [tx, cancelled] of sent) {
      const receipt = (await this.#rpc.send("eth_getTransactionReceipt", [tx])) as RawReceipt | null;
      if (receipt !== null) return outcome({ tx, receipt, cancelled });
    }
    if (!used) return undefined;
    // The next attempt is simulated first, so it costs nothing if the settlement is in the chain.
    return { kind: "failed", detail: `nonce ${nonce} is used and no endpoint shows a receipt` };
  }

  async #minedCount(): Promise<number> {
    return Number(await this.#rpc.send("eth_getTransactionCount", [this.#wallet.address, "latest"]));
  }

  async #fees(): Promise<Fees> {
    const block = (await this.#rpc.send("eth_getBlockByNumber", ["latest", false])) as {
      baseFeePerGas?: string;
    };
    const base = BigInt(block.baseFeePerGas ?? "0x0");
    const tip = 1_000_000_000n;
    return { maxFeePerGas: base * 2n + tip, maxPriorityFeePerGas: tip };
  }
}

function isFailureOfEndpoints(error: unknown): boolean {
  return error instanceof RpcError || error instanceof RpcUnavailable || error instanceof RpcDisagreement;
}

function raised(fees: Fees): Fees {
  return {
    maxFeePerGas: (fees.maxFeePerGas * bumpPercent) / 100n + 1n,
    maxPriorityFeePerGas: (fees.maxPriorityFeePerGas * bumpPercent) / 100n + 1n,
  };
}

function outcome({ tx, receipt, cancelled }: Mined): SubmitResult {
  if (cancelled)
    return { kind: "superseded", detail: `cancelled by ${tx}: the settlement was not wanted any more` };
  if (receipt.status !== "0x1")
    return { kind: "superseded", detail: `transaction ${tx} was mined after another settlement` };
  return { kind: "mined", tx, block: Number(receipt.blockNumber), gasUsed: BigInt(receipt.gasUsed) };
}

/** Compressed G1 to the 128 bytes of EIP-2537. */
export function uncompressedG1(signature: Hex): Hex {
  const { x, y } = bls12_381.G1.Point.fromHex(signature.slice(2)).toAffine();
  const padded = (value: bigint): string => value.toString(16).padStart(128, "0");
  return toHex(fromHex(padded(x) + padded(y)));
}
