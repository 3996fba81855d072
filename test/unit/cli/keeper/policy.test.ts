import { JsonRpcProvider } from "ethers";
import { describe, expect, it } from "vitest";
import { checkPolicy } from "../../../../cli/keeper/policy.ts";
import type { Terms } from "../../../../client/committee-view.ts";
import { coin } from "../../../../client/units.ts";

const token = `0x${"a1".repeat(20)}` as const;
const terms: Terms = {
  token: coin.address,
  leastKeeperFee: 5n * 10n ** 15n,
  leastKeeperShareBps: 1_000,
  mostProviders: 100,
  open: true,
};
type Policy = Parameters<typeof checkPolicy>[1]["policy"];
const open: Policy = { tokens: [], leastKeeperFee: "0", replaceResigned: true };

/** The terms are in the chain's coin, about which no chain is asked. */
async function checked(change: Partial<Policy>, terms_: Terms = terms): Promise<void> {
  const provider = new JsonRpcProvider("http://127.0.0.1:1", 31_337, { staticNetwork: true });
  try {
    await checkPolicy(provider, { policy: { ...open, ...change } }, terms_);
  } finally {
    provider.destroy();
  }
}

describe("the operator's policy (R39)", () => {
  it("allows all terms by default, and terms exactly at its bounds", async () => {
    const exactly = { leastKeeperFee: `${5n * 10n ** 15n}`, mostProviders: 100 };
    await expect(checked({})).resolves.toBeUndefined();
    await expect(checked({ tokens: [token, `0x${"00".repeat(20)}`], ...exactly })).resolves.toBeUndefined();
    const upper = { ...terms, token: token.toUpperCase().replace("0X", "0x") };
    await expect(checked({ tokens: [token] }, upper)).resolves.toBeUndefined();
  });

  it("refuses another token, a lower fee, and more providers, with the expected and the actual value", async () => {
    await expect(checked({ tokens: [token] })).rejects.toMatchObject({
      code: 2,
      expected: expect.stringContaining(token),
      actual: coin.address,
    });
    await expect(checked({ leastKeeperFee: `${5n * 10n ** 15n + 1n}` })).rejects.toMatchObject({
      actual: "5000000000000000 (0.005 coin)",
    });
    await expect(checked({ mostProviders: 99 })).rejects.toMatchObject({
      expected: expect.stringContaining("at most 99 providers"),
      actual: "100 providers",
    });
  });
});
