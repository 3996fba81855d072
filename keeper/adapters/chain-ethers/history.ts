/**
 * Reads past settlements and balances for the ledger and for reporting. It has its own endpoint state, so a failure here never suspends
 * an endpoint that the protocol needs.
 */
import { feesFor } from "../../../protocol/fees.ts";
import type { AccountFees, FeeLimits } from "../../../protocol/fees.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { GroupFunds, HeadInfo, HistoryPort, Token } from "../../ports/history.ts";
import type { BookedSettlement } from "../../ports/ledger.ts";
import { groupAbi, tokenAbi } from "./abi.ts";
import { FeeMeter } from "./fees.ts";
import { blockTag, RpcPool, RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import { settlementsOf } from "./settled.ts";
import type { RawLog } from "./settled.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";

type RawBlock = { readonly number: string; readonly hash: Hex; readonly timestamp: string };
type RawTransaction = { readonly hash: Hex; readonly from: string; readonly input: string };
type RawReceipt = {
  readonly blockNumber: string;
  readonly blockHash: Hex;
  readonly gasUsed: string;
  readonly effectiveGasPrice?: string;
  readonly logs: readonly RawLog[];
};

type Terms = {
  readonly token: Hex;
  readonly price: bigint;
  readonly keeperShareBps: bigint;
  readonly origin: number;
};

const maxSymbol = 16;

const settledTopic = (groupAbi.getEvent("Settled") as { topicHash: string }).topicHash;

export type HistoryOptions = {
  readonly chainId: number;
  readonly urls: readonly string[];
  readonly fees: FeeLimits;
};

export class EthersHistory implements HistoryPort {
  readonly #rpc: RpcPool;
  readonly #ask: Ask = (method, params) => this.#rpc.send(method, params);
  readonly #terms = new Map<Hex, Terms>();
  readonly #operators = new Map<string, readonly Hex[]>();
  readonly #tokens = new Map<Hex, Token>();
  readonly #fees: FeeLimits;
  readonly #meter: FeeMeter;
  #errors = 0;

  constructor(options: HistoryOptions, now_ms: () => number) {
    this.#fees = options.fees;
    this.#meter = new FeeMeter(options, this.#ask);
    this.#rpc = new RpcPool(options, now_ms);
    this.#rpc.onTrouble(() => this.#errors++);
  }

  get errors(): number {
    return this.#errors;
  }

  close(): void {
    this.#rpc.close();
  }

  async head(): Promise<HeadInfo> {
    const { number, hash, timestamp } = (await this.#block("latest")) as RawBlock;
    return { block: Number(number), blockHash: hash, timestamp_s: Number(timestamp) };
  }

  async blockTime_s(block: number): Promise<number | undefined> {
    const found = await this.#block(blockTag(block));
    return found === null ? undefined : Number(found.timestamp);
  }

  async blockHash(block: number): Promise<Hex | undefined> {
    return (await this.#block(blockTag(block)))?.hash;
  }

  async #block(tag: string): Promise<RawBlock | null> {
    return (await this.#rpc.send("eth_getBlockByNumber", [tag, false])) as RawBlock | null;
  }

  async origin(group: Hex): Promise<number> {
    return (await this.#termsOf(group)).origin;
  }

  /** Constant for the life of a group (R4). */
  async #termsOf(group: Hex): Promise<Terms> {
    const known = this.#terms.get(group);
    if (known !== undefined) return known;
    const [{ originBlock, config }] = await call(this.#ask, groupAbi, group, "parameters", [], "latest");
    const { price, keeperShareBps } = config;
    const token = String(config.token).toLowerCase() as Hex;
    const terms = { token, price, keeperShareBps: BigInt(keeperShareBps), origin: Number(originBlock) };
    this.#terms.set(group, terms);
    return terms;
  }

  async settlements(group: Hex, from: number, to: number): Promise<BookedSettlement[]> {
    const logs = await this.#settledLogs(group, from, to);
    const found: BookedSettlement[] = [];
    for (const tx of new Set(logs.map(({ transactionHash }) => transactionHash))) {
      found.push(...(await this.#ofTransaction(group, tx)));
    }
    return found.sort((a, b) => a.ts - b.ts);
  }

  /** Endpoints differ in their block range limit. If one refuses a range, both halves are requested. */
  async #settledLogs(group: Hex, from: number, to: number): Promise<{ transactionHash: Hex }[]> {
    const filter = {
      address: group,
      topics: [settledTopic],
      fromBlock: blockTag(from),
      toBlock: blockTag(to),
    };
    try {
      return (await this.#rpc.send("eth_getLogs", [filter])) as { transactionHash: Hex }[];
    } catch (error) {
      if (error instanceof RpcUnavailable || from === to) throw error;
      const middle = Math.floor((from + to) / 2);
      return [
        ...(await this.#settledLogs(group, from, middle)),
        ...(await this.#settledLogs(group, middle + 1, to)),
      ];
    }
  }

  async #ofTransaction(group: Hex, tx: Hex): Promise<BookedSettlement[]> {
    const [sent, receipt, terms] = await Promise.all([
      this.#rpc.send("eth_getTransactionByHash", [tx]) as Promise<RawTransaction | null>,
      this.#rpc.send("eth_getTransactionReceipt", [tx]) as Promise<RawReceipt | null>,
      this.#termsOf(group),
    ]);
    // Removed between the two requests by a reorg. The next pass reads it again.
    if (sent === null || receipt === null)
      throw new Error(`transaction ${tx}: expected on the chain, actual not found`);
    return settlementsOf(
      {
        group,
        ...terms,
        input: sent.input,
        logs: receipt.logs.filter(({ address }) => address.toLowerCase() === group),
        transaction: {
          tx,
          block: Number(receipt.blockNumber),
          blockHash: receipt.blockHash,
          sender: sent.from.toLowerCase() as Hex,
          gasUsed: BigInt(receipt.gasUsed),
          gasPrice: BigInt(receipt.effectiveGasPrice ?? "0x0"),
        },
      },
      (version) => this.#operatorsOf(group, version),
    );
  }

  async #operatorsOf(group: Hex, version: number): Promise<readonly Hex[]> {
    const key = `${group}/${version}`;
    const known = this.#operators.get(key);
    if (known !== undefined) return known;
    const [committee] = await call(this.#ask, groupAbi, group, "committeeAt", [version], "latest");
    const operators = [...committee.operators].map((operator: string) => operator.toLowerCase() as Hex);
    this.#operators.set(key, operators);
    return operators;
  }

  async groupFunds(group: Hex): Promise<GroupFunds> {
    const [[escrow], [fundedUntil]] = await Promise.all([
      call(this.#ask, groupAbi, group, "escrow", [], "latest"),
      call(this.#ask, groupAbi, group, "fundedUntil", [], "latest"),
    ]);
    const token = await this.#tokenOf((await this.#termsOf(group)).token);
    return { token, unallocated: escrow.unallocated, arrears: escrow.arrears, fundedUntil };
  }

  async #tokenOf(address: Hex): Promise<Token> {
    const known = this.#tokens.get(address);
    if (known !== undefined) return known;
    const token = /^0x0+$/.test(address)
      ? { address: undefined, symbol: "coin", decimals: 18 }
      : await this.#askToken(address);
    this.#tokens.set(address, token);
    return token;
  }

  /** Symbol and decimals are optional in ERC-20, and a token may return any text. */
  async #askToken(address: Hex): Promise<Token> {
    const ask = async (name: string): Promise<unknown> => {
      try {
        return (await call(this.#ask, tokenAbi, address, name, [], "latest"))[0];
      } catch (error) {
        if (error instanceof RpcUnavailable) throw error;
        return undefined;
      }
    };
    const [symbol, decimals] = [await ask("symbol"), await ask("decimals")];
    const clean = typeof symbol === "string" ? symbol.replaceAll(/[^\p{L}\p{N}.$-]/gu, "") : "";
    return {
      address,
      symbol: clean === "" ? "token" : clean.slice(0, maxSymbol),
      decimals: decimals === undefined ? undefined : Number(decimals),
    };
  }

  async operatorFunds(operator: Hex, providers: number): Promise<AccountFees> {
    const [balance, market] = await Promise.all([
      this.#rpc.send("eth_getBalance", [operator, "latest"]) as Promise<string>,
      this.#meter.market(),
    ]);
    const limits = this.#fees;
    const l1Fee = await this.#meter.sampleL1Fee(operator, providers, feesFor(market, limits));
    return { balance: BigInt(balance), market, limits, l1Fee };
  }
}
