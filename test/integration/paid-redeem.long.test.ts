/** Redeeming readers' vouchers (R47): by command for many readers in one call, by the daemon, and beside a reader that withdraws. */
import { spawn } from "node:child_process";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Wallet } from "ethers";
import { httpPayee, memoryTabs, openPiece, payingSource, ReadPurse } from "../../client/index.ts";
import { encodeVoucher } from "../../protocol/codec/paid-reading.ts";
import { encodePermission } from "../../protocol/codec/piece-http.ts";
import { rangeBytes } from "../../storage/core/range.ts";
import { cliScript } from "../../scripts/paths.ts";
import { runCli } from "../support/cli.ts";
import { sharedFolder } from "../support/files.ts";
import { PaidScene, rangePrice } from "../support/paid-scene.ts";
import { until } from "../support/store-scene.ts";

let paid: PaidScene;
let removeFolder: () => Promise<void>;
const minutes = 60_000;
const p = rangePrice;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  paid = await PaidScene.open(shared.folder);
}, 5 * minutes);

afterAll(async () => {
  await paid.close();
  await removeFolder();
});

/** Reads one range and pays for it. */
async function readOne(reader: Wallet, amount = 0n): Promise<void> {
  expect(await paid.said(0, { voucher: await paid.voucher(reader, amount) })).toBe(`paid ${p}`);
  const last = await paid.voucher(reader, amount + p);
  expect((await paid.range(0, { voucher: last, method: "HEAD" })).status).toBe(200);
}

// The test knows the shape of the output.
// oxlint-disable-next-line typescript/no-explicit-any
async function redeem(...args: string[]): Promise<any> {
  const config = await paid.configure({});
  const { code, stdout, stderr } = await runCli([
    "provider",
    "redeem",
    "--config",
    config,
    "--json",
    ...args,
  ]);
  return { code, stderr, ...JSON.parse(stdout === "" ? "{}" : stdout) };
}

const balance = (): Promise<bigint> => paid.world.balanceOf(paid.scene.operator.address);

