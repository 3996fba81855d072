/** What a provider reads from a group's events: payments, months, and what is coming. Models are written from the rules. */
import { AbiCoder, id } from "ethers";
import { Level } from "level";
import { describe, expect, it } from "vitest";
import type { LoggedIn } from "../../../../daemon/chain/ranged-logs.ts";
import type { Hex } from "../../../../protocol/hash.ts";
import { Books, booked, emptyBook, keptPayments, monthsOf } from "../../../../provider/money/books.ts";
import type { BookedPayment } from "../../../../provider/money/books.ts";
import { temporaryFolder } from "../../../support/files.ts";
import { comingOf, monthsIn, paymentsIn } from "../../../../provider/money/payments.ts";

const operator: Hex = `0x${"a1".repeat(20)}`;
const other: Hex = `0x${"b2".repeat(20)}`;
const tx: Hex = `0x${"77".repeat(32)}`;
const coder = AbiCoder.defaultAbiCoder();
const word = (value: bigint | number): string => `0x${BigInt(value).toString(16).padStart(64, "0")}`;
const addressWord = (address: Hex): string => `0x${address.slice(2).padStart(64, "0")}`;

function log(
  block: number,
  topics: readonly string[],
  types: readonly string[],
  values: readonly unknown[],
): LoggedIn {
  return {
    address: `0x${"99".repeat(20)}`,
    blockHash: tx,
    transactionHash: tx,
    blockNumber: `0x${block.toString(16)}`,
    logIndex: "0x0",
    topics,
    data: coder.encode(types, values),
  };
}

/** ProviderPart: provider (32 bits), space-time (128), amount (96). */
const part = (provider: number, amount: bigint): bigint => (BigInt(provider) << 224n) | (5n << 96n) | amount;
/** SettledInterval: version (32 bits), from (40), through (40), sender (8), unpaid (124). */
const interval = (from: number, through: number): bigint =>
  (1n << 212n) | (BigInt(from) << 172n) | (BigInt(through) << 132n) | (255n << 124n);

const added = (block: number, provider: number, who: Hex): LoggedIn =>
  log(
    block,
    [
      id("ProviderAdded(uint32,address,uint64,bytes32,uint64,uint80,address,uint64)"),
      word(provider),
      addressWord(who),
    ],
    ["uint64", "bytes32", "uint64", "uint80", "address", "uint64"],
    [block, tx, 1, 1, who, 1],
  );
const settled = (block: number, from: number, through: number, parts: readonly bigint[]): LoggedIn =>
  log(
    block,
    [id("Settled(uint256,uint256,uint256[])")],
    ["uint256", "uint256", "uint256[]"],
    [interval(from, through), 0n, parts],
  );
const credited = (block: number, from: number, through: number, parts: readonly bigint[]): LoggedIn =>
  log(
    block,
    [id("Credited(uint64,uint64,address,uint256[])"), word(from), addressWord(other)],
    ["uint64", "uint256[]"],
    [through, parts],
  );
const arrears = (block: number, provider: number, amount: bigint): LoggedIn =>
  log(block, [id("ArrearsPaid(uint32,uint256)"), word(provider)], ["uint256"], [amount]);
const withdrawn = (block: number, provider: number, amount: bigint): LoggedIn =>
  log(
    block,
    [id("ProviderWithdrawn(uint32,address,uint256)"), word(provider), addressWord(other)],
    ["uint256"],
    [amount],
  );

describe("payments in a group's events", () => {
  it("are those of the operator's own seats, of which it may have several", () => {
    const logs = [
      added(1, 0, other),
      added(2, 1, operator),
      settled(10, 2, 8, [part(0, 100n), part(1, 70n)]),
      arrears(10, 0, 5n),
      arrears(11, 1, 3n),
      withdrawn(12, 1, 60n),
      withdrawn(12, 0, 90n),
      settled(20, 8, 16, [part(0, 100n)]),
      added(21, 4, operator),
      credited(30, 16, 25, [part(4, 11n), part(0, 9n), part(1, 2n)]),
    ];
    const { payments, seats } = paymentsIn(logs, operator, []);
    expect(seats).toEqual([1, 4]);
    expect(payments).toEqual([
      { kind: "settled", block: 10, tx, amount: 70n, blocks: { from: 2, through: 8 } },
      { kind: "arrears", block: 11, tx, amount: 3n, blocks: undefined },
      { kind: "withdrawn", block: 12, tx, amount: 60n, blocks: undefined },
      { kind: "credited", block: 30, tx, amount: 13n, blocks: { from: 16, through: 25 } },
    ]);
    // A later range knows the seats of the earlier one.
    expect(paymentsIn([settled(40, 25, 33, [part(4, 1n)])], operator, seats).payments).toHaveLength(1);
    expect(paymentsIn([settled(40, 25, 33, [part(4, 1n)])], operator, []).payments).toEqual([]);
  });
});

describe("months of blocks", () => {
  /** 12 s a block; block 0 is at the begin of 30 November 2026. */
  const begin_s = Date.UTC(2026, 10, 30) / 1000;
  const time = (block: number): number => begin_s + 12 * block;

  it("are found with few reads, each at its first block", async () => {
    let reads = 0;
    const found = await monthsIn({ from: 100, to: 500_000 }, async (block) => {
      reads++;
      return time(block);
    });
    expect(found.map(({ month }) => month)).toEqual(["2026-11", "2026-12", "2027-01", "2027-02"]);
    for (const { from, month } of found.slice(1)) {
      const text = (block: number): string => new Date(time(block) * 1000).toISOString().slice(0, 7);
      expect([text(from - 1) === month, text(from)]).toEqual([false, month]);
    }
    expect(reads).toBeLessThan(80);
  });

  it("need two reads in one month", async () => {
    let reads = 0;
    const found = await monthsIn({ from: 0, to: 7_000 }, async (block) => (reads++, time(block)));
    expect({ found, reads }).toEqual({ found: [{ from: 0, month: "2026-11" }], reads: 2 });
  });
});

