/**
 * A fleet of real processes for tests of faults. The test alone mines blocks, each when the living keepers have handled the one
 * before, so timeouts in blocks mean the same on a fast machine and on a busy one.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Wallet } from "ethers";
import { LevelStore } from "../../../keeper/adapters/store-level.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { Restored } from "../../../keeper/ports/store.ts";
import { killPoints } from "../../../sim/byzantine/kill-points.ts";
import { buildFleet, type Fleet } from "../../../scripts/fleet/build.ts";
import { pacedKeeper } from "../../../scripts/fleet/keepers.ts";
import { Pace, type Paced } from "../../../scripts/fleet/pace.ts";
import { Processes, type Running } from "../../../scripts/fleet/processes.ts";
import { createGroup, fleetParams, multiaddr, newPayer } from "../../../scripts/fleet/setup.ts";
import type { FleetParams, Keeper } from "../../../scripts/fleet/setup.ts";
import { peerIdBytes } from "../../../daemon/keys/generate.ts";
import { projectRoot } from "../../../scripts/paths.ts";
import { freePorts } from "../../../daemon/free-port.ts";
import { Links } from "../../../scripts/fleet/links.ts";
import { certificatesOf, settlementsOf } from "./certificates.ts";
import type { Certified, Settled } from "./certificates.ts";
import { configFileIn, configure, planFileIn, traceFolder, writePlans } from "./keeper-files.ts";
import { leaders, updateEndpoint } from "./contract-calls.ts";
import { RpcFront } from "./rpc-front.ts";
import { SteppedChain } from "./stepped-chain.ts";

/** Least time between two blocks; no result depends on it. */
const block_ms = 150;
/** A keeper that has not handled a block after this time fails the test. */
const patience_ms = 30_000;

export type FaultFleetOptions = {
  readonly keepers: number;
  /** Every provider serves every group. */
  readonly providers: number;
  /** Groups of the committee, each with a payer of its own; by default two. */
  readonly groups?: number;
  /** Settings that the configuration of keeper `index` has beside the usual ones. */
  readonly configOf?: (index: number) => Promise<Record<string, unknown>>;
};

export class FaultFleet {
  readonly #processes: Processes;
  readonly #fleet: Fleet;
  readonly #controls = new Map<number, string>();
  readonly #steps: SteppedChain;
  readonly #pace: Pace;
  /** Processes that the test started beside the keepers. */
  readonly #others = new Set<Paced>();
  readonly folder: string;
  readonly params: FleetParams;
  readonly size: number;
  readonly links: Links;
  readonly front: RpcFront;
  /** Living keepers for which the chain does not wait, because they are shown another head. */
  readonly ignored = new Set<number>();
  readonly failures: Error[];
  #origin = 0;
  #seed = "";
  #operators: readonly string[] = [];

