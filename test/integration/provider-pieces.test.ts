/** How long a provider keeps pieces and lists: until the last slot under them is settled (R10). */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { providerClient } from "../../keeper/adapters/libp2p/provider.ts";
import { toHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { runCli } from "../support/cli.ts";
import { sharedFolder } from "../support/files.ts";
import { lower } from "../support/provider-chain.ts";
import { providerScene, store } from "../support/provider-scene.ts";
import type { Keeper, Scene, Stored } from "../support/provider-scene.ts";

let scene: Scene;
let folder: string;
let removeFolder: () => Promise<void>;

beforeAll(async () => {
  ({ folder, remove: removeFolder } = await sharedFolder());
  scene = await providerScene(folder, [[300_000]]);
});

afterAll(async () => {
  await scene.close();
  await removeFolder();
});

async function command(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runCli([
    "provider",
    ...words,
    "--json",
    "--config",
    scene.configPath,
  ]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}

const rootOf = ({ list }: Stored): Hex => toHex(list.pieces.at(0)!.root);
const isStored = (root: Hex): Promise<boolean> =>
  stat(join(scene.config.dataDir, "store", "pieces", root.slice(2), "data")).then(
    () => true,
    () => false,
  );

it("keeps the pieces of a replaced list until the interval in which it ended is settled; pieces in no list go at once", async () => {
  const [first] = scene.stored as [Stored];
  // A change for the same slot would replace the first list before it is in force.
  await scene.chain.mineTo(await first.group.changesAt(0));
  const second = await store(folder, scene, first.group, [200_000], 5, 0);
  const extra = join(folder, "extra");
  await writeFile(extra, "in no group");
  const { pieces } = (await command("ingest", extra)) as { pieces: { root: Hex }[] };
  const loose = pieces[0]!.root;
  await command("remove", loose);
  expect(await command("remove", "--unused")).toEqual({ deleted: [loose], bytes: "in no group".length });
  expect(await isStored(rootOf(first))).toBe(true);

  const running = await scene.start();
  try {
    const query = {
      chainId: scene.chain.chainId,
      committee: lower(scene.committee.address),
      group: first.group.address,
      provider: 0,
      listRoot: toHex(first.list.root),
      bytes: first.list.totalBytes,
    };
    const { calling } = scene.keepers[0] as Keeper;
    const got = await providerClient(calling).pieceList(running, query, { timeout_ms: 10_000 });
    expect(got.ok && toHex(got.list.root)).toBe(query.listRoot);
  } finally {
    await running.stop();
  }

  await scene.chain.certify(scene.committee, [first.group]);
  expect(await command("remove", "--unused")).toEqual({ deleted: [rootOf(first)], bytes: 300_000 });
  expect(await isStored(rootOf(second))).toBe(true);
});
