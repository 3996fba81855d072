/** Volumes of a running provider: added, drained, gone and back without a restart, and files stored where they lie. */
import { appendFile, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firing, samplesOf } from "../support/alerts.ts";
import { runCli, startCli } from "../support/cli.ts";
import type { CliProcess, CliResult } from "../support/cli.ts";
import { seededBytes, sharedFolder } from "../support/files.ts";
import { provenBy, providerScene } from "../support/provider-scene.ts";
import type { Scene } from "../support/provider-scene.ts";

const patience = { timeout: 60_000, interval: 250 };
const sizes = [300_000, 1_000_000, 700];

type Ready = { readonly peerId: string; readonly addrs: readonly string[]; readonly api: string };

let scene: Scene;
let folder: string;
let remove: () => Promise<void>;
let running: CliProcess;
let ready: Ready;

const path = (name: string): string => join(folder, name);
const cli = (...words: string[]): Promise<CliResult> =>
  runCli(["provider", ...words, "--config", scene.configPath]);
const figures = async (): Promise<string> => (await fetch(`${ready.api}/metrics`)).text();
const usable = async (volume: string): Promise<number | undefined> =>
  samplesOf(await figures(), "whitepay_provider_volume_usable").get(`volume="${volume}"`);

/** Leaves proven by a challenge in a new slot, of 16. */
async function proven(): Promise<string> {
  const request = await scene.request(scene.keepers[0]!, await scene.nextSlot());
  return provenBy(scene, { ...ready, stop: async () => undefined }, scene.keepers[0]!, request);
}

async function statusLines(): Promise<string[]> {
  const { code, stdout, stderr } = await cli("status");
  expect(code, stderr).toBe(0);
  return stdout.split("\n").filter((line) => /^(volume|scrub) /.test(line));
}

beforeAll(async () => {
  ({ folder, remove } = await sharedFolder());
  scene = await providerScene(folder, [sizes]);
  for (const name of ["a", "b"]) await mkdir(path(name));
  running = startCli(["provider", "run", "--config", scene.configPath]);
  let stdout = "";
  running.child.stdout?.on("data", (text: string) => (stdout += text));
  await running.said('"event":"ready"');
  ready = JSON.parse(stdout) as Ready;
  await scene.nextSlot();
  await scene.nextSlot();
}, 60_000);

afterAll(async () => {
  running.child.kill("SIGTERM");
  await running.ended;
  await scene.close();
  await remove();
});

describe("the volumes of a running provider", () => {
  it("are added by its file, drained by a command, and reported when they are gone and back", async () => {
    const home = join(scene.config.dataDir, "store");
    expect(await proven()).toBe("16");
    await expect.poll(() => usable(home), patience).toBe(1);
    await appendFile(scene.configPath, `volumes: [{ path: ${path("a")} }]\n`);
    await expect.poll(() => usable(path("a")), patience).toBe(1);

    const drained = await cli("drain", home);
    expect(drained.code, drained.stderr).toBe(0);
    expect(drained.stdout).toBe(`drained   ${home}: 3 pieces, 1.2 MiB moved\n`);
    expect([(await readdir(join(path("a"), "pieces"))).length, await readdir(join(home, "pieces"))]).toEqual([
      3,
      [],
    ]);
    expect(await proven()).toBe("16");
    expect((await statusLines())[0]).toMatch(
      new RegExp(`^volume +${path("a")}: 3 pieces, 1\\.3 MiB; [\\d.]+ .iB free$`),
    );

    await rename(path("a"), path("away"));
    await mkdir(path("a"));
    await expect.poll(() => usable(path("a")), patience).toBe(0);
    expect(firing("WhitepayProviderVolumeGone", await figures())).toEqual([`volume="${path("a")}"`]);
    await running.said('"reason":"volume-gone"');
    await running.said(
      "its mark is missing: another disk or none is mounted there; its pieces cannot be proven",
    );
    expect(await proven()).toBe("0");
    expect((await statusLines())[0]).toMatch(/^volume +\S+a: GONE: its mark is missing/);
    const refused = await cli("ingest", join(folder, "files", "0-0"));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /no volume takes new pieces: .*a is gone \(its mark is missing.*; .*store is draining/,
    );
    expect(await readdir(path("a"))).toEqual([]);

    await rm(path("a"), { recursive: true });
    await rename(path("away"), path("a"));
    await expect.poll(() => usable(path("a")), patience).toBe(1);
    expect(await proven()).toBe("16");
  }, 180_000);

  it("keep files where they lie, and name the one that changed", async () => {
    await mkdir(path("films"));
    for (const [i, name] of ["one", "two"].entries()) {
      await writeFile(join(path("films"), name), seededBytes(400_000, i + 1));
    }
    await writeFile(join(path("films"), "nothing"), "");
    const added = await cli("ingest", "--in-place", path("films"));
    expect(added.code, added.stderr).toBe(0);
    expect(added.stdout).toMatch(/without a group: 2 pieces, 781\.3 KiB/);
    expect(added.stdout).toContain(`  skipped ${join(path("films"), "nothing")}: empty`);
    const changed = join(path("films"), "two");
    await writeFile(changed, seededBytes(400_000, 3));
    await running.said(`${changed}: changed since it was hashed`);
    await running.said("4 of 4 parts are damaged");
    expect((await cli("status")).stdout).toMatch(/^ {2}damaged +\S+two: changed since it was hashed/m);
    const again = await cli("ingest", "--in-place", path("films"));
    expect(again.stdout).toMatch(/ {2}changed \S+two: piece 0x[0-9a-f]{64} can no longer be proven/);
    expect(again.stdout).toMatch(/without a group: 3 pieces/);
  }, 120_000);
});

describe("whitepay provider drain", () => {
  it("exits 2 for a folder that is no volume, and 1 if a piece stays, with what to do", async () => {
    const none = await cli("drain", path("b"));
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toContain(`${path("b")} is no volume`);
    expect(none.stderr).toContain(path("a"));
    const full = await cli("drain", path("a"));
    expect(full).toMatchObject({ code: 1, stdout: "" });
    expect(full.stderr).toMatch(/no volume takes new pieces: .*a is draining; .*store is draining/);
    expect((await statusLines())[0]).toMatch(/draining: takes no new pieces$/);
    const back = await cli("drain", path("a"), "--cancel");
    expect(back.stdout).toBe(`volume    ${path("a")} takes new pieces again\n`);
    expect((await statusLines())[0]).toMatch(/ free$/);
  }, 60_000);
});
