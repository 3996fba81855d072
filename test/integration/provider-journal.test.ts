/** What a provider's daemon writes down of real challenges, and the reasons that follow from it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { join } from "node:path";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import type { ChallengeRequest } from "../../keeper/codec/challenge.ts";
import { readJournal } from "../../provider-sim/journal.ts";
import { openStore } from "../../provider-sim/main.ts";
import type { RunningProvider } from "../../provider-sim/main.ts";
import { outcomesOf } from "../../scripts/lib/provider-report.ts";
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
  it("notes whole answers, refusals and lost leaves, each with its reason, and nothing of strangers", async () => {
    const [first, second, stranger] = keepers as [Keeper, Keeper, Keeper];
    expect(await ask(first, scene.request(first, slot))).toMatchObject({ ok: true });
    expect(await ask(first, scene.request(first, slot))).toMatchObject({ ok: true });
    const forged = { ...scene.request(second, slot), seed: seededBytes(48, 9) };
    expect(await ask(second, forged)).toMatchObject({ ok: false, reason: "refused" });
    expect(await ask(stranger, scene.request(stranger, slot))).toMatchObject({ ok: false });

    // All but the first piece's bytes turn bad, and the next slot's challenge is proven in part.
    const store = await openStore(scene.config);
    const piece = scene.list.pieces[1];
    await damage(join(store.pieceDir(piece?.root ?? new Uint8Array()), "data"), 0, sizes[1] ?? 0);
    scene.chain.state.head += 5;
    const next = slot + 1;
    // The daemon takes a head of the last 100 ms for new.
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
      records,
    };
    await expect
      .poll(async () => (await readJournal(scene.config.dataDir)).totals, { timeout: 5_000 })
      .toMatchObject({ answered: 2, whole: 1, repeated: 1 });
    const { entries } = await readJournal(scene.config.dataDir);
    expect(outcomesOf(entries, scope)).toEqual([
      { slot, keeper: first.operator, ok: true, reason: "" },
      {
        slot,
        keeper: second.operator,
        ok: false,
        reason: "refused, wrong-seed: the seed is not the keeper's signature over this challenge",
      },
      {
        slot: next,
        keeper: first.operator,
        ok: false,
        reason: expect.stringMatching(/^\d+ of 16 leaves proven: piece 1 leaf \d+ left out: /),
      },
      { slot: next, keeper: second.operator, ok: false, reason: expect.stringMatching(/^not asked: /) },
    ]);
    expect(entries.map((entry) => (entry.kind === "refused" ? entry.keeper : ""))).not.toContain(
      stranger.operator,
    );
  });
});
