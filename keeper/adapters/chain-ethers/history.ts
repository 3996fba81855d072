/**
 * Reads past settlements and balances for the ledger and for reporting. It has its own endpoint state, so a failure here never suspends
 * an endpoint that the protocol needs.
 */
import type { Interface } from "ethers";
import { feesFor } from "../../../protocol/fees.ts";
import type { FeeLimits } from "../../../protocol/fees.ts";
import type { CertifiedScope } from "../../../protocol/certificate-gas.ts";
import type { AccountFees } from "../../../protocol/funds.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { GroupFunds, HeadInfo, HistoryPort } from "../../ports/history.ts";
import type { BookedSettlement } from "../../ports/ledger.ts";
import { committeeAbi, groupAbi } from "./abi.ts";
import { FeeMeter } from "./fees.ts";
import { blockTag, RpcPool } from "../../../daemon/chain/rpc.ts";
import { bookedOf, certificateFor, certifiedOf, committeeOf } from "./settled.ts";
import type { CertifiedEvent, Service } from "./settled.ts";
import { rangedLogs } from "../../../daemon/chain/ranged-logs.ts";
import type { LoggedIn } from "../../../daemon/chain/ranged-logs.ts";
import { settledOf } from "../../../daemon/chain/settled-event.ts";
import type { RawLog, Settled } from "../../../daemon/chain/settled-event.ts";
import { askToken } from "../../../daemon/chain/token.ts";
import type { Token } from "../../../daemon/chain/token.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";

type RawBlock = { readonly number: string; readonly hash: Hex; readonly timestamp: string };
type RawTransaction = { readonly hash: Hex; readonly from: string };
type RawReceipt = {
  readonly blockNumber: string;
  readonly blockHash: Hex;
  readonly gasUsed: string;
  readonly effectiveGasPrice?: string;
  readonly logs: readonly RawLog[];
};

type Terms = {
  readonly token: Hex;
  readonly lockup: number;
  readonly origin: number;
};

const topicOf = (abi: Interface, name: string): string =>
  (abi.getEvent(name) as { topicHash: string }).topicHash;
const settledTopic = topicOf(groupAbi, "Settled");
const enteredTopic = topicOf(groupAbi, "Entered");
const certifiedTopic = topicOf(committeeAbi, "Certified");

type Range = { readonly from: number; readonly to: number };
type SentTransaction = { readonly tx: Hex; readonly sent: RawTransaction; readonly receipt: RawReceipt };

