import { expect, it } from "vitest";
import { counted } from "../../../protocol/counted.ts";

it("a count of one has a singular noun", () => {
  expect([0, 1, 2, 1n, 10n ** 20n].map((count) => counted(count, "keeper"))).toEqual([
    "0 keepers",
    "1 keeper",
    "2 keepers",
    "1 keeper",
    "100000000000000000000 keepers",
  ]);
  expect([1, 2].map((count) => counted(count, "entry", "entries"))).toEqual(["1 entry", "2 entries"]);
});
