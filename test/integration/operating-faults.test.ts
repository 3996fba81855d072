/**
 * Failures of commands, one row each: the process prints the cause and the remedy, and ends with the documented exit code
 * (docs/commands.md, "Exit codes"). The chain is a real one. A full disk is a small tmpfs in a mount
 * namespace of its own; where the system refuses that, the same row writes to /dev/full instead.
 */
import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readySchema } from "../../daemon/http/schemas.ts";
import {
  accessibilityFaults,
  launchChromium,
  looks,
  openPage,
  pageSays,
  textOf,
} from "../browser/chromium.ts";
import type { Look } from "../browser/chromium.ts";
import { firing } from "../support/alerts.ts";
import { runCli, startCli } from "../support/cli.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";
import { operatingWorld, type OperatingWorld } from "../support/operating-world.ts";
import { startOnSmallDisk } from "../support/small-disk.ts";
import { diskFillsUp } from "./nearly-full-disk.ts";
import { full, rows, toFullDevice } from "./operating-rows.ts";

const patience_ms = 30_000;

let world: OperatingWorld;
beforeAll(async () => {
  world = await operatingWorld();
});
afterAll(() => world.close());

describe("a failure is explained, with the documented exit code", () => {
  it.concurrent.each(rows.map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const { code, stdout, stderr } = await row.run(world);
    expect(code, stderr).toBe(row.code);
    expect(stdout).toMatch(row.shows ?? /^$/);
    for (const text of row.says) expect(stderr).toMatch(text);
    // Neither a stack nor the words of a library.
    const libraries =
      /this error is unexpected|^ +at |could not decode|missing revert data|code=|ENOSPC:|Invalid input/m;
    expect(`${stdout}${stderr}`).not.toMatch(libraries);
    const lines = stderr.trim().split("\n").length;
    expect(lines).toBe(row.oneLine === true ? 1 : lines);
  });
});

describe("a running keeper", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  it("reports a nearly full disk in metrics, alert, log, status and on its page", async () => {
    // The disk is measured every five seconds, and later on a busy machine.
    expect(await diskFillsUp(world, browser)).toBeLessThan(5 + 8);
  });

  it("exits 1 with a remedy when its disk is full", async () => {
    const { scene, disks } = world;
    const folder = join(scene.folder, "filling");
    const words = ["keeper", "run", "--config", world.keeper, "--data-dir", folder];
    // A member of the committee has something to note in every block.
    const [member] = scene.keepers;
    const of = (name: string): string => join(member?.folder ?? "", name);
    words.push("--keys", of("keys"), "--password-file", of("password"), "--poll-ms", "20");
    const fill = `until [ -s "$DISK/keeper.json" ]; do sleep 0.1; done; cat /dev/zero > "$DISK/filler" || echo filled >&2`;
    const running = disks ? await startOnSmallDisk(words, { folder, kib: 4096, beside: fill }) : undefined;
    await running?.said("filled");
    const ended = running?.ended ?? toFullDevice(words);
    const mining = setInterval(() => void scene.provider.send("evm_mine", []), 50);
    const { code, stderr } = await ended;
    clearInterval(mining);
    expect(code, stderr).toBe(1);
    for (const text of full) expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/this error is unexpected/);
  });

  it("reports that its registry and its factory are not on the chain, continues, and stops cleanly", async () => {
    const folder = join(world.scene.folder, "anew");
    const { factory, registry } = world.scene;
    const words = ["--data-dir", folder, "--rpc", world.fresh];
    const running = startCli(["keeper", "run", "--config", world.keeper, ...words]);
    await running.said(`no contract at ${factory.toLowerCase()}`);
    await running.said(`no contract at ${registry.toLowerCase()}`);
    running.child.kill("SIGHUP");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("could not decode");
  });

  it("reports that its chain was restarted from genesis without its contracts, and later that they are back", async () => {
    const { scene, keeper } = world;
    const front = await RpcFront.open(scene.rpc);
    const words = ["--data-dir", join(scene.folder, "beneath"), "--rpc", front.url("it")];
    const running = startCli(["keeper", "run", "--config", keeper, ...words, "--api-port", "0"]);
    let stdout = "";
    running.child.stdout?.on("data", (text: string) => (stdout += text));
    await running.said('"event":"ready"');
    const { api } = JSON.parse(stdout) as { api: string };
    const factory = scene.factory.toLowerCase();
    const missing = `${factory} cannot be read from the chain: no contract at ${factory}`;
    const ready = async () => readySchema.parse(await (await fetch(`${api}/readyz`)).json()).problems.join();
    const figures = async () => (await fetch(`${api}/metrics`)).text();
    await expect.poll(ready, { timeout: patience_ms }).toBe("");
    expect(firing("WhitepayContractUnreadable", await figures())).toEqual([]);
    const watched = await openPage(browser, api, looks[2] as Look);
    const { page } = watched;
    expect(await textOf(page, "#problems")).not.toContain(missing);
    const begun_ms = performance.now();
    front.leadTo(world.fresh);
    await expect.poll(ready, { timeout: patience_ms }).toContain(missing);
    const after_s = (performance.now() - begun_ms) / 1000;
    await pageSays(page, "#problems .banner", missing);
    const shown_s = (performance.now() - begun_ms) / 1000;
    process.stdout.write(
      `chain started anew: seen by a keeper after ${after_s.toFixed(1)} s, on its page after ${shown_s.toFixed(1)} s\n`,
    );
    expect(await accessibilityFaults(page)).toEqual([]);
    // The registry and the factory.
    expect(firing("WhitepayContractUnreadable", await figures())).toHaveLength(2);
    const status = await runCli(["keeper", "status", "--config", keeper, ...words]);
    expect(status.stdout).toMatch(/^keeper {4}up, but cannot work, /);
    expect(status.stdout).toContain(`  problem ${missing}`);
    front.leadTo(scene.rpc);
    await scene.provider.send("evm_mine", []);
    await expect.poll(ready, { timeout: patience_ms }).not.toContain(missing);
    expect(firing("WhitepayContractUnreadable", await figures())).toEqual([]);
    await expect.poll(() => textOf(page, "#problems"), { timeout: patience_ms }).not.toContain(missing);
    expect(watched.troubles).toEqual([]);
    await watched.close();
    running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('"reason":"group-unreadable"');
    await front.close();
  });

  it("stops cleanly on a signal during its start", async () => {
    const folder = join(world.scene.folder, "early");
    const words = ["--data-dir", folder];
    const running = startCli(["keeper", "run", "--config", world.keeper, ...words]);
    const isOpen = (): Promise<boolean> =>
      stat(join(folder, "store", "LOCK")).then(
        () => true,
        () => false,
      );
    while (!(await isOpen())) await sleep(5);
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(0);
  });
});

