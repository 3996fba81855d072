/** `whitepay committee …`, `providers` and `keepers` as their users run them, on a real chain. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommitteeReader } from "../../client/committee-view.ts";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import { asJson, keeperConfig, payerScene, type PayerScene } from "../support/payer-scene.ts";

let scene: PayerScene;
let file: string;
beforeAll(async () => {
  scene = await payerScene({ keepers: 5 });
  file = join(scene.folder, "committee.yaml");
  await write();
});
afterAll(() => scene.close());

const operators = (): string[] => scene.keepers.slice(0, 4).map(({ operator }) => operator);

async function write(change: object = {}): Promise<void> {
  const terms = { token: scene.token, leastKeeperFee: "1000", mostProviders: 16 };
  await writeFile(file, stringify({ preset: "devnet", ...terms, keepers: operators(), ...change }));
}

/** A command of keeper `index`. */
async function keeper(index: number, ...args: string[]): Promise<CliResult> {
  const config = await keeperConfig(scene, scene.keepers[index] as (typeof scene.keepers)[number]);
  return runCli(["committee", ...args, "--config", config]);
}

describe("a committee", () => {
  it("is drafted, signed by one keeper, made by its convener, joined by the others, and changed", async () => {
    const draft: { committee: string } = await scene.json([
      "committee",
      "create",
      file,
      "--draft",
      "--convener",
      scene.payer.address,
    ]);
    const draftFile = join(scene.folder, "draft.json");
    await writeFile(draftFile, asJson(draft));
    const signed = await keeper(0, "join", "--draft", draftFile);
    expect(signed.code, signed.stderr).toBe(0);
    await writeFile(join(scene.folder, "consent.json"), signed.stdout);
    await write({ consents: ["consent.json"] });

    const dry = await scene.run(["committee", "create", file, "--dry-run"]);
    expect(dry.stderr).toContain("3 keepers must consent later");
    expect(await scene.provider.getCode(draft.committee)).toBe("0x");
    const made = await scene.json(["committee", "create", file, "--yes"]);
    expect(made).toMatchObject({ committee: draft.committee, transactions: [{ sent: true }] });

    const waiting = await scene.run(["committee", "list"]);
    expect(waiting.stdout).toMatch(/4 \(3 to consent\).*not formed/);
    for (const index of [1, 2, 3]) {
      const joined = await keeper(index, "join", draft.committee, "--yes", "--json");
      expect(joined.code, joined.stderr).toBe(0);
      expect(JSON.parse(joined.stdout)).toMatchObject({ version: 1, transactions: [{ method: "consent" }] });
    }
    const [old, next] = [operators()[3] as string, scene.keepers[4]?.operator as string];
    const proposed = await keeper(0, "propose", draft.committee, old, next, "--yes", "--json");
    expect(JSON.parse(proposed.stdout), proposed.stderr).toMatchObject({ version: 2 });
    const accepted = await keeper(4, "accept", draft.committee, "--version", "2", "--yes", "--json");
    expect(JSON.parse(accepted.stdout), accepted.stderr).toMatchObject({ version: 2 });
    expect((await new CommitteeReader(scene.provider, draft.committee).version(2)).consented).toEqual([3]);

    const shown = await scene.run(["committee", "show", draft.committee]);
    expect(shown.code, shown.stderr).toBe(0);
    expect(shown.stdout).toMatch(/^state {6}formed in block \d+, nothing certified yet$/m);
    expect(shown.stdout).toMatch(/^proposal {3}version 2 by 0x\w+, 1 consent: /m);
    for (const operator of operators()) expect(shown.stdout).toContain(operator);
    const { interval, turn } = devnetRhythm;
    expect(await scene.json(["committee", "terms", draft.committee])).toMatchObject({
      leastKeeperFee: "1000",
      mostProviders: 16,
      freeProviders: 16,
      leastLockup: interval + 2 * turn,
      open: true,
    });
  });

  // R39: a signature of a draft binds the keeper as its transaction does.
  it.each([true, false])(
    "is not signed as a draft if its terms are outside of the keeper's policy; open to any group: %s",
    async (open) => {
      await write({ open });
      const convener = ["--convener", scene.payer.address];
      const draft: object = await scene.json(["committee", "create", file, "--draft", ...convener]);
      expect(draft).toMatchObject({ terms: { open, mostProviders: 16 } });
      const draftFile = join(scene.folder, `draft-${open}.json`);
      await writeFile(draftFile, asJson(draft));
      const sign = (...words: string[]): Promise<CliResult> =>
        keeper(0, "join", "--draft", draftFile, "--policy-most-providers", "15", ...words);
      const refused = await sign();
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toMatch(
        /expected: at most 15 providers .*\n +actual: +16 providers\n +hint: .*--any-terms/,
      );
      const signed = await sign("--any-terms");
      expect(signed.code, signed.stderr).toBe(0);
      expect(JSON.parse(signed.stdout)).toMatchObject({ operator: operators()[0] });
    },
  );

  it.each([
    [{ keepers: [] }, "expected 3f+1 keepers"],
    [{ leastKeeperFee: "0" }, "expected above 0 in a committee that is open to any group (R38)"],
    [{ preset: undefined, blocks: { interval: 40 } }, "missing: turn, slot, answer, confirmations"],
    [{ owner: "me" }, "owner"],
  ])("of a file with %j is refused", async (change, reason) => {
    await write(change);
    const refused = await scene.run(["committee", "create", file, "--yes"]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(reason);
  });
});

describe("the lists", () => {
  it("of keepers and providers show who is registered, and nothing that they have not done", async () => {
    const { keepers } = await scene.json(["keepers"]);
    expect(keepers).toHaveLength(5);
    expect(keepers[0]).toMatchObject({ turnsLed: 0, turnsFailed: 0, certificates: 0, signed: 0 });
    const text = await scene.run(["keepers", "--by", "registered"]);
    expect(text.stdout.split("\n")[1]).toMatch(
      new RegExp(`^${keepers[0].operator} .* –  –  never$`.replaceAll("  ", " +")),
    );
    expect(await scene.json(["providers"])).toMatchObject({ providers: [] });
    expect((await scene.run(["providers"])).stdout).toBe("no provider\n");
  });
});