describe("a book", () => {
  const pay = (block: number, amount: bigint, month = "2026-11"): BookedPayment => {
    return { kind: "settled", block, tx, amount, blocks: { from: 0, through: block }, month };
  };
  const earned = (book: Parameters<typeof monthsOf>[0]): Record<string, bigint> =>
    Object.fromEntries(monthsOf(book).map(({ month, sums }) => [month, sums.earned]));

  it("counts every payment once, and follows a reorg of blocks that are not final", () => {
    let book = booked(emptyBook(1), [pay(50, 1n), pay(90, 10n)], { through: 100, final: 60 });
    expect(earned(book)).toEqual({ "2026-11": 11n });
    // The payment of block 90 is gone; another is in block 95.
    book = booked(book, [pay(95, 100n)], { through: 110, final: 70 });
    expect(earned(book)).toEqual({ "2026-11": 101n });
    book = booked(book, [pay(95, 100n), pay(130, 1_000n, "2026-12")], { through: 140, final: 120 });
    expect(earned(book)).toEqual({ "2026-11": 101n, "2026-12": 1_000n });
    book = booked(book, [pay(130, 1_000n, "2026-12")], { through: 200, final: 150 });
    expect(earned(book)).toEqual({ "2026-11": 101n, "2026-12": 1_000n });
    expect(book.payments.map(({ block }) => block)).toEqual([50, 95, 130]);
  });

  it("counts a payment of the last final block once", () => {
    const book = booked(emptyBook(1), [pay(59, 1n), pay(60, 10n), pay(61, 100n)], {
      through: 100,
      final: 60,
    });
    expect(earned(book)).toEqual({ "2026-11": 111n });
    expect(earned(booked(book, [pay(61, 100n)], { through: 110, final: 61 }))).toEqual({ "2026-11": 111n });
  });

  it("does not grow with payments that are final", () => {
    let book = emptyBook(1);
    for (let i = 0; i < 500; i++) {
      book = booked(book, [pay(10 * i + 5, 1n)], { through: 10 * i + 9, final: 10 * i + 9 });
    }
    expect(earned(book)).toEqual({ "2026-11": 500n });
    expect(book.payments).toHaveLength(keptPayments);
  });
});

describe("what is coming", () => {
  /** Sums over blocks, in units of 2^-64. */
  function model(of: Parameters<typeof comingOf>[0]): bigint {
    let value = 0n;
    for (let block = of.settledThrough; block < Math.min(of.head, of.leavesAt ?? of.head); block++) {
      const data = of.data.findLast(({ from }) => from <= block);
      if (data !== undefined) value += data.bytes * data.price;
    }
    const net = ((value * of.paid) / (of.committed << 64n)) * BigInt(10_000 - of.keeperShareBps);
    return net / 10_000n;
  }

  it.each([
    ["no data yet", { data: [] }],
    ["data from before", {}],
    ["a change ahead", { head: 119 }],
    ["a change within", { settledThrough: 100, head: 400 }],
    ["a notice", { leavesAt: 210, head: 400 }],
    ["half proven", { paid: 7n, committed: 15n, head: 999 }],
    ["the head at the last settlement", { head: 100 }],
    ["a head behind it", { head: 90 }],
  ])("is the value of the blocks since the last settlement: %s", (_name, changes) => {
    const of = {
      settledThrough: 100,
      head: 300,
      leavesAt: undefined,
      keeperShareBps: 1_000,
      data: [
        { from: 40, bytes: 5_000_000_000n, price: 1n << 60n },
        { from: 120, bytes: 9_000_000_000n, price: 3n << 59n },
        { from: 350, bytes: 0n, price: 0n },
      ],
      paid: 1n,
      committed: 1n,
      ...changes,
    };
    expect(comingOf(of)).toBe(model(of));
  });
});

describe("the books on disk", () => {
  it("are read again after a restart; a damaged book is read from the chain again", async () => {
    const folder = await temporaryFolder();
    const group: Hex = `0x${"c3".repeat(20)}`;
    const book = booked(
      emptyBook(1),
      [
        {
          kind: "settled",
          block: 50,
          tx,
          amount: 2n ** 90n,
          blocks: { from: 1, through: 40 },
          month: "2026-11",
        },
        { kind: "withdrawn", block: 60, tx, amount: 7n, blocks: undefined, month: "2026-11" },
      ],
      { through: 100, final: 55 },
    );
    const said: string[] = [];
    const open = (): Promise<Books> => Books.open(folder, (text) => said.push(text));
    const first = await open();
    await first.keep(group, book);
    await first.close();
    const second = await open();
    expect(second.of(group)).toEqual(book);
    expect([...second.all.keys()]).toEqual([group]);
    await second.close();
    const db = new Level(folder);
    await db.put(group, '{"version":1,"final":');
    await db.close();
    const third = await open();
    expect(third.of(group)).toBeUndefined();
    expect(said).toEqual([]);
    // Held by the third: the books are kept in memory alone.
    const fourth = await open();
    expect(said.join()).toContain("cannot be opened");
    await fourth.keep(group, book);
    expect(fourth.of(group)).toEqual(book);
    await fourth.close();
    await third.close();
  });
});