describe("whitepay provider redeem", () => {
  it(
    "redeems many readers in one call, beside the running daemon, and says what is left out",
    { timeout: 3 * minutes },
    async () => {
      await paid.start({});
      const none = await redeem("--yes");
      expect(none).toMatchObject({ code: 5, tokens: [], transactions: [] });
      const count = 20;
      for (let i = 0; i < count; i++) await readOne(await paid.reader(`redeemed ${i}`));
      // One reader has promised a little only.
      const small = await paid.reader("small");
      await paid.get(0, 100, { voucher: await paid.voucher(small, 0n) });
      expect((await paid.range(0, { voucher: await paid.voucher(small, 100n), method: "HEAD" })).status).toBe(
        200,
      );
      const least = "0.000000000000000101";
      const before = await balance();
      const dry = await redeem("--dry-run", "--least", least);
      const sums = {
        claimable: { vouchers: count, units: String(BigInt(count) * p) },
        tooSmall: { vouchers: 1, units: "100" },
      };
      expect(dry).toMatchObject({
        code: 0,
        tokens: [sums],
        transactions: [{ sent: false, method: "redeem" }],
      });
      expect(await balance()).toBe(before);
      const done = await redeem("--yes", "--least", least);
      expect(done).toMatchObject({ code: 0, tokens: [sums], transactions: [{ sent: true }] });
      expect((await balance()) - before).toBe(BigInt(count) * p);
      // docs/figures/gas-vouchers.md: the first claim of a call, and each further one.
      const gas = Number(done.transactions[0].gasUsed);
      expect(gas / (54_736 + (count - 1) * 15_533)).toBeGreaterThan(0.9);
      expect(gas / (54_736 + (count - 1) * 15_533)).toBeLessThan(1.1);
      const again = await redeem("--yes", "--least", least);
      expect(again).toMatchObject({
        code: 5,
        tokens: [{ nothing: { vouchers: count }, tooSmall: { vouchers: 1 } }],
      });
      expect(again.stderr).toMatch(/no voucher is worth its redemption/);
      // Who was redeemed reads on.
      await readOne(await paid.reader("redeemed 0", 0n), p);
    },
  );

  it("names what is missing", async () => {
    const config = await paid.configure();
    const { code, stderr } = await runCli(["provider", "redeem", "--config", config, "--yes"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/chain.vouchers is missing/);
  });
});

describe("the daemon", () => {
  it(
    "redeems when vouchers are worth the operator's sum, to the operator's receiver",
    { timeout: minutes },
    async () => {
      const to = `0x${"ee".repeat(20)}`;
      // What is open from before is 100 units and a range.
      await paid.start({ redeem: { above: String(4n * p), to } });
      for (const i of [1, 2]) await readOne(await paid.reader(`daemon ${i}`));
      expect(await paid.world.balanceOf(to)).toBe(0n);
      await readOne(await paid.reader("daemon 3"));
      await until("it is redeemed", async () =>
        (await paid.world.balanceOf(to)) === 4n * p + 100n ? true : undefined,
      );
      await readOne(await paid.reader("daemon 1", 0n), p);
    },
  );

  it(
    "redeems before the channel expires; then the reader gets the rest, and nobody more than one range less",
    { timeout: minutes },
    async () => {
      await paid.start({});
      const { chain } = paid.world;
      const reader = await paid.reader("leaving", 10n * p, 300);
      await readOne(reader);
      // It stops paying: the last range is the provider's loss.
      expect(await paid.said(1, { voucher: await paid.voucher(reader, p) })).toBe(`paid ${p}`);
      const name = { reader, provider: paid.scene.operator };
      const end = Number((await paid.world.channel(name)).expiry);
      const before = await balance();
      await chain.before(end - 127);
      await until("it is redeemed", async () => ((await balance()) - before >= p ? true : undefined));
      expect((await paid.world.channel(name)).spent).toBe(p);
      expect(await chain.block()).toBeLessThan(end);
      const own = await paid.world.balanceOf(reader.address);
      const early = paid.world.withdraw(name);
      await expect(early).rejects.toThrow();
      await chain.before(end);
      await paid.world.withdraw(name);
      expect((await paid.world.balanceOf(reader.address)) - own).toBe(9n * p);
      // The account knows its debt, if the reader comes back.
      await paid.deposit(reader, 5n * p);
      await until("the channel is seen", async () =>
        (await paid.said(2, { voucher: await paid.voucher(reader, 10n * p) })) === `underpaid ${11n * p}`
          ? true
          : undefined,
      );
    },
  );
});

describe("a provider that is killed", () => {
  it(
    "has voucher and debt on its disk, and the reader pays one range at most that it did not get",
    { timeout: 2 * minutes },
    async () => {
      await paid.stop();
      const config = await paid.configure({});
      const begin = async (): Promise<{ url: string; kill: () => Promise<void> }> => {
        const child = spawn(process.execPath, [
          cliScript,
          "provider",
          "run",
          "--config",
          config,
          "--log-level",
          "info",
        ]);
        const ended = new Promise<void>((done) => child.once("close", () => done()));
        const kill = async (): Promise<void> => {
          child.kill("SIGKILL");
          await ended;
        };
        onTestFinished(kill);
        let said = "";
        child.stdout.on("data", (text: Buffer) => (said += text.toString()));
        child.stderr.on("data", (text: Buffer) => (said += text.toString()));
        const url = await until("it serves readers", async () => /"reading":"(http[^"]+)"/.exec(said)?.[1]);
        return { url, kill };
      };
      const reader = await paid.reader("killed");
      const tabs = memoryTabs();
      const purse = (): ReadPurse =>
        new ReadPurse(reader, {
          vouchers: paid.world.address,
          token: paid.world.tokenAddress,
          payUpTo: 50n * p,
          tabs,
        });
      const first = await begin();
      const one = payingSource(httpPayee(first.url, { permission: paid.permission }), purse());
      await openPiece(paid.root, [one]);
      await one.settle();
      const voucher = await paid.voucher(reader, p);
      // Killed as soon as the first bytes of the next range arrive.
      await new Promise<void>((done) => {
        const headers = {
          Range: `bytes=${rangeBytes}-${2 * rangeBytes - 1}`,
          "WhitePay-Permission": encodePermission(paid.permission),
          "WhitePay-Voucher": encodeVoucher(voucher),
        };
        const asked = request(`${first.url}/piece/${paid.root.slice(2)}`, { headers }, (response) => {
          response.once("data", () => done());
          response.on("error", () => undefined);
        });
        asked.on("error", () => undefined).end();
      });
      await first.kill();
      const accounts = await paid.accounts();
      expect(accounts).toContainEqual(expect.objectContaining({ owed: String(2n * p), promised: String(p) }));
      const second = await begin();
      const other = purse();
      const source = payingSource(httpPayee(second.url, { permission: paid.permission }), other);
      const piece = await openPiece(paid.root, [source]);
      for (const range of [1, 2]) await piece.range(range);
      await source.settle();
      // Three ranges arrived and are paid. The one that died with the provider is not, and stays a debt.
      expect(other.signed.get(paid.provider)).toBe(3n * p);
      const after = await paid.accounts();
      expect(after).toContainEqual({
        owed: String(5n * p),
        promised: String(4n * p),
        amount: String(4n * p),
      });
    },
  );
});
