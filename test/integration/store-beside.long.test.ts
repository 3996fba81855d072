/** Several commands of a payer at once, several machines of a payer, and `store --watch` as a service; each is a process of its own. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GroupView } from "../../client/group-view.ts";
import { makePayer } from "../../scripts/devnet/payer.ts";
import { stateFolderOf } from "../support/store-kills.ts";
import { openStoring, type Ran, type Storing } from "../support/storing.ts";
import { expectReadable, sourceOf, storing } from "../support/storing-steps.ts";

type Stored = {
  group: string;
  deposit: string;
  items: { name: string; copies: { provider: string }[] }[];
};
type Listed = { items: { name: string; copies: number }[] };

const minutes = 60_000;
let scene: Storing;
beforeAll(async () => (scene = await openStoring({ providers: 5 })), 300_000);
afterAll(() => scene?.close(), 60_000);

/** In the group is what the command deposited, and nothing is in a group without data. */
async function expectPaid({ stdout }: Ran): Promise<void> {
  const { group, deposit } = JSON.parse(stdout) as Stored;
  const { provider, lens } = scene.community.base;
  const view = new GroupView(provider, { address: group, lens });
  const [{ escrow }, accounts] = await Promise.all([view.page(), view.providers()]);
  expect(String(escrow.deposited)).toBe(deposit);
  expect(accounts.every(({ data }) => Number(data.at(-1)?.bytes) > 0)).toBe(true);
}

it(
  "two payers store at once; of two commands of one payer the second says that the first is under way",
  { timeout: 8 * minutes },
  async () => {
    const other = await makePayer(join(scene.folder, "payer"), scene.community.base);
    const [one, two, three] = await Promise.all([
      scene.start(...storing(sourceOf(scene, "one.bin"), 2)).ended,
      scene.start(...storing(sourceOf(scene, "two.bin"), 2)).ended,
      scene.start(...storing(sourceOf(scene, "three.bin"), 2), "--config", other).ended,
    ]);
    expect(three.code, three.stderr).toBe(0);
    await expectPaid(three);
    const [done, refused] = one.code === 0 ? [one, two] : [two, one];
    expect(done.code, done.stderr).toBe(0);
    await expectPaid(done);
    expect(refused.code, refused.stderr).toBe(6);
    expect(refused.stderr).toMatch(/another command of this payer (is under way|has just begun)/);
    const name = refused === one ? "one.bin" : "two.bin";
    await scene.json<Stored>(...storing(join(scene.folder, name), 2).slice(0, -1));
    const { items } = await scene.json<Listed>("list");
    expect(items).toMatchObject([
      { name: "one.bin", copies: 2 },
      { name: "two.bin", copies: 2 },
    ]);
    for (const item of ["one.bin", "two.bin"]) await expectReadable(scene, item);
    await expectReadable(scene, "three.bin", { words: ["--config", other] });
  },
);

it(
  "two machines of one payer lose nothing of each other: what would undo the other's work is refused",
  { timeout: 8 * minutes },
  async () => {
    const machine = join(scene.folder, "machine");
    mkdirSync(machine);
    cpSync(scene.payerConfig, join(machine, "payer.yaml"));
    const config = ["--config", join(machine, "payer.yaml")];
    const [four, five] = [sourceOf(scene, "four.bin"), sourceOf(scene, "five.bin")];
    const ended = await Promise.all([
      scene.start(...storing(four, 2)).ended,
      scene.start(...storing(five, 2), ...config).ended,
    ]);
    for (const [index, { code, stderr }] of ended.entries()) {
      if (code === 0) continue;
      // Planned on what the other one changed, or its transaction lost the race: nothing of it is on the chain.
      const lostTheRace = code === 3 && stderr.includes("another transaction of this account was sent first");
      expect(lostTheRace || code === 4 || code === 6, `exit code ${code}: ${stderr}`).toBe(true);
      const again = index === 0 ? storing(four, 2) : [...storing(five, 2), ...config];
      const repeated = await scene.run(...again, "--discard");
      expect(repeated.code, repeated.stderr).toBe(0);
    }
    const { items } = await scene.json<Listed>("list");
    expect(items.map(({ name, copies }) => [name, copies])).toEqual(
      ["five.bin", "four.bin", "one.bin", "two.bin"].map((name) => [name, 2]),
    );
    for (const { name } of items) await expectReadable(scene, name);
  },
);

