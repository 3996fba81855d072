/** A provider that is down, slow, lies or lost data, as a keeper sees it by its own check of proof and receipt (R11, R13). */
import { rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ChallengeRequest } from "../../protocol/codec/challenge.ts";
import { leafSeed } from "../../protocol/leaf-seed.ts";
import { writeFaults } from "../../provider-sim/fault-file.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { openStore } from "../../provider/ingest.ts";
import { sampleLeaves } from "../../storage/core/sampling.ts";
import { damage } from "../support/damage.ts";
import { sharedFolder } from "../support/files.ts";
import { ask, askFrom, provenBy, providerScene } from "../support/provider-scene.ts";
import type { Keeper, Scene, Stored } from "../support/provider-scene.ts";

let scene: Scene;
let running: RunningProvider;
let removeFolder: () => Promise<void>;
let slot: number;

beforeAll(async () => {
  const shared = await sharedFolder();
  removeFolder = shared.remove;
  scene = await providerScene(shared.folder, [[300_000, 1_000_000, 700], [40_000]]);
  running = await scene.start();
  await scene.nextSlot();
  await scene.nextSlot();
});

afterAll(async () => {
  await running.stop();
  await scene.close();
  await removeFolder();
});

beforeEach(async () => {
  slot = await scene.nextSlot();
});

const keeper = (): Keeper => scene.keepers[0] as Keeper;
const proven = (request: ChallengeRequest): Promise<string> => provenBy(scene, running, keeper(), request);
const first = (): Stored => scene.stored[0] as Stored;

describe("a keeper's record of a provider that fails", () => {
  it("is unreachable if nothing listens, and if another peer listens at the address", async () => {
    const request = await scene.request(keeper(), slot);
    const { calling } = scene.keepers[1] as Keeper;
    const nobody = { ...running, addrs: ["/ip4/127.0.0.1/tcp/1"] };
    expect(await askFrom(calling, nobody, request)).toBe("unreachable");
    const peerId = keeper().calling.libp2p.peerId.toString();
    const addrs = running.addrs.map((address) => address.replace(/\/p2p\/.*/, ""));
    expect(await askFrom(calling, { ...running, peerId, addrs }, request)).toBe("unreachable");
    expect(await askFrom(calling, { ...running, addrs: [] }, request)).toBe("unreachable");
  });

  it("is unreachable while it is offline, late while it is slow, and proven afterwards", async () => {
    const { dataDir } = scene.config;
    const request = await scene.request(keeper(), slot);
    await writeFaults(dataDir, [{ kind: "offline" }]);
    expect(await ask(running, keeper(), request)).toBe("unreachable");
    await writeFaults(dataDir, [{ kind: "slow", delay_ms: 1_500 }]);
    expect(await askFrom(keeper().calling, running, request, 300)).toBe("late");
    await writeFaults(dataDir, []);
    expect(await proven(request)).toBe("16 16");
  });

  it("is a bad proof for a corrupted or replayed answer, and proven after an honest retry", async () => {
    const { dataDir } = scene.config;
    const request = await scene.request(keeper(), slot);
    await writeFaults(dataDir, [{ kind: "corrupt" }]);
    expect(await proven(request)).toBe("bad-proof bad-proof");
    await writeFaults(dataDir, [{ kind: "replay" }]);
    expect(await proven(request)).toBe("bad-proof bad-proof");
    await writeFaults(dataDir, []);
    expect(await proven(request)).toBe("16 16");
  });
});

describe("a provider that lost data of one group", () => {
  const dataOf = async (piece: number): Promise<string> => {
    const store = await openStore(scene.config);
    return join(store.pieceDir(first().list.pieces.at(piece)!.root), "data");
  };
  const mend = async (): Promise<void> => {
    const store = await openStore(scene.config);
    for (const file of first().files) await store.ingest(file);
  };

  /** A request in a new slot whose sample of the first group has 1 to 15 lost draws. */
  async function partialRequest(
    isLost: (piece: number, leaf: number) => boolean,
  ): Promise<[ChallengeRequest, number]> {
    for (;;) {
      slot = await scene.nextSlot();
      const request = await scene.request(keeper(), slot);
      const { group, provider } = scene.targets[0]!;
      const draws = sampleLeaves(leafSeed(request.seed, group, provider), first().list);
      const lost = draws.filter(({ piece, leaf }) => isLost(piece, leaf)).length;
      if (lost > 0 && lost < 16) return [request, lost];
    }
  }

  it("proves the leaves that are left there and all of the other group, and all again after a repair", async () => {
    await damage(await dataOf(1), 0, 400 * 1024);
    const [request, lost] = await partialRequest((piece, leaf) => piece === 1 && leaf < 400);
    expect(await proven(request)).toBe(`${16 - lost} 16`);
    await mend();
    // R12: one answer a slot, so a repair changes only the next slot.
    expect(await proven(request)).toBe(`${16 - lost} 16`);
    slot = await scene.nextSlot();
    expect(await proven(await scene.request(keeper(), slot))).toBe("16 16");
  });

  it("loses only the 4 KiB around a flipped byte", async () => {
    await damage(await dataOf(1), 9 * 4096 + 77, 9 * 4096 + 78);
    const [request, lost] = await partialRequest((piece, leaf) => piece === 1 && Math.floor(leaf / 4) === 9);
    expect(await proven(request)).toBe(`${16 - lost} 16`);
    await mend();
  });

  it("proves the other pieces if one file is truncated or missing", async () => {
    await truncate(await dataOf(1), 500 * 1024);
    const [cut, lostCut] = await partialRequest(
      (piece, leaf) => piece === 1 && Math.floor(leaf / 4) * 4 + 4 > 500,
    );
    expect(await proven(cut)).toBe(`${16 - lostCut} 16`);
    await rm(await dataOf(1));
    const [gone, lostGone] = await partialRequest((piece) => piece === 1);
    expect(await proven(gone)).toBe(`${16 - lostGone} 16`);
    await mend();
    slot = await scene.nextSlot();
    expect(await proven(await scene.request(keeper(), slot))).toBe("16 16");
  });

  it("proves nothing of it, with a valid receipt over 0 bytes, if all its data is lost", async () => {
    for (const piece of [0, 1, 2]) await truncate(await dataOf(piece), 0);
    expect(await proven(await scene.request(keeper(), slot))).toBe("0 16");
    await mend();
  });
});
