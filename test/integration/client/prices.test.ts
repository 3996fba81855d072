/** Prices of people on a real chain: what is paid is never more than what is due, and less by under one unit a settlement (R4, R30). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as client from "../../../client/index.ts";
import { ClientWorld } from "../../support/contracts/client-world.ts";

/** USDC: 6 decimals. */
const usdc: client.Token = { address: `0x${"11".repeat(20)}`, symbol: "USDC", decimals: 6 };
const fourDollars = client.parseAmount("4", usdc);
const month_s = 30 * 24 * 3600;

let scene: ClientWorld;

beforeAll(async () => {
  scene = await ClientWorld.open();
});
afterAll(() => scene.chain.close());

/** Blocks of a day, with turns and slots of about two hours and one hour where R4 allows. */
const chains = [
  {
    blockTime_s: 12,
    milliseconds: 12_000n,
    blocks: { interval: 7_200, turn: 600, slot: 300, answer: 25, confirmations: 64 },
  },
  {
    blockTime_s: 0.25,
    milliseconds: 250n,
    blocks: { interval: 345_600, turn: 7_200, slot: 3_600, answer: 600, confirmations: 64 },
  },
] as const;
const sizes = [
  ["1 GiB", client.GiB],
  ["10 TiB", 10n * client.TiB],
] as const;

describe.each(chains)(
  "4 USD a TiB and month in USDC on blocks of $blockTime_s s",
  ({ blockTime_s, milliseconds, blocks }) => {
    const price = client.priceFor({ perMonth: fourDollars, blockTime_s });

    it("is the same amount on the way back", () => {
      expect(client.perMonthOf(price, blockTime_s)).toBe(fourDollars);
    });

    it.each(sizes)("pays %s exactly but for less than one unit a settlement", async (_, bytes) => {
      const rhythm = { ...blocks, toleranceBps: 100 };
      const committee = await scene.form(await scene.world.keepers(4), { rhythm });
      const lockup = rhythm.interval + 2 * rhythm.turn;
      const group = await scene.group(committee, { config: { lockup } });
      await scene.add(group.at, "priced provider", { bytes, price });
      let settledOnce = false;
      for (let i = 0; i < 3; i += 1) {
        const receipt = await scene.certify(committee, [group]);
        const [settlement] = client.settlementsIn(receipt);
        const [part] = settlement?.providers ?? [];
        if (settlement === undefined || part === undefined) throw new Error("expected a settlement");
        // In the first interval the provider's data begin later than the group.
        const committed = part.spaceTime / bytes;
        expect(part.spaceTime).toBe(committed * bytes);
        const paid = part.amount + settlement.cut;
        // Due is dueNumerator / dueDenominator units: 4 USD × bytes / TiB × time / month, in exact integers.
        const dueNumerator = fourDollars * bytes * committed * milliseconds;
        const dueDenominator = client.TiB * BigInt(month_s) * 1_000n;
        expect(paid * dueDenominator).toBeLessThanOrEqual(dueNumerator);
        expect((paid + 1n) * dueDenominator).toBeGreaterThan(dueNumerator);
        settledOnce ||= committed === BigInt(rhythm.interval);
      }
      expect(settledOnce).toBe(true);
    });
  },
);

it("estimates times from the pace of a day of blocks, which an outage of minutes changes little", async () => {
  await scene.chain.rpc("hardhat_mine", ["0x1c20", "0xc"]);
  await scene.chain.rpc("evm_increaseTime", [1_200]);
  await scene.chain.rpc("hardhat_mine", ["0x1"]);
  const block = await scene.provider.getBlock("latest");
  const pace = await client.measurePace(scene.provider, {
    block: block?.number ?? 0,
    time_s: block?.timestamp ?? 0,
  });
  expect(pace.blocks).toBe(7_200);
  expect(pace.block_s).toBeGreaterThan(12);
  expect(pace.block_s).toBeLessThan(12 * 1.02);
});
