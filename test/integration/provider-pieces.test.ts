/** `provider remove --unused` deletes pieces that neither a list nor the chain needs. */
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createGroup } from "../../scripts/fleet/setup.ts";
import { runCli } from "../support/cli.ts";
import { sceneParams } from "../support/keeper-scene.ts";
import { payerScene, storingProvider, type PayerScene } from "../support/payer-scene.ts";

let scene: PayerScene;
beforeAll(async () => {
  scene = await payerScene({ keepers: 4 });
});
afterAll(() => scene.close());

type Lists = { lists: { pieces: { root: string }[] }[] };

it("deletes pieces in no list, and keeps pieces that the chain still pays for", async () => {
  const provider = await storingProvider(scene, "one", 21_011);
  const operators = scene.keepers.map(({ operator }) => operator);
  const group = await createGroup(scene.deployment, scene.payer, sceneParams, operators);
  const consent = join(scene.folder, "one.consent");
  await provider.consent(group, consent);
  await scene.json(["group", "add-provider", consent, "--group", group, "--yes"]);
  const command = async (...words: string[]): Promise<unknown> => {
    const of = ["--config", provider.config, "--groups", group];
    const { code, stdout, stderr } = await runCli(["provider", ...words, "--json", ...of]);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  };
  const rootsOf = async (): Promise<string[]> =>
    ((await command("list")) as Lists).lists.flatMap(({ pieces }) => pieces.map(({ root }) => root));
  const isStored = (root: string): Promise<boolean> =>
    stat(join(provider.dataDir, "store", "pieces", root.slice(2), "data")).then(
      () => true,
      () => false,
    );
  const committed = await rootsOf();
  const extra = join(scene.folder, "extra");
  await writeFile(extra, "in no group");
  await command("ingest", extra);
  const roots = await rootsOf();
  const [first = ""] = committed;
  const last = roots.at(-1) ?? "";
  expect(await command("remove", "--unused")).toEqual({ deleted: [], bytes: 0 });
  await command("remove", first, last);
  expect(await rootsOf()).toEqual(committed.slice(1));
  expect(await command("remove", "--unused")).toEqual({ deleted: [last], bytes: "in no group".length });
  expect([await isStored(first), await isStored(last)]).toEqual([true, false]);
});