describe("a running provider", () => {
  it("reports in its log and in /readyz that its chain was restarted from genesis, and later that the group is back", async () => {
    const { scene, group, provider: config } = world;
    const front = await RpcFront.open(scene.rpc);
    const words = ["--groups", group, "--data-dir", join(scene.folder, "anew-provider")];
    words.push("--rpc", front.url("it"), "--listen", "/ip4/127.0.0.1/tcp/0");
    const running = startCli(["provider", "run", "--config", config, ...words]);
    let stdout = "";
    running.child.stdout?.on("data", (text: string) => (stdout += text));
    await running.said('"event":"ready"');
    const { api: url } = JSON.parse(stdout) as { api: string };
    const ready = async () => readySchema.parse(await (await fetch(`${url}/readyz`)).json()).problems.join();
    const missing = `group ${group.toLowerCase()} cannot be read from the chain: no contract at ${group.toLowerCase()}`;
    expect(await ready()).not.toContain(missing);
    const begun_ms = performance.now();
    front.leadTo(world.fresh);
    await expect.poll(ready, { timeout: patience_ms }).toContain(missing);
    const after_s = (performance.now() - begun_ms) / 1000;
    process.stdout.write(`chain restarted from genesis: seen by a provider after ${after_s.toFixed(1)} s\n`);
    const status = await runCli(["provider", "status", "--config", config, ...words]);
    expect(status.code).toBe(2);
    expect(status.stderr).toContain("a restarted local chain has none of its earlier contracts");
    front.leadTo(scene.rpc);
    await expect.poll(ready, { timeout: patience_ms }).not.toContain(missing);
    running.child.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('"reason":"group-unreadable"');
    expect(stderr).toContain(`group ${group.toLowerCase()} can be read from the chain again`);
    await front.close();
  });

  it("stops cleanly when its terminal is closed", async () => {
    const running = startCli(["provider", "run", "--config", world.provider]);
    await running.said('"event":"ready"');
    running.child.kill("SIGHUP");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('"msg":"stopping"');
  });
});

/** Another process may hold the port already: then it is taken all the same. */
function hold(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((done) => {
    server.once("error", () => done(server));
    server.listen({ port, host: "0.0.0.0" }, () => done(server));
  });
}

describe("a new configuration", () => {
  it("names free ports if the default ports are in use", async () => {
    const held = await Promise.all([4001, 9464].map(hold));
    const { folder, rpc, registry, factory } = world.scene;
    const of = ["--chain-id", "31337", "--rpc", rpc, "--registry", registry, "--factories", factory];
    const password = ["--kdf", "light", "--password-file", join(folder, "password")];
    const result = await runCli([
      "keeper",
      "init",
      "--dir",
      join(folder, "new"),
      ...of,
      ...password,
      "--json",
    ]);
    for (const server of held) server.close();
    expect(result.code, result.stderr).toBe(0);
    const { listen, api } = JSON.parse(result.stdout) as { listen: string[]; api: { port: number } };
    expect(listen).toEqual([expect.stringMatching(/^\/ip4\/0\.0\.0\.0\/tcp\/4\d{3}$/)]);
    expect(listen).not.toContain("/ip4/0.0.0.0/tcp/4001");
    expect(api.port).toBeGreaterThan(9464);
  });
});
