/** Sends settlements from the operator's account: one nonce queue, simulated first, fees raised while the window is open. */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { Transaction, Wallet } from "ethers";
import { fromHex, toHex } from "../../core/hash.ts";
import type { Hex } from "../../core/hash.ts";
import type { Submission, SubmitResult } from "../../ports/chain.ts";
import type { ClockPort } from "../../ports/clock.ts";
import { groupAbi } from "./abi.ts";
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
type RawReceipt = { readonly status: string; readonly blockNumber: string; readonly gasUsed: string };

/** Nodes ask for at least 10 % more to replace a transaction; 25 % leaves room for rounding. */
const bumpPercent = 125n;
const gasMarginPercent = 130n;
const cancelGas = 21_000n;

export class Submitter {
  readonly #options: SubmitOptions;
  readonly #rpc: RpcPool;
  readonly #clock: ClockPort;
  readonly #wallet: Wallet;
  /** One transaction at a time: a nonce is never used by two settlements at once. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: SubmitOptions, rpc: RpcPool, clock: ClockPort) {
    this.#options = options;
    this.#rpc = rpc;
    this.#clock = clock;
    this.#wallet = new Wallet(options.operatorSecret);
  }

  submit(submission: Submission, signal: AbortSignal): Promise<SubmitResult> {
    const result = this.#queue.then(() => this.#run(submission, signal));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #run(submission: Submission, signal: AbortSignal): Promise<SubmitResult> {
    const to = submission.group;
    const data = groupAbi.encodeFunctionData("settle", [
      submission.settlement,
      submission.signers,
      uncompressedG1(submission.signature),
    ]);
    const from = this.#wallet.address;
    let gas: bigint;
    try {
      gas = BigInt((await this.#rpc.send("eth_estimateGas", [{ from, to, data }])) as string);
    } catch (error) {
      const revert = revertText(groupAbi, error);
      if (revert.name === "Upkeeping_StaleStart") return { kind: "superseded", detail: revert.text };
      return { kind: "failed", detail: revert.text };
    }
    const nonce = Number(await this.#rpc.send("eth_getTransactionCount", [from, "pending"]));
    const gasLimit = (gas * gasMarginPercent) / 100n;
    return this.#follow({ to, data, nonce, gasLimit }, submission.windowEnd, signal);
  }

  /** Sends, waits, raises the fee; at the window's end frees the nonce. */
  async #follow(
    tx: { readonly to: Hex; readonly data: string; readonly nonce: number; readonly gasLimit: bigint },
    windowEnd: number,
    signal: AbortSignal,
  ): Promise<SubmitResult> {
    let fees = await this.#fees();
    const sent: Hex[] = [await this.#send({ ...tx, ...fees })];
    let sentAt = await this.#head();
    let cancelling = false;
    while (!signal.aborted) {
      await this.#clock.sleep(this.#options.poll_ms, signal);
      const mined = await this.#minedOf(sent);
      if (mined !== undefined) return cancelling && mined.own ? outcome(mined) : outcome(mined);
      const head = await this.#head();
      if (head < sentAt + this.#options.bumpAfterBlocks && !(head + 1 >= windowEnd && !cancelling)) continue;
      fees = raised(fees);
      sentAt = head;
      if (head + 1 >= windowEnd) {
        cancelling = true;
        sent.push(
          await this.#send({
            to: this.#wallet.address as Hex,
            data: "0x",
            nonce: tx.nonce,
            gasLimit: cancelGas,
            ...fees,
          }),
        );
      } else {
        sent.push(await this.#send({ ...tx, ...fees }));
      }
    }
    return { kind: "superseded", detail: "stopped" };
  }

  async #send(tx: {
    readonly to: Hex;
    readonly data: string;
    readonly nonce: number;
    readonly gasLimit: bigint;
    readonly maxFeePerGas: bigint;
    readonly maxPriorityFeePerGas: bigint;
  }): Promise<Hex> {
    const { chainId } = this.#options;
    const raw = await this.#wallet.signTransaction({ ...tx, type: 2, chainId, value: 0n });
    const hash = Transaction.from(raw).hash as Hex;
    try {
      await this.#rpc.send("eth_sendRawTransaction", [raw]);
    } catch (error) {
      // Already mined or already known: the receipt tells. Anything else is looked at again with a higher fee.
      const text = (error as Error).message;
      if (!/nonce|known|underpriced/i.test(text)) throw error;
    }
    return hash;
  }

  async #minedOf(
    hashes: readonly Hex[],
  ): Promise<{ tx: Hex; receipt: RawReceipt; own: boolean } | undefined> {
    for (const tx of hashes) {
      const receipt = (await this.#rpc.send("eth_getTransactionReceipt", [tx])) as RawReceipt | null;
      if (receipt !== null) return { tx, receipt, own: tx === hashes[0] };
    }
    return undefined;
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

function outcome(mined: { readonly tx: Hex; readonly receipt: RawReceipt }): SubmitResult {
  const { tx, receipt } = mined;
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
