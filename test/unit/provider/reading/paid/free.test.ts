/** Free bytes of a day, counted on a real disk (R47). */
import { expect, it, onTestFinished } from "vitest";
import { FreeBytes } from "../../../../../provider/reading/paid/free.ts";
import { Quotas } from "../../../../../provider/reading/quotas.ts";
import { ReadingStore } from "../../../../../provider/reading/reading-store.ts";
import { temporaryFolder } from "../../../../support/files.ts";

const day_ms = 86_400_000;

it("gives an address its share, all of them the sum, and both again on the next day", async () => {
  const kept = await ReadingStore.open(await temporaryFolder());
  onTestFinished(() => kept.close());
  let now_ms = 5 * day_ms;
  const quotas = new Quotas(kept, () => now_ms);
  const free = new FreeBytes({ bytesPerDay: 100, bytesPerAddress: 60 }, quotas, () => now_ms);
  expect(await free.take("a", 61)).toBe(false);
  expect(await free.take("a", 50)).toBe(true);
  expect(await free.take("a", 11)).toBe(false);
  expect(await free.take("b", 50)).toBe(true);
  expect(await free.take("c", 1)).toBe(false);
  const again = new FreeBytes({ bytesPerDay: 100, bytesPerAddress: 60 }, quotas, () => now_ms);
  expect(await again.take("d", 1)).toBe(false);
  now_ms += day_ms;
  expect(await free.take("c", 60)).toBe(true);
  expect(await free.take("a", 40)).toBe(true);
  expect(await free.take("b", 1)).toBe(false);
});

it("does not count against an address what the sum did not allow", async () => {
  const kept = await ReadingStore.open(await temporaryFolder());
  onTestFinished(() => kept.close());
  const quotas = new Quotas(kept, () => day_ms);
  const free = new FreeBytes({ bytesPerDay: 100, bytesPerAddress: 60 }, quotas, () => day_ms);
  expect(await free.take("a", 50)).toBe(true);
  expect(await free.take("b", 55)).toBe(false);
  expect(await free.take("b", 50)).toBe(true);
});

it("does not give the same room to requests at once", async () => {
  const kept = await ReadingStore.open(await temporaryFolder());
  onTestFinished(() => kept.close());
  const quotas = new Quotas(kept, () => day_ms);
  const free = new FreeBytes({ bytesPerDay: 1_000, bytesPerAddress: 30 }, quotas, () => day_ms);
  const taken = await Promise.all(Array.from({ length: 8 }, () => free.take("a", 10)));
  expect(taken.filter(Boolean)).toHaveLength(3);
});
