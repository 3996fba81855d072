/** What storing more costs at a provider that stores for the group already: all of its data has one price (R33). */
import { describe, expect, it } from "vitest";
import { costOfMore } from "../../../../cli/store/plan.ts";

const operator = `0x${"a1".repeat(20)}`;
/** A unit for each byte and block. */
const unit = 2n ** 64n;
const more = { bytes: 100n, blocks: 10n };

describe("the cost of more data", () => {
  it.each([
    ["of a new provider is that of its bytes", 2n, undefined, 100n * 10n * 2n],
    ["is the same at an unchanged price", 2n, { bytes: 1_000n, price: 2n }, 100n * 10n * 2n],
    [
      "includes the present data at a price that rose",
      3n,
      { bytes: 1_000n, price: 2n },
      100n * 10n * 3n + 1_000n * 10n * 1n,
    ],
    ["is at the present price if the offer fell", 1n, { bytes: 1_000n, price: 2n }, 100n * 10n * 2n],
  ])("%s", (_, offered, data, units) => {
    const holder = data && { data: { bytes: data.bytes, price: data.price * unit } };
    expect(costOfMore({ operator, price: offered * unit }, holder, more)).toBe(units);
  });
});
