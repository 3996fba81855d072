/** R12: the store of answers already given. */
import { Level } from "level";
import { describe, expect, it, onTestFinished } from "vitest";
import { toHex } from "../../../protocol/hash.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { receiptBytes } from "../../../protocol/codec/receipt.ts";
import { openAnswers } from "../../../provider/answers-level.ts";
import type { AnswerKey, StoredAnswer } from "../../../provider/ports.ts";
import { seededBytes, temporaryFolder } from "../../support/files.ts";

const committee: Hex = `0x${"A1".repeat(20)}`;
const group: Hex = `0x${"a2".repeat(20)}`;
const keeper: Hex = `0x${"b1".repeat(20)}`;
const another: Hex = `0x${"02".repeat(20)}`;

describe("stored answers", () => {
  const key = (slot: number, changes: Partial<AnswerKey> = {}): AnswerKey => {
    return { committee, group, slot, provider: 3, keeper, ...changes };
  };
  const answer = (number: number): StoredAnswer => ({
    blockHash: toHex(seededBytes(32, number)),
    seed: seededBytes(48, number),
    receipt: seededBytes(receiptBytes, number),
    proof: seededBytes(3_000, number),
  });

  it("remain after a restart, each under its own key, and those of old slots are deleted", async () => {
    const folder = await temporaryFolder();
    const first = await openAnswers(folder);
    await first.put([1, 2, 10, 300].map((slot) => ({ key: key(slot), answer: answer(slot) })));
    await first.put([{ key: key(10, { keeper: another }), answer: answer(11) }]);
    await first.put([{ key: key(10, { group: another }), answer: answer(12) }]);
    await first.put([{ key: key(1, { committee: another }), answer: answer(13) }]);
    await first.close();
    const again = await openAnswers(folder);
    onTestFinished(() => again.close());
    const all = [
      key(10),
      key(10, { keeper: another }),
      key(11),
      key(10, { group: another }),
      key(1, { committee: another }),
      key(10, { provider: 4 }),
    ];
    const expected = [answer(10), answer(11), undefined, answer(12), answer(13), undefined];
    const plain = (one: StoredAnswer | undefined) =>
      one && [one.blockHash, ...[one.seed, one.receipt, one.proof].map((bytes) => toHex(bytes))];
    expect((await again.get(all)).map(plain)).toEqual(expected.map(plain));
    const isThere = async (keys: AnswerKey[]) => (await again.get(keys)).map((one) => one !== undefined);
    await again.prune(committee, -5);
    expect(await isThere([key(1)])).toEqual([true]);
    await again.prune(committee, 10);
    expect(await isThere([1, 2, 10, 300].map((slot) => key(slot)))).toEqual([false, false, true, true]);
    expect(await isThere([key(1, { committee: another })])).toEqual([true]);
  });

  it("that are damaged count as missing", async () => {
    const folder = await temporaryFolder();
    const answers = await openAnswers(folder);
    await answers.put([{ key: key(1), answer: answer(1) }]);
    await answers.close();
    const db = new Level<string, Uint8Array>(folder, { valueEncoding: "view" });
    const [name] = await db.keys().all();
    await db.put(name!, seededBytes(50, 1));
    await db.close();
    const again = await openAnswers(folder);
    onTestFinished(() => again.close());
    expect(await again.get([key(1)])).toEqual([undefined]);
  });
});
