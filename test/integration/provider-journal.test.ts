/** The journal of a provider's daemon after real challenges, and the outcomes computed from it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { readJournal } from "../../provider/journal.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { openStore } from "../../provider/ingest.ts";
import { outcomesOf } from "../../cli/provider/challenge-outcomes.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import {
  damage,
  group,
  providerScene,
  startKeeper,
  type Keeper,
  type Scene,
} from "../support/provider-scene.ts";

const sizes = [300_000, 1_000_000];
const slot = 20;
let scene: Scene;
let keepers: Keeper[];
let running: RunningProvider;
let remove: () => Promise<void>;

beforeAll(async () => {
  const shared = await sharedFolder();
  remove = shared.remove;
  keepers = await Promise.all([1, 2, 3].map(startKeeper));
  scene = await providerScene(shared.folder, keepers.slice(0, 2), sizes);
  scene.chain.state.head = 10 + slot * 5 + 1;
  running = await scene.start();
});
afterAll(async () => {
  await running.stop();
  for (const { calling } of keepers) await calling.libp2p.stop();
  await scene.chain.close();
  await remove();
});

const ask = (keeper: Keeper, request: ChallengeRequest) =>
  providerClient(keeper.calling).challenge(running, request, { timeout_ms: 10_000 });

describe("a provider's daemon", () => {
  it("records whole answers, refusals and lost leaves with their reasons, and no requests of other peers", async () => {
    const [first, second, stranger] = keepers as [Keeper, Keeper, Keeper];
    expect(await ask(first, scene.request(first, slot))).toMatchObject({ ok: true });
    expect(await ask(first, scene.request(first, slot))).toMatchObject({ ok: true });
    const forged = { ...scene.request(second, slot), seed: seededBytes(48, 9) };
    expect(await ask(second, forged)).toMatchObject({ ok: false, reason: "refused" });
    expect(await ask(stranger, scene.request(stranger, slot))).toMatchObject({ ok: false });

    // The second piece is damaged, so the next slot's challenge is proven in part.
    const store = await openStore(scene.config);
    const piece = scene.list.pieces.at(1);
    await damage(join(store.pieceDir(piece?.root ?? new Uint8Array()), "data"), 0, sizes[1] ?? 0);
    scene.chain.state.head += 5;
    const next = slot + 1;
    // The daemon reads the head at most every 100 ms.
    await expect
      .poll(async () => (await ask(first, scene.request(first, next))).ok, { timeout: 5_000 })
      .toBe(true);

    const records = new Map();
    const scope = {
      group,
      from: slot,
      to: next,
      answer: 2,
      keepers: [first.operator, second.operator],
      committed: () => scene.list.totalBytes,
      records,
    };
    await expect
      .poll(async () => (await readJournal(scene.config.dataDir)).totals, { timeout: 5_000 })
      .toMatchObject({ answered: 2, whole: 1, repeated: 1 });
    const { entries, totals } = await readJournal(scene.config.dataDir);
    const bytesCommitted = scene.list.totalBytes;
    const outcomes = outcomesOf(entries, scope);
    const whole = {
      slot,
      keeper: first.operator,
      result: "whole",
      bytesProven: bytesCommitted,
      bytesCommitted,
    };
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
    // R11: one sixteenth for each proven leaf, rounded down; the totals agree.
    const part = outcomes[2] as (typeof outcomes)[number];
    const leaves = BigInt(/^\d+/.exec(part.reason)?.[0] ?? 16);
    expect(part.bytesProven).toBe((bytesCommitted * leaves) / 16n);
    expect(totals).toMatchObject({
      bytesProven: String(bytesCommitted + part.bytesProven),
      bytesCommitted: String(2n * bytesCommitted),
    });
    expect(entries.map((entry) => (entry.kind === "refused" ? entry.keeper : ""))).not.toContain(
      stranger.operator,
    );
  });

  it("reads files of an earlier release that have no sums of bytes", async () => {
    const { folder, remove: forget } = await sharedFolder();
    const challenge = {
      kind: "answered",
      time_ms: 1,
      group,
      keeper: group,
      slot: 1,
      askedAt: 1,
      answeredAt: 1,
    };
    const totals = {
      kind: "totals",
      answered: 9,
      whole: 8,
      repeated: 0,
      refused: 1,
      served: 0,
      servedBytes: 0,
    };
    const lines = [
      totals,
      { ...challenge, proven: 16, bytesProven: "160", lost: [] },
      { ...challenge, proven: 4, bytesProven: "40", bytesCommitted: "160", lost: [] },
    ];
    await writeFile(join(folder, "journal.jsonl"), lines.map((line) => `\n${JSON.stringify(line)}`).join(""));
    const { kind: _, ...sums } = totals;
    const bytes = { bytesProven: "40", bytesCommitted: "160" };
    expect((await readJournal(folder)).totals).toEqual({ ...sums, answered: 11, whole: 9, ...bytes });
    await forget();
  });
});
