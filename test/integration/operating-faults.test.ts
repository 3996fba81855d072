/**
 * What goes wrong around the command line, one row each: a process that says in words what was wrong and what to do, and ends
 * with the documented exit code (docs/operating.md, "Exit codes"). The chain is a real one. A full disk is a small tmpfs in a mount
 * namespace of its own; where the system refuses that, the same row writes to /dev/full instead.
 */
import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, startCli } from "../support/cli.ts";
import { operatingWorld, type OperatingWorld } from "../support/operating-world.ts";
import { startOnSmallDisk } from "../support/small-disk.ts";
import { full, rows, toFullDevice } from "./operating-rows.ts";

let world: OperatingWorld;
beforeAll(async () => {
  world = await operatingWorld();
});
afterAll(() => world.close());

describe("what goes wrong is said in words, with the documented exit code", () => {
  it.concurrent.each(rows.map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const { code, stdout, stderr } = await row.run(world);
    expect(code, stderr).toBe(row.code);
    expect(stdout).toMatch(row.shows ?? /^$/);
    for (const text of row.says) expect(stderr).toMatch(text);
    // Neither a stack nor the words of a library.
    const libraries =
      /unexpected fault|^ +at |could not decode|missing revert data|code=|ENOSPC:|Invalid input/m;
    expect(`${stdout}${stderr}`).not.toMatch(libraries);
    const lines = stderr.trim().split("\n").length;
    expect(lines).toBe(row.oneLine === true ? 1 : lines);
  });
});

describe("a keeper that runs", () => {
  it("ends with exit 1 when its disk is full, and says what to do", async () => {
    const { scene, disks, group } = world;
    const folder = join(scene.folder, "filling");
    const words = ["keeper", "run", "--config", world.keeper, "--groups", group, "--data-dir", folder];
    words.push("--poll-ms", "20");
    const fill = `until [ -s "$DISK/keeper.json" ]; do sleep 0.1; done; cat /dev/zero > "$DISK/filler" || echo filled >&2`;
    const running = disks ? await startOnSmallDisk(words, { folder, kib: 4096, beside: fill }) : undefined;
    await running?.said("filled");
    const ended = running?.ended ?? toFullDevice(words);
    // Every block is something to note.
    const mining = setInterval(() => void scene.provider.send("evm_mine", []), 50);
    const { code, stderr } = await ended;
    clearInterval(mining);
    expect(code, stderr).toBe(1);
    for (const text of full) expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/unexpected fault/);
  });

  it("says that its group and its registry are not on the chain, goes on, and stops in order", async () => {
    const folder = join(world.scene.folder, "anew");
    const words = ["--groups", world.group, "--data-dir", folder, "--rpc", world.fresh];
    const running = startCli(["keeper", "run", "--config", world.keeper, ...words]);
    await running.said(`no contract at ${world.group.toLowerCase()}`);
    running.child.kill("SIGHUP");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("could not decode");
  });

  it("stops in order on a signal that comes before it is up", async () => {
    const folder = join(world.scene.folder, "early");
    const words = ["--groups", world.group, "--data-dir", folder];
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

describe("a provider that runs", () => {
  it("stops in order when its terminal is closed", async () => {
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
  it("names ports that are free, where the usual ones are taken", async () => {
    const held = await Promise.all([4001, 9464].map(hold));
    const { folder, rpc, registry } = world.scene;
    const of = ["--chain-id", "31337", "--rpc", rpc, "--registry", registry];
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
