/** Paid reading (R47) on a real daemon, chain and disk, over HTTP: what is free, what is owed, and why a voucher is refused. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import type { ShownVoucher } from "../../protocol/codec/paid-reading.ts";
import { walletOf } from "../support/contracts/chain.ts";
import { sharedFolder } from "../support/files.ts";
import { PaidScene, pieceBytes, rangePrice, ranges } from "../support/paid-scene.ts";
import { callsOfWatch } from "../support/provider-scene.ts";
import { until } from "../support/store-scene.ts";
import { rangeBytes } from "../../storage/core/range.ts";

let paid: PaidScene;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  paid = await PaidScene.open(shared.folder);
});

afterAll(async () => {
  await paid.close();
  await removeFolder();
});

const p = rangePrice;

describe("a provider without a price", () => {
  it("sends everything for nothing, and looks at no voucher", async () => {
    await paid.start();
    const stranger = await paid.world.chain.account("stranger");
    const voucher = await paid.voucher(stranger, 5n, { chainId: 77 });
    expect(await paid.said(0)).toBe("free");
    expect(await paid.said(0, { voucher })).toBe("free");
    const all = await paid.get(0, pieceBytes);
    expect(all.status).toBe(206);
    expect(all.body.equals(paid.bytes)).toBe(true);
  });
});

describe("free bytes", () => {
  it("are a share of each address, and of all readers together; a restart does not give the sum anew", async () => {
    const free = { bytesPerDay: 3 * rangeBytes, bytesPerAddress: 2 * rangeBytes };
    await paid.start({ free });
    expect(await paid.said(0)).toBe("free");
    expect(await paid.said(1)).toBe("free");
    expect(await paid.said(2)).toBe("no-voucher 0");
    // The short last range does not fit the share any more either.
    expect(await paid.said(ranges - 1)).toBe("no-voucher 0");
    expect(await paid.said(0, { from: "127.0.0.2" })).toBe("free");
    expect(await paid.said(1, { from: "127.0.0.2" })).toBe("no-voucher 0");
    expect(await paid.said(1, { from: "127.0.0.3" })).toBe("no-voucher 0");
    await paid.start({ free });
    expect(await paid.said(0)).toBe("no-voucher 0");
  });

  it("do not cover an answer that is longer: it breaks where payment is due", async () => {
    await paid.start({ free: { bytesPerDay: 100 * rangeBytes, bytesPerAddress: 2 * rangeBytes } });
    await expect(paid.get(0, 3 * rangeBytes)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });
});

describe("a reader with a deposit", () => {
  it("reads one range on credit, and the next one for a voucher that covers all before it", async () => {
    await paid.start({});
    const got = await paid.range(0);
    expect(got.status).toBe(402);
    expect(got.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(got.body.toString())).toMatchObject({
      due: "no-voucher",
      chainId: paid.scene.chain.chainId,
      contract: paid.world.address.toLowerCase(),
      provider: paid.provider,
      token: paid.token,
      pricePerGiB: String(1n << 30n),
      owed: "0",
    });
    const reader = await paid.reader("reader one");
    const opening = await paid.voucher(reader, 0n);
    expect(await paid.said(0, { voucher: opening })).toBe(`paid ${p}`);
    expect(await paid.said(1, { voucher: opening })).toBe(`underpaid ${p}`);
    expect(await paid.said(1, { voucher: await paid.voucher(reader, p - 1n) })).toBe(`underpaid ${p}`);
    const first = await paid.voucher(reader, p);
    expect(await paid.said(1, { voucher: first })).toBe(`paid ${p}`);
    // The account is on the disk before the bytes arrive, and outlasts a restart.
    expect(await paid.accounts()).toMatchObject([
      { owed: String(2n * p), promised: String(p), amount: String(p) },
    ]);
    await paid.start({});
    expect(await paid.said(2, { voucher: first })).toBe(`underpaid ${2n * p}`);
    expect(await paid.said(2, { voucher: opening })).toBe(`superseded ${2n * p}`);
    expect(await paid.said(2, { voucher: await paid.voucher(reader, 2n * p) })).toBe(`paid ${p}`);
    // The last range is paid without another one.
    const last = await paid.voucher(reader, 3n * p);
    expect((await paid.range(0, { voucher: last, method: "HEAD" })).status).toBe(200);
    expect((await paid.range(0, { voucher: first, method: "HEAD" })).status).toBe(402);
    expect(await paid.accounts()).toMatchObject([
      { owed: String(3n * p), promised: String(3n * p), amount: String(3n * p) },
    ]);
  });

  it("gets a range that did not arrive again, three times, and is not charged again", async () => {
    const reader = await paid.reader("reader two");
    const voucher = await paid.voucher(reader, 0n);
    for (let i = 0; i < 4; i++) expect(await paid.said(3, { voucher })).toBe(`paid ${p}`);
    expect(await paid.said(3, { voucher })).toBe(`underpaid ${p}`);
    expect(await paid.said(2, { voucher })).toBe(`underpaid ${p}`);
    expect(await paid.said(3, { voucher: await paid.voucher(reader, p) })).toBe(`paid ${p}`);
  });

  it("gets one range for one voucher, however many it asks for at once", async () => {
    const reader = await paid.reader("reader three");
    const voucher = await paid.voucher(reader, 0n);
    const said = await Promise.all([0, 1, 2, 3].map((range) => paid.said(range, { voucher })));
    expect(said.filter((one) => one === `paid ${p}`)).toHaveLength(1);
    expect(said.filter((one) => one === `underpaid ${p}`)).toHaveLength(3);
  });

  it("pays by the bytes that it asks for, and for no bytes that a quota or a disk refuses", async () => {
    const reader = await paid.reader("reader four");
    const voucher = await paid.voucher(reader, 0n);
    expect((await paid.get(5, 1_005, { voucher })).headers["whitepay-charged"]).toBe("1000");
    // Two ranges cannot be covered by one voucher: the answer breaks after the first one.
    const next = await paid.voucher(reader, 1_000n);
    await expect(paid.get(rangeBytes, 3 * rangeBytes, { voucher: next })).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    );
    const third = await paid.voucher(reader, 1_000n + p);
    // A quota of the permission refuses the range: it is owed no more, and another one is served for the same voucher.
    expect(await paid.said(0, { voucher: third, bytesPerDay: 1_000 })).toMatch(/^HTTP 429: over-quota/);
    expect(await paid.said(1, { voucher: third })).toBe(`paid ${p}`);
  });
});

describe("a voucher that is no good", () => {
  it("is refused with what is expected, each fault by its own code", async () => {
    await paid.start({});
    const reader = await paid.reader("reader five", 2n * p);
    const other = `0x${"ab".repeat(20)}` as const;
    const shown = async (amount: bigint, changes = {}): Promise<string> =>
      paid.said(0, { voucher: await paid.voucher(reader, amount, changes) });
    expect(await shown(0n, { chainId: 5 })).toBe("wrong-chain 0");
    expect(await shown(0n, { vouchers: other })).toBe("wrong-contract 0");
    expect(await shown(0n, { provider: other })).toBe("wrong-provider 0");
    expect(await shown(0n, { token: other })).toBe("wrong-token 0");
    expect(await shown(0n, { reader: other })).toBe("wrong-signer 0");
    expect(await shown(0n, { amount: 1n })).toBe("wrong-signer 0");
    expect(await shown(2n * p + 1n)).toBe(`over-deposit ${2n * p}`);
    const text = await paid.range(0, { voucher: await paid.voucher(reader, 0n, { token: other }) });
    const { detail } = JSON.parse(text.body.toString()) as { detail: string };
    expect(detail).toBe(`voucher: expected token ${paid.token}, actual ${other}`);
    expect(await shown(0n)).toBe(`paid ${p}`);
    expect(await shown(p)).toBe(`paid ${p}`);
    // Two ranges are what was deposited; the voucher for the second one is still taken.
    expect(await shown(2n * p)).toBe(`deposit ${3n * p}`);
    expect(await shown(p)).toBe(`superseded ${2n * p}`);
    await paid.deposit(reader, p);
    await until("the deposit is seen", async () =>
      (await shown(2n * p)) === `paid ${p}` ? true : undefined,
    );
  });

  it("is refused without a deposit, and of a form that is none", async () => {
    const poor = await paid.reader("reader six", 0n);
    expect(await paid.said(0, { voucher: await paid.voucher(poor, 0n) })).toMatch(/^expiry \d+$/);
    expect(await paid.said(0, { voucher: await paid.voucher(poor, 1n) })).toBe("over-deposit 0");
    const long = { ...(await paid.voucher(poor, 0n)), amount: (1n << 128n) - 1n };
    expect(await paid.said(0, { voucher: long })).toBe("wrong-signer 0");
  });
});

describe("floods", () => {
  /** Asks from many addresses; the answers by what they say. */
  async function flood(vouchers: readonly ShownVoucher[]): Promise<Map<string, number>> {
    const said = new Map<string, number>();
    let next = 0;
    const lane = async (i: number): Promise<void> => {
      for (let at = next++; at < vouchers.length; at = next++) {
        const voucher = vouchers[at] as ShownVoucher;
        const answer = await paid.said(0, { voucher, from: `127.0.1.${1 + (i % 8)}` });
        const what = answer.replace(/[ :].*/s, "");
        said.set(what, (said.get(what) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, i) => lane(i)));
    return said;
  }

  it("of vouchers with wrong signatures cost a signature check each, no call of the chain, and nothing on the disk", async () => {
    await paid.start({});
    const reader = await paid.reader("reader eight");
    const honest = await paid.voucher(reader, 0n);
    expect(await paid.said(0, { voucher: honest })).toBe(`paid ${p}`);
    const before = await paid.accounts();
    const { calls } = paid.scene.chain.endpoint;
    calls.clear();
    const begin_ms = performance.now();
    const vouchers = Array.from({ length: 600 }, (_, i) => ({ ...honest, amount: BigInt(i + 1) }));
    expect(await flood(vouchers)).toEqual(new Map([["wrong-signer", 600]]));
    expect(calls.get("eth_call") ?? 0).toBeLessThanOrEqual(callsOfWatch(begin_ms, 1));
    expect(await paid.accounts()).toEqual(before);
    expect(await paid.said(1, { voucher: await paid.voucher(reader, p) })).toBe(`paid ${p}`);
  });

  it("of accounts that were just made cost at most four calls of the chain a second, and nothing on the disk", async () => {
    const before = await paid.accounts();
    const vouchers: ShownVoucher[] = [];
    for (let i = 0; i < 300; i++) {
      vouchers.push(await paid.voucher(walletOf(`flood ${i}`), 0n));
    }
    const { calls } = paid.scene.chain.endpoint;
    calls.clear();
    const begin_ms = performance.now();
    const said = await flood(vouchers);
    expect(said.get("expiry")).toBeGreaterThan(0);
    expect((said.get("expiry") ?? 0) + (said.get("HTTP") ?? 0)).toBe(300);
    const most = 4 * ((performance.now() - begin_ms) / 1_000) + 1;
    expect(calls.get("eth_call") ?? 0).toBeLessThanOrEqual(most + callsOfWatch(begin_ms, 1));
    expect(await paid.accounts()).toEqual(before);
  });
});

describe("the end of a channel", () => {
  it("stops the credit 128 blocks before it, and a later expiry opens it again", async () => {
    const reader = await paid.reader("reader seven", 10n * p, 300);
    const { chain } = paid.world;
    const end = Number((await paid.world.channel({ reader, provider: paid.scene.operator })).expiry);
    expect(await paid.said(0, { voucher: await paid.voucher(reader, 0n) })).toBe(`paid ${p}`);
    await chain.before(end - 128);
    await sleep(110);
    const second = await paid.voucher(reader, p);
    expect(await paid.said(1, { voucher: second })).toBe(`paid ${p}`);
    await chain.before(end - 127);
    await sleep(110);
    expect(await paid.said(2, { voucher: await paid.voucher(reader, 2n * p) })).toBe(`expiry ${end}`);
    await paid.deposit(reader, 0n, 1_000);
    await until("the expiry is seen", async () => {
      const voucher = await paid.voucher(reader, 2n * p);
      return (await paid.said(2, { voucher })) === `paid ${p}` ? true : undefined;
    });
  });
});
