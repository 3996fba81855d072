/** The tarball of the command line and the daemons, installed into an empty folder: what it holds, and that each part runs there. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalText } from "../../archive/canonical.ts";
import { isTooOld, oldestNode } from "../../cli/console/node-version.ts";
import { partNames } from "../../cli/deploy/system.ts";
import { readRunFile } from "../../keeper/run-file.ts";
import { fundOperators, makeKeeper, registerKeeper } from "../../scripts/fleet/setup.ts";
import { commandPackage } from "../../scripts/release/packages.ts";
import { packageOf } from "../../scripts/release/reach.ts";
import { importsOf } from "../../scripts/typescript-source.ts";
import { fileNamed, manifestOf } from "../support/archive/manifests.ts";
import { runCli, startCli, type CliResult } from "../support/cli.ts";
import { seededBytes } from "../support/files.ts";
import { openKeeperScene, parsed, payee, type KeeperScene } from "../support/keeper-scene.ts";
import { install, otherNodes, ownNode, rootManifest, run, type Installed } from "./install.ts";

let scene: KeeperScene;
let installed: Installed;

/** The installed command, started outside this repository. */
function whitepay(...args: string[]): Promise<CliResult> {
  return runCli(args, { script: join(installed.folder, "cli/bin.js"), cwd: installed.project });
}

beforeAll(async () => {
  scene = await openKeeperScene();
  installed = await install("command", scene.folder);
});
afterAll(() => scene?.stop());

