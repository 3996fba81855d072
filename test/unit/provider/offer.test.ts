/** R42, R43: prices of an offer, the policy, and the commands that change them. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { priceFor } from "../../../client/prices.ts";
import { priceIn } from "../../../provider/offer.ts";
import { neededEscrow, refusalOf } from "../../../provider/store/policy.ts";
import type { Judged } from "../../../provider/store/policy.ts";
import { offerSchema } from "../../../provider/store/settings.ts";
import { changeOffer, initProvider, loadConfig } from "../../../provider/config.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { temporaryFolder } from "../../support/files.ts";

const address = (byte: number): Hex => `0x${byte.toString(16).padStart(2, "0").repeat(20)}`;
const [payer, token, committee, factory] = [address(1), address(2), address(3), address(4)];
const GiB = 2 ** 30;

const settings = offerSchema.parse({
  factories: [factory],
  prices: [{ token, perMonth: "4" }],
  minLockup: 100,
  minRunway: 50,
  maxPayerShare: 50,
  maxWaitingBytes: 8 * GiB,
});
const good: Judged = {
  settings,
  prices: [{ token, price: 1000n << 34n }],
  head: 500,
  request: {
    payer,
    provider: address(5),
    group: address(6),
    listRoot: `0x${"ab".repeat(32)}`,
    bytes: 4 * GiB,
    pieces: 2,
    price: 1000n << 34n,
    isPublic: false,
    deadline: 500,
  },
  group: {
    payer,
    token,
    lockup: 100,
    keeperShareBps: 1000,
    // 1,000 units a GiB and block: 4 GiB for the lockup and the runway, and what is required before.
    available: 77n + 4n * 1000n * 150n,
    required: 77n,
    committees: [committee],
    ends: false,
  },
  committedValue: 0n,
  room: { free: 10 * GiB, all: 20 * GiB, largestPiece: 10 * GiB },
  payers: { bytes: 6 * GiB, inGroup: 0, waitingBytes: 0, waiting: 0, waitingOfAll: 0 },
  isPromised: false,
};
const code = (changes: Partial<Judged>): string | undefined => refusalOf({ ...good, ...changes })?.code;

describe("the policy", () => {
  it("accepts a request at each limit, and refuses one beyond it", () => {
    expect(refusalOf(good)).toBeUndefined();
    const { request, group, payers, room } = good;
    const refused: [Partial<Judged>, string][] = [
      [{ head: 501 }, "expired"],
      [{ request: { ...request, price: request.price - 1n } }, "price-too-low"],
      [{ request: { ...request, payer: address(9) } }, "not-the-payer"],
      [{ group: { ...group, token: address(9) } }, "not-offered"],
      [{ group: { ...group, lockup: 99 } }, "not-offered"],
      [{ group: { ...group, keeperShareBps: 1001 } }, "not-offered"],
      [{ group: { ...group, ends: true } }, "not-offered"],
      [{ group: { ...group, available: group.available - 1n } }, "underfunded"],
      [{ room: { ...room, free: 4 * GiB - 1 } }, "no-space"],
      [{ payers: { ...payers, bytes: 6 * GiB + 1000 } }, "too-large"],
      [{ payers: { ...payers, waitingBytes: 1000 } }, "too-large"],
      [{ payers: { ...payers, bytes: 0, waitingBytes: 4 * GiB + 1 } }, "busy"],
      [{ payers: { ...payers, waiting: 8 } }, "busy"],
      [{ payers: { ...payers, waitingOfAll: 256 } }, "busy"],
      [{ settings: { ...settings, deny: [payer] } }, "not-offered"],
      [{ settings: { ...settings, allow: [address(9)] } }, "not-offered"],
      [{ settings: { ...settings, committees: [address(9)] } }, "not-offered"],
      [{ settings: { ...settings, public: false }, request: { ...request, isPublic: true } }, "not-offered"],
    ];
    for (const [changes, expected] of refused) expect([changes, code(changes)]).toEqual([changes, expected]);
    expect(code({ settings: { ...settings, allow: [payer], committees: [committee] } })).toBeUndefined();
  });

  it("asks no room for what was promised, nor for pieces to which the group commits already", () => {
    const { room, payers } = good;
    const full = { ...room, free: 0 };
    expect(code({ room: full })).toBe("no-space");
    expect(code({ room: full, isPromised: true })).toBeUndefined();
    expect(
      code({ room: { ...room, free: GiB }, payers: { ...payers, bytes: 0, inGroup: 3 * GiB } }),
    ).toBeUndefined();
  });

  it("asks an escrow for the growth alone where the group commits to data here already (R32)", () => {
    const value = good.request.price * BigInt(good.request.bytes);
    expect(neededEscrow({ ...good, committedValue: value })).toBe(77n + 4n * 1000n * 50n);
    expect(neededEscrow({ ...good, committedValue: 2n * value })).toBe(77n + 4n * 1000n * 50n);
    expect(neededEscrow({ ...good, committedValue: value / 2n })).toBe(
      77n + 2n * 1000n * 100n + 4n * 1000n * 50n,
    );
  });
});

describe("a price a TiB and month", () => {
  it("is the price that payers compute from the same amount", () => {
    for (const [text, decimals, units] of [
      ["4", 6, 4_000_000n],
      ["4.5", 18, 4_500_000_000_000_000_000n],
      ["0", 6, 0n],
    ] as const) {
      expect(priceIn(text, decimals, 12)).toBe(priceFor({ perMonth: units, blockTime_s: 12 }));
    }
  });

  it("is refused with more decimals than the token has, and where no contract stores it", () => {
    expect(() => priceIn("4.5", 0, 12)).toThrow("expected at most 0 decimals, actual 1");
    expect(() => priceIn(`1${"0".repeat(25)}`, 18, 12)).toThrow("actual");
  });
});

describe("the settings of an offer", () => {
  it("are changed in the file, with its comments; a wrong value changes nothing", async () => {
    const folder = await temporaryFolder();
    const { config } = await initProvider({
      dataDir: join(folder, "provider"),
      chainId: 1,
      rpc: ["http://127.0.0.1:1"],
      registry: address(7),
      listen: ["/ip4/127.0.0.1/tcp/0"],
      groups: [],
      password: "devnet",
      kdf: "light",
    });
    await writeFile(config, `# kept\n${await readFile(config, "utf8")}`);
    await expect(changeOffer(config, { regions: ["eu"] })).rejects.toThrow(/offer.factories/);
    expect((await loadConfig(config)).offer).toBeUndefined();
    await changeOffer(config, { factories: [factory], prices: [{ token, perMonth: "4.5" }] });
    await changeOffer(config, { deny: [payer] });
    expect((await loadConfig(config)).offer).toMatchObject({
      factories: [factory],
      prices: [{ token, perMonth: "4.5" }],
      deny: [payer],
      maxKeeperShareBps: 1000,
    });
    await expect(changeOffer(config, { prices: [{ token, perMonth: "-1" }] })).rejects.toThrow(/perMonth/);
    expect(await readFile(config, "utf8")).toMatch(/^# kept\n/);
    await changeOffer(config, "withdraw");
    expect((await loadConfig(config)).offer).toBeUndefined();
  });
});
