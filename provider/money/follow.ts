/** Reads the groups' money and payments, some groups a pass: the work is bounded, however many groups there are (L4). */
import { setTimeout as sleep } from "node:timers/promises";
import { rangedLogs } from "../../daemon/chain/ranged-logs.ts";
import { RpcPool } from "../../daemon/chain/rpc.ts";
import { Rotation } from "../../daemon/rotation.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { GroupStanding } from "../chain-reads.ts";
import { booked, emptyBook } from "./books.ts";
import type { BookedPayment, Books, GroupBook } from "./books.ts";
import { GroupMoneyReads } from "./group-money.ts";
import type { GroupMoney } from "./group-money.ts";
import { moneyTopics, monthsIn, paymentsIn } from "./payments.ts";

const passEvery_ms = 5_000;
/** A group is read in every third pass, if there are few. */
const everyPasses = 3;
const groupsAtOnce = 8;
/** Blocks in one request for events. */
const mostBlocks = 10_000;
/** Requests for events of one group in a pass, when its past is read. */
const rangesAtOnce = 4;
/** Deeper reorgs than this are not expected: a committee acts on confirmed blocks, which are fewer (R4). */
const finalDepth = 128;
const callTimeout_ms = 5_000;

export type MoneyChain = {
  readonly operator: Hex;
  readonly groups: ReadonlySet<Hex>;
  head(): Promise<number>;
  standing(group: Hex): Promise<GroupStanding>;
};

type Seen = { readonly standing: GroupStanding; readonly money: GroupMoney };

export type MoneyLog = { warn(fields: object, text: string): void };

export type MoneyOptions = {
  readonly chainId: number;
  readonly rpc: readonly string[];
  readonly lens: Hex | undefined;
};

export class MoneyFollower {
  readonly #chain: MoneyChain;
  readonly #books: Books;
  readonly #log: MoneyLog;
  /** Apart from the pool that answers challenges: a failure here suspends no endpoint there. */
  readonly #rpc: RpcPool;
  readonly #reads: GroupMoneyReads;
  readonly #rotation = new Rotation<Hex>(everyPasses, groupsAtOnce);
  readonly #seen = new Map<Hex, Seen>();
  #fault = "";

  constructor({ chainId, rpc: urls, lens }: MoneyOptions, chain: MoneyChain, books: Books, log: MoneyLog) {
    this.#chain = chain;
    this.#books = books;
    this.#log = log;
    this.#rpc = new RpcPool({ chainId, urls, timeout_ms: callTimeout_ms }, () => performance.now());
    this.#reads = new GroupMoneyReads((method, params) => this.#rpc.send(method, params), lens);
  }

  /** The last values that were read; undefined if none were read yet. */
  of(group: Hex): GroupMoney | undefined {
    return this.#seen.get(group)?.money;
  }

  standingOf(group: Hex): GroupStanding | undefined {
    return this.#seen.get(group)?.standing;
  }

  async run(signal: AbortSignal): Promise<void> {
    // A stop must not wait for an endpoint that hangs.
    signal.addEventListener("abort", () => this.#rpc.close(), { once: true });
    for (let pass = 0; !signal.aborted; pass++) {
      const groups = [...this.#chain.groups];
      for (const group of this.#seen.keys()) if (!this.#chain.groups.has(group)) this.#seen.delete(group);
      let fault = "";
      for (const group of this.#rotation.due(groups, pass)) {
        if (signal.aborted) break;
        await this.#read(group).catch((error: unknown) => (fault = `${group}: ${(error as Error).message}`));
      }
      if (fault !== "" && fault !== this.#fault && !signal.aborted)
        this.#log.warn({ reason: "money-unread" }, `payments cannot be read: ${fault}`);
      this.#fault = fault;
      await sleep(passEvery_ms, undefined, { signal }).catch(() => undefined);
    }
  }

  async #read(group: Hex): Promise<void> {
    const [head, standing] = await Promise.all([this.#chain.head(), this.#chain.standing(group)]);
    const money = await this.#reads.read(group, standing.own, head);
    this.#seen.set(group, { standing, money });
    let book = this.#books.of(group) ?? emptyBook(money.createdAt);
    for (let i = 0; i < rangesAtOnce; i++) {
      book = await this.#readOn(group, book, head);
      if (book.through >= head) break;
    }
  }

  /** Reads the next range of blocks, those after `final` again. */
  async #readOn(group: Hex, book: GroupBook, head: number): Promise<GroupBook> {
    // The chain was restarted, or a reorg was deep: the books are read again from the beginning.
    const from = head < book.final ? undefined : book.final + 1;
    if (from === undefined) return this.#keep(group, emptyBook(this.of(group)?.createdAt ?? 0));
    const to = Math.min(head, from + mostBlocks - 1);
    if (to < from) return book;
    const filter = { address: group, topics: [moneyTopics] };
    const logs = await rangedLogs((method, params) => this.#rpc.send(method, params), filter, { from, to });
    const { payments, seats } = paymentsIn(logs, this.#chain.operator, book.seats);
    const months = payments.length === 0 ? [] : await monthsIn({ from, to }, (block) => this.#timeOf(block));
    const found = payments.map((one): BookedPayment => {
      return { ...one, month: months.findLast((month) => month.from <= one.block)?.month ?? "" };
    });
    return this.#keep(group, booked({ ...book, seats }, found, { through: to, final: head - finalDepth }));
  }

  async #keep(group: Hex, book: GroupBook): Promise<GroupBook> {
    await this.#books.keep(group, book);
    return book;
  }

  async #timeOf(block: number): Promise<number> {
    const found = await this.#rpc.block(block);
    if (found?.timestamp_s === undefined)
      throw new Error(`block ${block}: expected on the chain with a timestamp, actual not found`);
    return found.timestamp_s;
  }
}