function certificatesIn(logs: readonly RawLog[]): CertifiedEvent[] {
  return logs.map(certifiedOf).filter((found) => found !== undefined);
}

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
  readonly #options: HistoryOptions;
  readonly #meter: FeeMeter;
  #lastSent: SentTransaction | undefined;
  #errors = 0;

  constructor(options: HistoryOptions, now_ms: () => number) {
    this.#options = options;
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
    const [[config], [createdAt]] = await Promise.all([
      call(this.#ask, groupAbi, group, "config", [], "latest"),
      call(this.#ask, groupAbi, group, "createdAt", [], "latest"),
    ]);
    const token = String(config.token).toLowerCase() as Hex;
    const terms = { token, lockup: Number(config.lockup), origin: Number(createdAt) };
    this.#terms.set(group, terms);
    return terms;
  }

  async settlements(group: Hex, from: number, to: number): Promise<BookedSettlement[]> {
    const logs = await this.#logs(group, [settledTopic], { from, to });
    if (logs.length === 0) return [];
    const entered = await this.#logs(group, [enteredTopic], { from: await this.origin(group), to });
    const services = entered.map(({ topics, data }) => {
      const { args } = groupAbi.parseLog({ topics: [...topics], data }) as { args: Record<string, unknown> };
      return { committee: String(args["committee"]).toLowerCase() as Hex, from: Number(args["from"]) };
    });
    const found: BookedSettlement[] = [];
    const transactions = new Map(logs.map((log) => [log.transactionHash, log]));
    for (const log of transactions.values()) {
      found.push(...(await this.#ofTransaction(group, log, services)));
    }
    return found.sort((a, b) => a.ts - b.ts);
  }

  async settled(groups: readonly Hex[], from: number, to: number): Promise<ReadonlySet<Hex>> {
    const logs = await this.#logs(groups, [settledTopic], { from, to });
    return new Set(logs.map(({ address }) => address.toLowerCase() as Hex));
  }

  #logs(address: Hex | readonly Hex[], topics: readonly string[], range: Range): Promise<LoggedIn[]> {
    return rangedLogs(this.#ask, { address, topics }, range);
  }

  /** One transaction may settle hundreds of groups (R41), and its receipt has the events of all of them: it is read once for all. */
  async #sentIn(tx: Hex, blockHash: Hex): Promise<SentTransaction> {
    const known = this.#lastSent;
    if (known?.receipt.blockHash === blockHash && known.tx === tx) return known;
    const [sent, receipt] = await Promise.all([
      this.#rpc.send("eth_getTransactionByHash", [tx]) as Promise<RawTransaction | null>,
      this.#rpc.send("eth_getTransactionReceipt", [tx]) as Promise<RawReceipt | null>,
    ]);
    // Removed between the two requests by a reorg. The next pass reads it again.
    if (sent === null || receipt === null)
      throw new Error(`transaction ${tx}: expected on the chain, actual not found`);
    this.#lastSent = { tx, sent, receipt };
    return this.#lastSent;
  }

  async #ofTransaction(
    group: Hex,
    { transactionHash: tx, blockHash }: LoggedIn,
    services: readonly Service[],
  ): Promise<BookedSettlement[]> {
    const { sent, receipt } = await this.#sentIn(tx, blockHash);
    const block = Number(receipt.blockNumber);
    const transaction = {
      tx,
      block,
      blockHash: receipt.blockHash,
      sender: sent.from.toLowerCase() as Hex,
      gasUsed: BigInt(receipt.gasUsed),
      gasPrice: BigInt(receipt.effectiveGasPrice ?? "0x0"),
    };
    const own = receipt.logs.filter(({ address }) => address.toLowerCase() === group);
    const booked: BookedSettlement[] = [];
    for (const settled of own.map(settledOf)) {
      if (settled === undefined) continue;
      const committee = committeeOf(services, settled.from);
      if (committee === undefined)
        throw new Error(`${group}: expected a committee at block ${settled.from}, actual none`);
      const certificate = await this.#certificateFor(committee, settled, receipt, block);
      const operators = await this.#operatorsOf(committee, settled.version);
      const { chainId } = this.#options;
      booked.push(bookedOf(settled, { chainId, group, committee, certificate, operators, transaction }));
    }
    return booked;
  }

  /** From the same transaction, or from an earlier one: a group may be settled later than its certificate (R29). */
  async #certificateFor(
    committee: Hex,
    settled: Settled,
    { logs }: RawReceipt,
    block: number,
  ): Promise<CertifiedEvent> {
    const here = logs.filter(({ address }) => address.toLowerCase() === committee);
    const now = certificateFor(settled, certificatesIn(here));
    if (now !== undefined) return now;
    const range = { from: settled.through, to: block };
    const found = certificateFor(
      settled,
      certificatesIn(await this.#logs(committee, [certifiedTopic], range)),
    );
    if (found !== undefined) return found;
    throw new Error(
      `${committee}: expected a certificate through block ${settled.through} in blocks ${range.from} to ${block}, actual none`,
    );
  }

  async #operatorsOf(committee: Hex, version: number): Promise<readonly Hex[]> {
    const key = `${committee}/${version}`;
    const known = this.#operators.get(key);
    if (known !== undefined) return known;
    const [list] = await call(this.#ask, committeeAbi, committee, "operatorsOf", [version], "latest");
    const operators = [...(list as Iterable<string>)].map((operator) => operator.toLowerCase() as Hex);
    this.#operators.set(key, operators);
    return operators;
  }

  async groupFunds(group: Hex): Promise<GroupFunds> {
    const [[escrow], { token, lockup }] = await Promise.all([
      call(this.#ask, groupAbi, group, "escrow", [], "latest"),
      this.#termsOf(group),
    ]);
    return {
      token: await this.#tokenOf(token),
      available: escrow.available,
      arrears: escrow.providerArrears + escrow.keeperArrears,
      required: escrow.required,
      lockup,
    };
  }

  async #tokenOf(address: Hex): Promise<Token> {
    const known = this.#tokens.get(address);
    if (known !== undefined) return known;
    const token = await askToken(this.#ask, address);
    this.#tokens.set(address, token);
    return token;
  }

  async operatorFunds(operator: Hex, scope: CertifiedScope): Promise<AccountFees> {
    const [balance, market] = await Promise.all([
      this.#rpc.send("eth_getBalance", [operator, "latest"]) as Promise<string>,
      this.#meter.market(),
    ]);
    const limits = this.#options.fees;
    const l1Fee = await this.#meter.sampleL1Fee(operator, scope, feesFor(market, limits));
    return { balance: BigInt(balance), market, limits, l1Fee };
  }
}
