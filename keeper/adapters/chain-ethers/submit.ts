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
import { NonceQueue } from "./nonces.ts";
import { revertText } from "./revert.ts";
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

/** Nodes ask for at least 10 % more to replace a transaction; 25 % leaves room for rounding. */
const bumpPercent = 125n;
const gasMarginPercent = 130n;
const cancelGas = 21_000n;
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
    const call = { to: submission.group, data, gasLimit: (simulated.gas * gasMarginPercent) / 100n };
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
  async #simulate(to: Hex, data: string): Promise<{ gas: bigint } | SubmitResult> {
    const from = this.#wallet.address;
    try {
      return { gas: BigInt((await this.#rpc.send("eth_estimateGas", [{ from, to, data }])) as string) };
    } catch (error) {
      const revert = revertText(groupAbi, error);
      const late = revert.name === "Upkeeping_StaleStart" || revert.name === "Upkeeping_TooLate";
      return { kind: late ? "superseded" : "failed", detail: revert.text };
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
    let fees = await this.#fees();
    const sent = new Map<Hex, boolean>();
    const send = async (what: Call, cancels: boolean): Promise<void> => {
      const result = await this.#send(what, nonce, fees);
      fees = result.fees;
      sent.set(result.hash, cancels);
    };
    try {
      await send(call, false);
    } catch (error) {
      return { kind: "failed", detail: (error as Error).message };
    }
    let sentAt = await this.#head();
    let cancelling = false;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#options.poll_ms, signal);
      const mined = await this.#minedOf(sent, nonce);
      if (mined !== undefined) return mined;
      const head = await this.#head();
      const closes: boolean = head + 1 >= windowEnd && !cancelling;
      if (head < sentAt + this.#options.bumpAfterBlocks && !closes) continue;
      await this.#fillGaps(nonce, fees);
      cancelling ||= closes || "kind" in (await this.#simulate(call.to, call.data));
      fees = raised(fees);
      sentAt = head;
      await send(cancelling ? this.#cancellation() : call, cancelling);
    }
    return { kind: "superseded", detail: "stopped" };
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
        await this.#rpc.send("eth_sendRawTransaction", [raw]);
        return { hash, fees };
      } catch (error) {
        const text = (error as Error).message;
        if (/underpriced/i.test(text) && raise < maxRaisesAtOnce) {
          fees = raised(fees);
        } else if (/nonce|known|imported/i.test(text)) {
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
    // The feed tells what became of the interval; a receipt that a node lost changes nothing in that.
    return { kind: "superseded", detail: `nonce ${nonce} is used and no endpoint shows a receipt` };
  }

  async #minedCount(): Promise<number> {
    return Number(await this.#rpc.send("eth_getTransactionCount", [this.#wallet.address, "latest"]));
  }

  async #head(): Promise<number> {
    return Number(await this.#rpc.send("eth_blockNumber", []));
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
