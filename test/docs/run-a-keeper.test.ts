/** docs/run-a-keeper.md: every command runs as written, from the installation to the move to another machine. */
import { mkdir, realpath, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { settings } from "../../keeper/config.ts";
import { connectRpc } from "../../client/connect.ts";
import { committeeAbi } from "../../client/abi.ts";
import { groupEvents } from "../../client/watch.ts";
import { keeperBalances } from "../../client/withdrawals.ts";
import { bitIndices } from "../../protocol/bitmap.ts";
import { KeeperFleet, workAt } from "../../scripts/fleet/keepers.ts";
import { Pace, type Mining, type Paced } from "../../scripts/fleet/pace.ts";
import { Processes } from "../../scripts/fleet/processes.ts";
import { ProviderFleet } from "../../scripts/fleet/providers.ts";
import {
  createGroup,
  formCommittee,
  fundOperators,
  makeKeeper,
  registerKeeper,
  writeKeeperConfig,
  type Keeper,
} from "../../scripts/fleet/setup.ts";
import { deployAll, groupAt, type Deployment } from "../../scripts/contracts/artifacts.ts";
import { exitCodes } from "../../cli/console/exit.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { fits, openShell, stepsOf, withoutChance, type Shell, type Step } from "../support/documented.ts";
import { sharedFolder } from "../support/files.ts";
import { sceneParams } from "../support/keeper-scene.ts";

const page = await readFile(join(projectRoot, "docs/run-a-keeper.md"), "utf8");
const commandsPage = await readFile(join(projectRoot, "docs/commands.md"), "utf8");
const params = sceneParams;
const block_ms = 150;
const patience_ms = 30_000;
const payee = `0x${"77".repeat(20)}`;

class World {
  readonly failures: Error[] = [];
  readonly processes = new Processes((failure) => void this.failures.push(failure));
  readonly folder: string;
  readonly remove: () => Promise<void>;
  rpc = "";
  provider!: Awaited<ReturnType<typeof connectRpc>>;
  deployment!: Deployment;
  ports!: readonly number[];
  shell!: Shell;
  operator = "";
  committee = "";
  lens = "";
  factory = "";
  others: Keeper[] = [];
  mining: Mining | undefined;

  constructor(folder: string, remove: () => Promise<void>) {
    this.folder = folder;
    this.remove = remove;
  }

  async open(): Promise<void> {
    const { folder, processes } = this;
    const chain = processes.start({
      name: "the chain",
      args: [join(projectRoot, "scripts/fleet/chain-process.ts")],
      logFile: join(folder, "chain.log"),
      daemon: true,
    });
    ({ rpc: this.rpc } = (await chain.ready) as { rpc: string });
    this.provider = await connectRpc(this.rpc);
    this.provider.pollingInterval = 50;
    this.deployment = await deployAll(await this.provider.getSigner(0));
    this.ports = await freePorts(7);
    const { factory, lens, registry } = this.deployment;
    [this.factory, this.lens] = await Promise.all([factory.getAddress(), lens.getAddress()]);
    const ann = join(folder, "ann");
    await mkdir(ann);
    this.shell = openShell(ann, {
      RPC: this.rpc,
      REGISTRY: await registry.getAddress(),
      FACTORY: this.factory,
      LENS: this.lens,
      PAYEE: payee,
      WHITEPAY_API_PORT: String(this.ports[0]),
    });
  }

  /** Replaces the page's ports by free ones. Keys with full strength are tested elsewhere. */
  async type({ command }: Step): Promise<{ code: number; lines: string[] }> {
    const typed = command
      .replaceAll("4001", String(this.ports[1]))
      .replaceAll("4002", String(this.ports[2]))
      .replace("keeper init", "keeper init --kdf light");
    const { code, lines } = await this.shell.run(typed).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.state()}`, { cause: error });
    });
    const home = await realpath(join(this.folder, "ann"));
    const told = lines
      .filter(
        (line) => !line.startsWith("warning: --kdf light") && !line.includes("→ use keys of full strength"),
      )
      .map((line) =>
        line
          .replaceAll(home, "/home/ann")
          .replace("  (light kdf: devnets only)", "")
          .replace(/^warn(  keys .*); light: operator, bls, peer$/, "ok  $1"),
      );
    return { code, lines: told };
  }

  /** For a command that does not end: what the page's keeper reports, and the end of its log. */
  async state(): Promise<string> {
    const ready = await fetch(`http://127.0.0.1:${this.ports[0]}/readyz`).then(
      (answer) => answer.text(),
      (error: Error) => error.message,
    );
    const logs = ["keeper", "moved"].map((name) => join(this.folder, "ann", name, "keeper.log"));
    const ends = logs.map((file) => readFile(file, "utf8").then((text) => text.slice(-4_000)));
    const texts = await Promise.all(ends.map((end) => end.catch(() => "no log")));
    return [
      `head ${await this.provider.getBlockNumber()}`,
      ready,
      ...texts,
      ...this.failures.map(String),
    ].join("\n");
  }

  /** Does what the payer and the other keepers do after this step. */
  async after({ command }: Step, lines: readonly string[]): Promise<void> {
    if (command.includes("keys list")) {
      this.operator = /0x[0-9a-f]{40}/.exec(lines[0] ?? "")?.[0] ?? "";
      await fundOperators(this.provider, [this.operator]);
    }
    if (command.includes("register --payee") && command.includes("--yes")) await this.invite();
    if (command.includes("committee join") && command.includes("--yes")) await this.serveGroup();
  }

  /** A committee of this keeper, which has not consented yet, and of three others. */
  async invite(): Promise<void> {
    const { folder, provider, deployment, ports } = this;
    this.others = await Promise.all([0, 1, 2].map((i) => makeKeeper(folder, i, ports[3 + i] as number)));
    await fundOperators(
      provider,
      this.others.map(({ operator }) => operator),
    );
    for (const keeper of this.others) await registerKeeper(provider, deployment.registry, keeper);
    const convener = await provider.getSigner(0);
    this.committee = await formCommittee(deployment, convener, params, [
      { operator: this.operator },
      ...this.others,
    ]);
    await this.shell.run(`COMMITTEE=${this.committee}`);
  }

  /** The committee gets a group with a provider; all other daemons start. */
  async serveGroup(): Promise<void> {
    const { folder, processes, provider, deployment, ports, rpc, factory, lens, others, committee } = this;
    const registry = await deployment.registry.getAddress();
    const of = { rpc: [rpc], chainId: 31_337, registry, factory };
    const providers = await ProviderFleet.create({
      processes,
      folder,
      count: 1,
      ports: [ports[6] as number],
      rpc,
      chainId: 31_337,
      registry,
      lens,
    });
    await fundOperators(provider, providers.operators);
    await providers.register(provider, deployment.registry);
    const payer = await provider.getSigner(0);
    const group = await createGroup(deployment, payer, params, { committee, ceiling: 1 });
    await providers.ingest(group);
    await providers.consent(group, params.price);
    const seats = await Promise.all(
      others.map(async (keeper) => ({ keeper, configFile: await writeKeeperConfig(keeper, of) })),
    );
    const fleet = new KeeperFleet(processes, seats);
    await Promise.all([providers.start([group]), ...seats.map((_, index) => fleet.start(index))]);
    await provider.send("evm_setAutomine", [false]);
    this.mining = this.mineAtPaceOf(fleet);
    await providers.join(groupAt(group, payer));
  }

  /** A block waits for the page's keeper, too, while that runs. */
  mineAtPaceOf(fleet: KeeperFleet): Mining {
    const own = `http://127.0.0.1:${this.ports[0]}`;
    const keeper: Paced = {
      name: "the keeper of the page",
      started: Promise.resolve(),
      work: (signal) => workAt(own, signal),
    };
    const pace = new Pace({
      living: () => [keeper, ...fleet.living()],
      head: async () => Number(await this.provider.send("eth_blockNumber", [])),
      mine: () => this.provider.send("evm_mine", []),
      block_ms,
      patience_ms,
      onTrouble: (text) => void this.failures.push(new Error(text)),
    });
    return pace.begin((error) => void this.failures.push(error as Error));
  }

  /** Waits for a certificate after `block` that the page's keeper (index 0) signed. */
  async signedAfter(block: number): Promise<void> {
    const limit = performance.now() + 120_000;
    for (;;) {
      const range = { from: block + 1, to: await this.provider.getBlockNumber(), abi: committeeAbi };
      const events = await groupEvents(this.provider, this.committee, range);
      const certified = events.filter(({ name }) => name === "Certified");
      if (certified.some(({ args }) => bitIndices(args["signers"] as bigint).includes(0))) return;
      if (performance.now() > limit)
        throw new Error(`no certificate with its signature after block ${block}`);
      await sleep(block_ms);
    }
  }

  async paid(): Promise<void> {
    const { lens, committee, operator } = this;
    const limit = performance.now() + 120_000;
    while ((await keeperBalances(this.provider, { lens, committee, operator })).length === 0) {
      if (performance.now() > limit) throw new Error("the keeper earns nothing");
      await sleep(block_ms);
    }
  }

  async close(): Promise<void> {
    await this.mining?.stop();
    await this.shell.close();
    this.provider.destroy();
    await this.processes.stopAll();
    await this.remove();
  }
}

