/** `whitepay store` and `get` of a large file, with the payer's commands and the provider as processes. */
import { expect, it } from "vitest";
import { measureStore } from "../../scripts/bench/store.ts";

const minutes = 60_000;

it("need memory that does not grow with the file", { timeout: 30 * minutes }, async () => {
  const megabytes = 2_000;
  const { peak_MiB, store, get } = await measureStore({ megabytes, copies: 1, sparse: true });
  expect([store, get].every((speed) => Number.isFinite(speed) && speed > 0)).toBe(true);
  // Half of the file; ten times the file needs no more (docs/pay-for-storage.md).
  const bound = (megabytes * 1e6) / 2 ** 20 / 2;
  for (const peak of Object.values(peak_MiB)) expect(peak).toBeLessThan(bound);
});
