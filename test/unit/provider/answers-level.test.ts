/** R12: the store of answers already given. */
import { Level } from "level";
import { describe, expect, it, onTestFinished } from "vitest";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { openAnswers } from "../../../provider/answers-level.ts";
import type { AnswerKey } from "../../../provider/ports.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const group: Hex = `0x${"A1".repeat(20)}`;
const another: Hex = `0x${"02".repeat(20)}`;

describe("stored answers", () => {
  const key = (slot: number, keeper: Hex = group): AnswerKey => ({ group, slot, provider: 3, keeper });
  const answer = (number: number) => ({
    blockHash: toHex(seededBytes(32, number)),
    seed: seededBytes(48, number),
    response: seededBytes(3_000, number),
  });

  it("remain after a restart, each under its own key, and those of old slots are deleted", async () => {
    const folder = await temporaryFolder();
    const first = await openAnswers(folder);
    for (const slot of [1, 2, 10, 300]) await first.put(key(slot), answer(slot));
    await first.put(key(10, another), answer(11));
    await first.close();
    const again = await openAnswers(folder);
    onTestFinished(() => again.close());
    const seedAt = async (at: AnswerKey) => toHex((await again.get(at))?.seed ?? new Uint8Array());
    expect(toHex((await again.get(key(10)))?.response ?? new Uint8Array())).toBe(toHex(answer(10).response));
    expect(await seedAt(key(10, another))).toBe(toHex(answer(11).seed));
    expect(await again.get(key(11))).toBeUndefined();
    expect(await again.get({ ...key(10), provider: 4 })).toBeUndefined();
    await again.prune(another, 1_000);
    await again.prune(group, -5);
    expect(await seedAt(key(1))).toBe(toHex(answer(1).seed));
    await again.prune(group, 10);
    const left = await Promise.all(
      [1, 2, 10, 300].map(async (slot) => (await again.get(key(slot))) !== undefined),
    );
    expect(left).toEqual([false, false, true, true]);
  });

  it("that are damaged count as missing", async () => {
    const folder = await temporaryFolder();
    const answers = await openAnswers(folder);
    await answers.put(key(1), answer(1));
    await answers.close();
    const db = new Level<string, Uint8Array>(folder, { valueEncoding: "view" });
    const [name] = await db.keys().all();
    await db.put(name!, seededBytes(50, 1));
    await db.close();
    const again = await openAnswers(folder);
    onTestFinished(() => again.close());
    expect(await again.get(key(1))).toBeUndefined();
  });
});