  private constructor(
    parts: Pick<FaultFleet, "folder" | "params" | "size" | "links" | "front" | "failures">,
    processes: Processes,
    fleet: Fleet,
  ) {
    this.folder = parts.folder;
    this.params = parts.params;
    this.size = parts.size;
    this.links = parts.links;
    this.front = parts.front;
    this.failures = parts.failures;
    this.#processes = processes;
    this.#fleet = fleet;
    this.#steps = new SteppedChain(fleet.provider);
    this.#pace = new Pace({
      living: () => [...fleet.keepers.living(this.ignored), ...this.#others],
      head: () => this.head(),
      mine: () => this.#steps.mine(),
      block_ms,
      patience_ms,
      onTrouble: (text) => {
        throw new Error(text);
      },
    });
  }

  static async start(options: FaultFleetOptions): Promise<FaultFleet> {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-process-"));
    const failures: Error[] = [];
    const processes = new Processes((failure) => void failures.push(failure));
    const parts: { links?: Links; front?: Promise<RpcFront> } = {};
    try {
      const params = fleetParams(options.keepers);
      const built = await buildFleet({
        processes,
        folder,
        keepers: options.keepers,
        providers: options.providers,
        groups: options.groups ?? 2,
        params,
        polling_ms: 50,
        say: () => undefined,
        // Until all keepers have joined, the chain mines a block for each transaction.
        startMining: async () => undefined,
        keeperCommand: (configFile, index) => [entry, configFile, planFileIn(folder, index)],
        rpcOf: async (index, rpc) => [(await (parts.front ??= RpcFront.open(rpc))).url(String(index))],
        beforeKeepers: async (keepers) => {
          parts.links = await Links.open(keepers.map(({ port }) => port));
          await writePlans(folder, keepers, parts.links);
          for (const keeper of keepers)
            await configure(keeper, (await options.configOf?.(keeper.index)) ?? {});
        },
      });
      const { links, front } = { links: parts.links, front: await parts.front };
      if (links === undefined || front === undefined) throw new Error("a fleet without keepers");
      const fleet = new FaultFleet(
        { folder, params, size: options.keepers, links, front, failures },
        processes,
        built,
      );
      await fleet.#begin();
      return fleet;
    } catch (error) {
      await processes.stopAll();
      await parts.links?.close();
      await (await parts.front)?.close();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    await this.#steps.rpc("evm_setAutomine", [false]);
    const { originBlock, version } = await this.#fleet.committee.page();
    const { seed, operators } = version;
    this.#origin = originBlock ?? 0;
    this.#seed = seed;
    this.#operators = operators;
    for (let index = 0; index < this.size; index++) {
      this.#controls.set(index, this.#fleet.keepers.readyLine(index)["control"] as string);
    }
    await this.allConnected();
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    await this.#processes.stopAll();
    await this.links.close();
    await this.front.close();
    this.#fleet.provider.destroy();
    if (!keepFolders) await rm(this.folder, { recursive: true, force: true });
  }

  get chain(): Fleet {
    return this.#fleet;
  }

  /** Address of the committee, in lower case. */
  get committee(): Hex {
    return this.#fleet.committee.address.toLowerCase() as Hex;
  }

  /** Addresses of the groups, in lower case, in the order of their numbers. */
  get groups(): readonly Hex[] {
    return this.#fleet.groups.map(({ address }) => address.toLowerCase() as Hex);
  }

  /** The committee's origin block, from which slots are counted (R8). */
  get origin(): number {
    return this.#origin;
  }

  head(): Promise<number> {
    return this.#steps.head();
  }

  keeper(index: number): Keeper {
    return this.#fleet.keepers.keeper(index);
  }

  configFile(index: number): string {
    return configFileIn(this.keeper(index).folder);
  }

  /** URL of the HTTP interface of keeper `index` since its last start. */
  apiOf(index: number): string {
    return this.#fleet.keepers.readyLine(index)["api"] as string;
  }

  peerIdOf(index: number): string {
    return this.#fleet.keepers.readyLine(index)["peerId"] as string;
  }

  /** Keepers in the order in which they lead the turns of the interval that starts at `ts` (R5). */
  order(ts: number): number[] {
    return leaders(ts, this.#seed, this.#operators);
  }

  /** Mines one block and waits until all keepers have handled it. */
  async mine(): Promise<number> {
    const block = await this.#pace.step();
    this.#refuseFailures();
    return block;
  }

  async #settleDown(): Promise<void> {
    await this.#pace.caughtUp();
    this.#refuseFailures();
  }

  #refuseFailures(): void {
    const [failure] = this.failures;
    if (failure !== undefined) throw failure;
  }

  /** Mines until `holds`; fails after `blocks` blocks. */
  async until(what: string, holds: () => boolean | Promise<boolean>, blocks: number): Promise<void> {
    for (let mined = 0; !(await holds()); mined++) {
      if (mined >= blocks) throw new Error(`expected within ${blocks} blocks: ${what}`);
      await this.mine();
    }
  }

  async mineTo(block: number): Promise<void> {
    while ((await this.head()) < block) await this.mine();
  }

  async behave(index: number, name: string): Promise<void> {
    if (killing.has(name)) this.#fleet.keepers.expectEnd(index);
    const response = await fetch(`${this.#controls.get(index)}/behave?as=${name}`);
    if (!response.ok) throw new Error(`keeper ${index} does not accept behaviour ${name}`);
  }

  /** Mines until keeper `index` has ended by the behaviour that the test set. */
  async died(index: number, blocks: number): Promise<void> {
    let gone = false;
    void this.#fleet.keepers.ended(index).then(() => (gone = true));
    await this.until(
      `keeper ${index} dies`,
      async () => {
        await new Promise((next) => setImmediate(next));
        return gone;
      },
      blocks,
    );
    this.#controls.delete(index);
  }

  async restart(index: number): Promise<void> {
    const ready = await this.#fleet.keepers.start(index);
    this.#controls.set(index, ready["control"] as string);
    await this.#settleDown();
  }

  /** Mines until every living keeper is connected to every other one. */
  async allConnected(): Promise<void> {
    await this.until(
      "all keepers are connected",
      async () => {
        const live = [...this.#controls.keys()];
        const statuses = await Promise.all(live.map((index) => this.#fleet.keepers.status(index)));
        return statuses.every((status) => status?.peers === live.length - 1);
      },
      60,
    );
  }

  /** All certificates on the canonical chain, oldest first. */
  async certificates(): Promise<Certified[]> {
    const { provider } = this.#fleet;
    return certificatesOf(provider, this.committee, { head: await this.head(), rhythm: this.params });
  }

  /** All settlements of a group on the canonical chain, oldest first. */
  async settlements(group: string): Promise<Settled[]> {
    const certificates = await this.certificates();
    return settlementsOf(this.#fleet.provider, group, { head: await this.head(), certificates });
  }

  /** Another payer's group without providers enters the committee. Keepers notice it without a restart (R39). */
  async addGroup(): Promise<Hex> {
    const { provider, deployment, committee } = this.#fleet;
    const group = await this.#steps.atOnce(async () => {
      const payer = await newPayer(provider, deployment.token);
      const into = { committee: committee.address, ceiling: 1 };
      return createGroup(deployment, payer, this.params, into);
    });
    await this.#settleDown();
    return group.toLowerCase() as Hex;
  }

  /** Gives keeper `index` another address and publishes it in the registry; the other keepers keep running. */
  async move(index: number): Promise<void> {
    const { keys } = this.keeper(index);
    const [port] = await freePorts(1);
    const address = multiaddr(port as number);
    await this.stopKeeper(index);
    await configure(this.keeper(index), { listen: [address] });
    const registry = await this.#fleet.deployment.registry.getAddress();
    const wallet = new Wallet(keys.operator, this.#fleet.provider);
    const peerId = await peerIdBytes(keys.peer);
    await this.#steps.atOnce(() => updateEndpoint(registry, wallet, peerId, [address]));
    await this.restart(index);
  }

  /** Start of the open interval. */
  ts(): Promise<number> {
    return this.#fleet.committee.certifiedThrough();
  }

  /** Mines until the interval that starts at `ts` is certified, at the latest in turn `turns`. */
  async certified(ts: number, turns: number): Promise<Certified> {
    const { interval, turn } = this.params;
    const end = ts + interval + turns * turn;
    let found: Certified | undefined;
    while (found === undefined) {
      found = (await this.certificates()).find((certified) => certified.ts === ts);
      const head = await this.head();
      if (found === undefined && head >= end) {
        throw new Error(`expected the interval from ${ts} to be certified before block ${end}, actual not`);
      }
      if (found === undefined) await this.mine();
    }
    return found;
  }

  /** Mines until the certificate is in the view of every keeper (R4). */
  async confirmed(certified: Certified): Promise<void> {
    await this.mineTo(certified.block + this.params.confirmations);
  }

  /** Replaces the last `depth` blocks by others, one more of them. Keepers see the chain before or after the change. */
  async reorg(depth: number): Promise<void> {
    this.front.hold();
    await this.#steps.replace(depth);
    this.front.release();
    await this.#settleDown();
  }

  /** Starts a process with its own configuration and traces. */
  startProcess(name: string, configFile: string, plan: string): Running {
    const running = this.#processes.start({
      name,
      args: ["--disable-warning=ExperimentalWarning", entry, configFile, plan],
      logFile: join(this.folder, `${name.replaceAll(" ", "-")}.log`),
      daemon: true,
    });
    const paced = pacedKeeper(running);
    this.#others.add(paced);
    void running.ended.then(() => this.#others.delete(paced));
    return running;
  }

  planFile(index: number): string {
    return planFileIn(this.folder, index);
  }

  traces(index: number): string {
    return traceFolder(this.folder, index);
  }

  /** Content of the store of keeper `index`, whose process has ended. */
  async stored(index: number): Promise<Restored> {
    const store = await LevelStore.openExisting(join(this.keeper(index).folder, "data", "store"));
    try {
      return await store.load(this.committee);
    } finally {
      await store.close();
    }
  }

  /** Ends a keeper by a signal that it handles. */
  async stopKeeper(index: number): Promise<void> {
    this.#controls.delete(index);
    await this.#fleet.keepers.end(index);
  }

  /** Ends all keepers, so that their stores can be read. */
  async endKeepers(): Promise<void> {
    for (let index = 0; index < this.size; index++) await this.stopKeeper(index);
  }
}

/** Keeps data and logs for inspection after a failure. */
const keepFolders = process.env["WHITEPAY_KEEP_FLEETS"] === "1";

const killing: ReadonlySet<string> = new Set(killPoints);

const entry = join(projectRoot, "test/support/fleet/keeper-process.ts");