describe("docs/run-a-keeper.md", () => {
  let world: World;
  beforeAll(async () => {
    const { folder, remove } = await sharedFolder();
    world = new World(folder, remove);
    await world.open();
  });
  afterAll(() => world.close());

  it("lists commands that install a keeper, start it, stop it, and move it to another machine", async () => {
    const steps = stepsOf(page);
    expect(steps.length).toBeGreaterThan(20);
    let movedAt = 0;
    for (const step of steps) {
      if (step.command.includes("keeper withdraw")) await world.paid();
      const { code, lines } = await world.type(step);
      const told = `docs/run-a-keeper.md:${step.line}: $ ${step.command}\n${lines.join("\n")}`;
      expect(code, told).toBe(0);
      // Reports all differences at once, so that the page can be corrected in one edit.
      const shown = fits(step.output, lines) ? lines : step.output;
      expect.soft(lines.map(withoutChance), told).toEqual(shown.map(withoutChance));
      await world.after(step, lines);
      if (step.command.includes("history import")) movedAt = await world.provider.getBlockNumber();
    }
    // In its new place it signs again.
    await world.signedAfter(movedAt);
    expect(world.failures).toEqual([]);
  }, 600_000);
});

describe("the tables of docs/run-a-keeper.md and docs/commands.md", () => {
  const rows = (page: string, heading: string): string[][] => {
    const at = page.indexOf(`\n## ${heading}\n`);
    const table =
      page
        .slice(at)
        .split("\n\n")
        .find((part) => part.startsWith("| ")) ?? "";
    return table
      .split("\n")
      .slice(2)
      .map((row) => row.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));
  };

  it("list every exit code, every alert and every setting, and nothing else", async () => {
    const codes = Object.values(exitCodes).map(String);
    expect(rows(commandsPage, "Exit codes").map(([code]) => code)).toEqual(codes);
    const alerts = parse(await readFile(join(projectRoot, "deploy/prometheus-alerts.yaml"), "utf8")) as {
      groups: { rules: { alert: string }[] }[];
    };
    const names = alerts.groups.flatMap(({ rules }) => rules.map(({ alert }) => `\`${alert}\``));
    const ofProviders = (name = ""): boolean => name.startsWith("`WhitepayProvider");
    expect(rows(page, "Alerts").map(([name]) => name)).toEqual(names.filter((name) => !ofProviders(name)));
    const providerRows = rows(await readFile(join(projectRoot, "docs/provide-storage.md"), "utf8"), "Alerts");
    expect(new Set(providerRows.map(([name]) => name))).toEqual(new Set(names.filter(ofProviders)));
    expect(providerRows).toHaveLength(names.filter(ofProviders).length);
    expect(rows(page, "Settings")).toEqual(
      settings.map(({ key, flag, env, text }) => [`\`${key}\``, `\`--${flag}\``, `\`${env}\``, text]),
    );
  });
});