it(
  "a first store that was interrupted is refused when another machine has stored first, and repeated on top of it",
  { timeout: 8 * minutes },
  async () => {
    const [here, there] = ["here", "there"].map((name) => join(scene.folder, name)) as [string, string];
    for (const machine of [here, there]) mkdirSync(machine);
    const config = await makePayer(here, scene.community.base);
    const other = join(there, "payer.yaml");
    cpSync(config, other);
    const words = [...storing(sourceOf(scene, "seven.bin"), 2), "--config", config];
    const first = scene.start(...words);
    const state = join(here, "payer", "payer.store", "state.json");
    // The plan found a group without data.
    while (!existsSync(state) || !readFileSync(state, "utf8").includes('"work"')) await sleep(5);
    first.kill("SIGKILL");
    await first.ended;
    const second = await scene.run(...storing(sourceOf(scene, "eight.bin"), 2), "--config", other);
    expect(second.code, second.stderr).toBe(0);
    await expectPaid(second);

    const refused = await scene.run(...words);
    expect(refused.code, refused.stderr).toBe(6);
    expect(refused.stderr).toMatch(
      /was changed by another command while this `whitepay store` was under way\n +expected: no data at provider 0x\w+\n/,
    );
    await expectPaid(second);
    const repeated = await scene.run(...words, "--discard");
    expect(repeated.code, repeated.stderr).toBe(0);
    for (const name of ["seven.bin", "eight.bin"]) {
      await expectReadable(scene, name, { words: ["--config", config] });
    }
  },
);

it("`store --watch` refuses to begin without a file that holds the password", async () => {
  const asking = join(scene.folder, "asking.yaml");
  writeFileSync(asking, readFileSync(scene.payerConfig, "utf8").replace(/^passwordFile:.*\n/m, ""));
  const refused = await scene.run(
    ...storing(sourceOf(scene, "none.bin", 10), 2),
    "--watch",
    "--config",
    asking,
  );
  expect(refused.code, refused.stderr).toBe(2);
  expect(refused.stderr).toMatch(/--watch cannot ask for the password/);
});

it(
  "`store --watch` repairs unattended when a provider dies, and ends cleanly with SIGTERM",
  { timeout: 10 * minutes },
  async () => {
    const { providers } = scene.community;
    const running = scene.start(...storing(sourceOf(scene, "six.bin"), 2), "--watch", "--every", "1");
    const end = new AbortController();
    void running.ended.then(() => end.abort());
    const until = async (text: RegExp): Promise<void> => {
      while (!text.test(running.stderr())) {
        if (end.signal.aborted) throw new Error(`it ended: ${running.stderr()}`);
        await sleep(50);
      }
    };
    await until(/looks at the copies every 1 s/);
    const { items } = JSON.parse(running.stdout()) as Stored;
    const lost = items[0]?.copies[0]?.provider as string;
    await providers.kill(providers.operators.indexOf(lost));
    await until(new RegExp(`six\\.bin: moved from ${lost} to 0x`));
    // Reading needs no lock: it works beside the service.
    await expectReadable(scene, "six.bin");
    running.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(existsSync(join(stateFolderOf(scene), "lock"))).toBe(false);
    const after = await scene.json<Listed>("list");
    expect(after.items.map(({ copies }) => copies)).toEqual(after.items.map(() => 2));
    expect(await scene.json("repair", "--yes")).toEqual({ repaired: [], unrepairable: [] });
  },
);
