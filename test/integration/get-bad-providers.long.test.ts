/** What `get` survives: a provider that sends wrong bytes, one that stalls near the end, and one that dies in the middle; each is a process. */
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openStoring, type Command, type Ran, type Storing } from "../support/storing.ts";
import { operatorOf, setFault, sourceOf, storing } from "../support/storing-steps.ts";

type Got = { items: { path: string; providers: string[] }[] };

const minutes = 60_000;
const bytes = 200_000_000;
const name = "film.bin";
let scene: Storing;
let source: Buffer;

beforeAll(async () => {
  scene = await openStoring({ providers: 2, providerCommand: "provider-sim" });
  const path = sourceOf(scene, name, bytes);
  source = await readFile(path);
  await scene.json(...storing(path, 2).filter((word) => word !== "--json"));
}, 10 * minutes);
afterAll(() => scene?.close(), minutes);

/** The part of the file that is on the disk; it has holes until it is complete. */
async function partOf(out: string): Promise<number> {
  const folder = join(out, ".whitepay-part");
  const names = await readdir(folder).catch((): string[] => []);
  const sizes = names.map((one) =>
    stat(join(folder, one)).then(
      ({ size, blocks }) => (size === bytes ? (512 * blocks) / bytes : 0),
      () => 0,
    ),
  );
  return Math.max(0, ...(await Promise.all(sizes)));
}

/** Waits for this part of the file. @throws if the command ends before */
async function untilPart(command: Command, out: string, part: number): Promise<number> {
  const over = new AbortController();
  void command.ended.then(() => over.abort());
  while (!over.signal.aborted) {
    const now = await partOf(out);
    if (now >= part) return now;
    await sleep(2);
  }
  throw new Error(`it ended before ${part} of the file: ${command.stderr()}`);
}

async function folderFor(label: string): Promise<string> {
  const out = join(scene.folder, label);
  await mkdir(out);
  return out;
}

async function expectRight({ code, stdout, stderr }: Ran): Promise<readonly string[]> {
  expect(code, stderr).toBe(0);
  const [item] = (JSON.parse(stdout) as Got).items;
  expect((await readFile(item?.path ?? "")).equals(source)).toBe(true);
  return item?.providers ?? [];
}

const named = (index: number, why: string): RegExp =>
  new RegExp(`^provider ${operatorOf(scene, index)}: .*${why}.*; ${name} was read from other copies$`, "m");

it(
  "a provider that sends wrong bytes is named, and none of its bytes are in the file",
  { timeout: 5 * minutes },
  async () => {
    await setFault(scene, 0, "corrupt");
    const out = await folderFor("wrong");
    const ran = await scene.run("get", name, "--out", out, "--json");
    expect(await expectRight(ran)).toEqual([operatorOf(scene, 1)]);
    expect(ran.stderr).toMatch(named(0, "bytes that do not match the piece's root"));
    expect(ran.stderr).not.toContain(`provider ${operatorOf(scene, 1)}:`);
    await setFault(scene, 0, "none");
    const both = await scene.run("get", name, "--out", await folderFor("both"), "--json");
    expect((await expectRight(both)).toSorted()).toEqual([0, 1].map((i) => operatorOf(scene, i)).toSorted());
    expect(both.stderr).not.toContain("was read from other copies");
  },
);

it(
  "a provider that stalls at nine tenths does not keep the file from being whole, and is named",
  { timeout: 5 * minutes },
  async () => {
    const pid = scene.community.providers.daemons[0]?.pid as number;
    const out = await folderFor("stalled");
    const command = scene.start("get", name, "--out", out, "--json");
    try {
      expect(await untilPart(command, out, 0.85)).toBeLessThan(1);
      process.kill(pid, "SIGSTOP");
      const ran = await command.ended;
      await expectRight(ran);
      expect(ran.stderr).toMatch(named(0, String.raw`slow or stalled: no answer for \d+\.\d s`));
      expect(ran.stderr).not.toContain(`provider ${operatorOf(scene, 1)}:`);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  },
);

it(
  "a provider that dies in the middle is named, and the other one gives the rest",
  { timeout: 5 * minutes },
  async () => {
    const out = await folderFor("dead");
    const command = scene.start("get", name, "--out", out, "--json");
    expect(await untilPart(command, out, 0.3)).toBeLessThan(0.9);
    await scene.community.providers.kill(0);
    const ran = await command.ended;
    expect(await expectRight(ran)).toContain(operatorOf(scene, 1));
    expect(ran.stderr).toMatch(named(0, ""));
    // The next run begins without it.
    const again = await scene.run("get", name, "--out", await folderFor("without"), "--json");
    expect(await expectRight(again)).toEqual([operatorOf(scene, 1)]);
  },
);
