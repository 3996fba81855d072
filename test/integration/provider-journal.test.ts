/** The journal of a provider's daemon after real challenges, and the outcomes computed from it. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { join } from "node:path";
import { readJournal } from "../../provider/journal.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { openStore } from "../../provider/ingest.ts";
import { outcomesOf } from "../../cli/provider/challenge-outcomes.ts";
import { damage } from "../support/damage.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { lower } from "../support/provider-chain.ts";
import { ask, provenBy, providerScene } from "../support/provider-scene.ts";
import type { Keeper, Scene, Stored } from "../support/provider-scene.ts";

const sizes = [300_000, 1_000_000];
let scene: Scene;
let running: RunningProvider;
let remove: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  remove = shared.remove;
  scene = await providerScene(shared.folder, [sizes, [5_000]]);
  running = await scene.start();
  await scene.nextSlot();
  await scene.nextSlot();
});
afterAll(async () => {
  await running.stop();
  await scene.close();
  await remove();
});

it("records, for each group, whole answers, refusals and lost leaves with their reasons, and no requests of other peers", async () => {
  const [first, second] = scene.keepers as [Keeper, Keeper];
  const [stranger] = (await scene.chain.keepers(4, 1)) as [Keeper];
  const [damaged, other] = scene.stored as [Stored, Stored];
  const slot = await scene.nextSlot();
  const request = await scene.request(first, slot);
  expect(await provenBy(scene, running, first, request)).toBe("16 16");
  expect(await provenBy(scene, running, first, request)).toBe("16 16");
  const forged = { ...(await scene.request(second, slot)), seed: seededBytes(48, 9) };
  expect(await ask(running, second, forged)).toBe("wrong-seed");
  expect(await ask(running, stranger, await scene.request(stranger, slot))).toBe("not-a-member");

  // Nearly all of the first group's data is damaged, so the next slot's challenge is proven in part or not at all.
  const store = await openStore(scene.config);
  const piece = damaged.list.pieces.at(1);
  await damage(join(store.pieceDir(piece?.root ?? new Uint8Array()), "data"), 0, sizes[1] ?? 0);
  const next = await scene.nextSlot();
  expect(await provenBy(scene, running, first, await scene.request(first, next))).toMatch(/^\d+ 16$/);

  await expect
    .poll(async () => (await readJournal(scene.config.dataDir)).totals, { timeout: 5_000 })
    .toMatchObject({ answered: 4, whole: 3, repeated: 2, refused: 2 });
  const { entries, totals } = await readJournal(scene.config.dataDir);
  const outcomesIn = (stored: Stored) =>
    outcomesOf(entries, {
      committee: lower(scene.committee.address),
      group: stored.group.address,
      from: slot,
      to: next,
      answer: 2,
      keepers: [first.operator, second.operator],
      committed: () => stored.list.totalBytes,
      records: new Map(),
    });
  const bytesCommitted = damaged.list.totalBytes;
  const whole = {
    slot,
    keeper: first.operator,
    result: "whole",
    bytesProven: bytesCommitted,
    bytesCommitted,
  };
  const outcomes = outcomesIn(damaged);
  expect(outcomes).toEqual([
    { ...whole, reason: "" },
    {
      slot,
      keeper: second.operator,
      result: "failed",
      bytesProven: 0n,
      bytesCommitted,
      reason: "refused, wrong-seed: the seed is not the keeper's signature over this challenge",
    },
    {
      slot: next,
      keeper: first.operator,
      result: "partial",
      bytesProven: expect.any(BigInt),
      bytesCommitted,
      reason: expect.stringMatching(/^\d+ of 16 leaves proven: piece 1 leaf \d+ left out: /),
    },
    expect.objectContaining({
      slot: next,
      keeper: second.operator,
      result: "notAsked",
      reason: expect.stringMatching(/^not asked: /),
    }),
  ]);
  expect(outcomesIn(other).map(({ result }) => result)).toEqual(["whole", "failed", "whole", "notAsked"]);
  // R11: one sixteenth for each proven leaf, rounded down; the totals agree.
  const part = outcomes[2] as (typeof outcomes)[number];
  const leaves = BigInt(/^\d+/.exec(part.reason)?.[0] ?? 16);
  expect(part.bytesProven).toBe((bytesCommitted * leaves) / 16n);
  const both = 2n * other.list.totalBytes;
  expect(totals).toMatchObject({
    bytesProven: String(bytesCommitted + part.bytesProven + both),
    bytesCommitted: String(2n * bytesCommitted + both),
  });
  expect(entries.map((entry) => (entry.kind === "refused" ? entry.keeper : ""))).not.toContain(
    stranger.operator,
  );
});