describe("the tarball of whitepay", () => {
  it("holds no TypeScript, no test, and an executable command", async () => {
    const { files, folder } = installed;
    expect(files.filter((file) => file.endsWith(".ts"))).toEqual([]);
    expect(files.filter((file) => /^(?:test|scripts|contracts)\//.test(file))).toEqual([]);
    expect((await stat(join(folder, "cli/bin.js"))).mode & 0o111).toBe(0o111);
    expect(installed.manifest.engines).toEqual({ node: `>=${oldestNode}` });
  });

  it("depends on what its files import, in the versions of this repository", async () => {
    const { files, folder, manifest } = installed;
    const imported = new Set(Object.keys(commandPackage.loadedByName));
    const pages = /^(?:keeper\/dashboard|sim\/trace\/page)\//;
    for (const file of files.filter((each) => each.endsWith(".js") && !pages.test(each))) {
      for (const { from } of importsOf(await readFile(join(folder, file), "utf8"))) {
        if (from !== undefined && !/^(?:\.|node:)/.test(from)) imported.add(packageOf(from));
      }
    }
    const declared = Object.entries(manifest.dependencies);
    expect(declared.map(([name]) => name).sort()).toEqual([...imported].sort());
    expect(declared.filter(([name, version]) => rootManifest.dependencies[name] !== version)).toEqual([]);
    for (const name of ["hardhat", "solc", "vitest", "typescript"]) expect(imported).not.toContain(name);
  });

  it("locks every package below its dependencies with a hash", async () => {
    const text = await readFile(join(installed.folder, "npm-shrinkwrap.json"), "utf8");
    const { packages } = JSON.parse(text) as { packages: Record<string, { integrity?: string }> };
    const places = Object.keys(packages).filter((place) => place !== "");
    for (const name of Object.keys(installed.manifest.dependencies))
      expect(places).toContain(`node_modules/${name}`);
    expect(places.filter((place) => !packages[place]?.integrity?.startsWith("sha512-"))).toEqual([]);
    expect(places.filter((place) => /\/(?:hardhat|solc|vitest|typescript)$/.test(place))).toEqual([]);
  });

  it("holds every file that its modules find beside them", async () => {
    const { files, folder } = installed;
    const missing: string[] = [];
    let found = 0;
    for (const file of files.filter((each) => each.endsWith(".js"))) {
      const text = await readFile(join(folder, file), "utf8");
      for (const [, path = ""] of text.matchAll(/new URL\(["`]([^"`$]*)[^"`]*["`], import\.meta\.url\)/g)) {
        found++;
        const target = new URL(path, `file:///${file}`).pathname.slice(1);
        if (!files.some((each) => each.startsWith(target))) missing.push(`${file}: ${path}`);
      }
    }
    expect(found).toBeGreaterThan(5);
    expect(missing).toEqual([]);
  });
});

describe("the installed command", () => {
  it("prints the version of its package", async () => {
    expect(await whitepay("--version")).toEqual({
      code: 0,
      stdout: `${installed.manifest.version}\n`,
      stderr: "",
    });
  });

  // Runs on the first Node of the PATH that is too old, and on the repository's own where there is none.
  const old = otherNodes().find(({ version }) => isTooOld(version)) ?? ownNode;
  it(`${isTooOld(old.version) ? "refuses" : "accepts"} Node ${old.version}`, async () => {
    const command = run(old.path, [join(installed.folder, "cli/bin.js"), "--version"]);
    const { code, said } = await command.then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      (error: { code: number; stderr: string }) => ({ code: error.code, said: error.stderr }),
    );
    const expected = isTooOld(old.version)
      ? { code: 1, words: `expected at least ${oldestNode}, actual ${old.version}` }
      : { code: 0, words: installed.manifest.version };
    expect(code).toBe(expected.code);
    expect(said).toContain(expected.words);
  });

  it("holds the contracts that a deployment puts on a chain, as this repository compiles them", async () => {
    const [key, password] = [join(scene.folder, "deployer.json"), join(scene.folder, "password")];
    const made = await whitepay("group", "key", "--out", key, "--password-file", password, "--kdf", "light");
    expect(made.code, made.stderr).toBe(0);
    const { address } = JSON.parse(await readFile(key, "utf8")) as { address: string };
    await fundOperators(scene.provider, [`0x${address.replace("0x", "")}`]);
    const words = ["--rpc", scene.rpc, "--key", key, "--password-file", password, "--dry-run", "--json"];
    const [installedOne, own] = await Promise.all([
      whitepay("deploy", ...words),
      runCli(["deploy", ...words]),
    ]);
    expect(installedOne.code, installedOne.stderr).toBe(0);
    const { deployer, complete, missing } = parsed(installedOne) as Record<string, unknown>;
    expect(complete).toBe(false);
    // Beside the parts: fund, proxy, deployer.
    expect(missing).toHaveLength(3 + partNames.length);
    expect(parsed(own)).toMatchObject({ deployer });
  });

  it("writes the page of an archive with the same files as this repository", async () => {
    const manifest = join(scene.folder, "archive.json");
    await writeFile(manifest, canonicalText({ manifest: manifestOf([fileNamed("a")]), signatures: [] }));
    const contracts = ["--rpc", scene.rpc, "--factory", scene.factory, "--lens", scene.lens];
    const pageBy = async (run: typeof whitepay, name: string): Promise<string[]> => {
      const out = join(scene.folder, name);
      const done = await run("archive", "page", "--manifest", manifest, "--out", out, ...contracts);
      expect(done.code, done.stderr).toBe(0);
      const entries = await readdir(out, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(out, join(entry.parentPath, entry.name)))
        .sort();
    };
    const built = await pageBy(whitepay, "page");
    expect(built).toEqual(await pageBy((...args) => runCli(args), "own-page"));
    expect(built).toEqual(expect.arrayContaining(["archive/page/worker.js", "index.html", "settings.json"]));
    expect(built.filter((file) => file.endsWith(".ts"))).toEqual([]);
  });

  it("explains turns", async () => {
    const words = [
      "--ts",
      "100",
      "--interval",
      "40",
      "--turn",
      "30",
      "--committee-seed",
      `0x${"11".repeat(32)}`,
    ];
    const operators = [1, 2, 3, 4].map((i) => `0x${String(i).repeat(40)}`);
    const { code, stdout, stderr } = await whitepay(
      "inspect",
      "turns",
      ...words,
      "--operators",
      operators.join(),
      "--json",
    );
    expect(code, stderr).toBe(0);
    const { turns } = JSON.parse(stdout) as { turns: unknown[] };
    expect(turns).toHaveLength(4);
  });

  it("plays a scenario of its own, and random ones in threads", async () => {
    const scenario = join(installed.folder, "sim/scenarios/all-is-well.yaml");
    const played = await whitepay("sim", "run", scenario, "--json");
    expect(played.code, played.stderr).toBe(0);
    expect(JSON.parse(played.stdout)).toMatchObject({ violations: [] });
    const drawn = await whitepay("sim", "fuzz", "--seeds", "2", "--cores", "2", "--json");
    expect(drawn.code, drawn.stderr).toBe(0);
    const { commit, runs } = JSON.parse(drawn.stdout) as { commit: string; runs: number };
    expect(runs).toBe(2);
    // The commit that was built, not that of a git folder around the install.
    expect(installed.manifest.gitHead?.startsWith(commit)).toBe(true);
  });

  it("hashes a file of several chunks in threads", async () => {
    const file = join(installed.project, "piece");
    await writeFile(file, seededBytes(5_000_000, 1));
    const built = await whitepay("inspect", "piece", file, "--json");
    expect(built.code, built.stderr).toBe(0);
    expect(JSON.parse(built.stdout)).toEqual(
      JSON.parse((await runCli(["inspect", "piece", file, "--json"])).stdout),
    );
  });
});

describe("the installed keeper", () => {
  it("registers, passes its own check, runs, and serves its dashboard", async () => {
    const { provider, folder, ports, operator, deployment, config } = scene;
    const others = await Promise.all([1, 2, 3].map((i) => makeKeeper(folder, i, ports[i] as number)));
    await fundOperators(provider, [operator, ...others.map((other) => other.operator)]);
    for (const other of others) await registerKeeper(provider, deployment.registry, other);
    const words = ["--config", config];
    const registered = await whitepay("keeper", "register", ...words, "--payee", payee, "--yes");
    expect(registered.code, registered.stderr).toBe(0);
    const committee = await scene.invited(others);
    const accepted = await whitepay("committee", "join", committee, ...words, "--yes");
    expect(accepted.code, accepted.stderr).toBe(0);
    await scene.group(committee);
    const check = await whitepay("keeper", "check", ...words, "--json");
    expect(check.code, check.stdout).toBe(0);
    expect(parsed(check)).toMatchObject({ ok: true });
    const script = join(installed.folder, "cli/bin.js");
    const running = startCli(["keeper", "run", ...words], { script, cwd: installed.project });
    try {
      await running.said('"event":"ready"');
      const { api = "" } = (await readRunFile(join(folder, "mine", "data"))) ?? {};
      await expectDashboard(api);
    } finally {
      running.child.kill("SIGTERM");
    }
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("ExperimentalWarning");
  });
});

/** The page and each module that it imports, in the end, are served as what they are. */
async function expectDashboard(api: string): Promise<void> {
  const page = await (await fetch(`${api}/`)).text();
  const queue = [...page.matchAll(/<script [^>]*src="([^"]+)"/g)].map(([, path = ""]) => path);
  const served = new Set<string>();
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (served.has(path)) continue;
    served.add(path);
    const response = await fetch(`${api}${path}`);
    expect([path, response.status, response.headers.get("content-type")]).toEqual([
      path,
      200,
      "text/javascript; charset=utf-8",
    ]);
    for (const { from = "" } of importsOf(await response.text()))
      queue.push(new URL(from, `${api}${path}`).pathname);
  }
  expect(served.size).toBeGreaterThan(5);
}
