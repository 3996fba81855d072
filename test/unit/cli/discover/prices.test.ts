import { expect, it } from "vitest";
import { byPrice, usualToken } from "../../../../cli/discover/prices.ts";

it("lists the cheapest first, those without a price last, and equal ones in their order", () => {
  const all = [
    { name: "none", price: undefined },
    { name: "dear", price: 9n },
    { name: "first", price: 3n },
    { name: "second", price: 3n },
    { name: "free", price: 0n },
  ];
  expect(all.toSorted(byPrice).map(({ name }) => name)).toEqual(["free", "first", "second", "dear", "none"]);
});

it("takes the token that most offers name, of equal ones the first by address, and none of no offers", () => {
  const prices = (...tokens: `0x${string}`[]) => ({ prices: tokens.map((token) => ({ token, price: 1n })) });
  expect(usualToken([])).toBeUndefined();
  expect(usualToken([prices("0x02"), prices("0x01", "0x03"), prices("0x03")])).toBe("0x03");
  expect(usualToken([prices("0x02"), prices("0x01")])).toBe("0x01");
});
