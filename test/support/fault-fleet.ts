/** A real committee as processes, to be hurt by a test, and what the chain says came of it. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Contract, Wallet, type ContractTransactionResponse } from "ethers";
import type { Hex } from "../../keeper/core/hash.ts";
import { leaderOf, turnOrder } from "../../keeper/core/turns.ts";
import { complaintsAbout } from "../../scripts/demo/check.ts";
import type { DemoDocument, SettlementEntry } from "../../scripts/demo/document.ts";
import { groupParams } from "../../scripts/demo/params.ts";
import { readBack, settledLogs } from "../../scripts/demo/readback.ts";
import { buildFleet, type Fleet, type FleetOptions } from "../../scripts/fleet/build.ts";
import { Processes } from "../../scripts/fleet/processes.ts";
import { createGroup, type Keeper } from "../../scripts/fleet/setup.ts";
import { projectRoot } from "../../scripts/lib/paths.ts";
import { peerIdBytes } from "../../scripts/lib/keys.ts";
import { freePorts } from "../../scripts/lib/ports.ts";
import { decodeSettledLog } from "../../scripts/lib/settlements.ts";
import type { Role } from "./role.ts";

const keeperProcess = join(projectRoot, "test/support/keeper-process.ts");

export type FaultFleetOptions = Pick<FleetOptions, "keepers" | "providers" | "rpcOf"> & {
  readonly blockTime_ms: number;
};

/** A second process with a keeper's keys. */
export type Twin = { stop(): Promise<void>; reasons(): Promise<string[]> };

export class FaultFleet {
  readonly world: Fleet;
  readonly params: FleetOptions["params"];
  readonly folder: string;
  readonly operators: readonly Hex[];
  readonly blockTime_ms: number;
  readonly #processes: Processes;
  readonly #failures: Error[];
  readonly #seed: string;

  private constructor(
    options: FaultFleetOptions,
    opened: {
      world: Fleet;
      folder: string;
      processes: Processes;
      failures: Error[];
      seed: string;
      params: FleetOptions["params"];
    },
  ) {
    this.world = opened.world;
    this.params = opened.params;
    this.folder = opened.folder;
    this.blockTime_ms = options.blockTime_ms;
    this.#processes = opened.processes;
    this.#failures = opened.failures;
    this.#seed = opened.seed;
    this.operators = operatorsOf(keepersOf(opened.world));
  }

  static async open(options: FaultFleetOptions): Promise<FaultFleet> {
    const folder = await mkdtemp(join(tmpdir(), "whitepay-faults-"));
    const failures: Error[] = [];
    const processes = new Processes((failure) => failures.push(failure));
    const interval = 25;
    const params = { ...groupParams(options), interval };
    try {
      const world = await buildFleet({
        ...options,
        params,
        folder,
        processes,
        polling_ms: options.blockTime_ms / 4,
        say: () => undefined,
        startMining: async (provider) => {
          await provider.send("evm_setAutomine", [false]);
          await provider.send("evm_setIntervalMining", [options.blockTime_ms]);
        },
        keeperCommand: (configFile) => [keeperProcess, configFile, roleFileOf(configFile)],
        beforeKeepers: (keepers) => writeRoles(keepers),
      });
      const { seed } = await world.view.committee();
      return new FaultFleet(options, { world, folder, processes, failures, seed, params });
    } catch (error) {
      await processes.stopAll();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.world.provider.destroy();
    await this.#processes.stopAll();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Changes what a keeper does; a behaviour only counts from its next start on. */
  role(keeper: number, role: Omit<Role, "operators">): Promise<void> {
    const { folder } = this.world.keepers.keeper(keeper);
    return writeRole(join(folder, "role.json"), { ...role, operators: this.operators });
  }

  /** Kills a keeper and starts it again in another role. */
  async restart(keeper: number, role: Omit<Role, "operators"> = {}): Promise<void> {
    await this.world.keepers.crash(keeper);
    await this.role(keeper, role);
    await this.world.keepers.start(keeper);
  }

  /** Waits until a keeper has killed itself as its role says, and starts it again as an honest one. */
  async revive(keeper: number): Promise<void> {
    this.world.keepers.expectEnd(keeper);
    await this.world.keepers.ended(keeper);
    await this.role(keeper, {});
    await this.world.keepers.start(keeper);
  }

  /** Groups more, each without providers, served by the same keepers once they have started again; the addresses. */
  async addGroups(count: number): Promise<string[]> {
    const { provider, deployment, keepers, group } = this.world;
    const payer = await provider.getSigner(0);
    const more: string[] = [];
    for (let i = 0; i < count; i++) {
      more.push(await createGroup(deployment, payer, this.params, [...this.operators]));
    }
    for (let keeper = 0; keeper < this.operators.length; keeper++) {
      await keepers.crash(keeper);
      const file = join(keepers.keeper(keeper).folder, "config.json");
      const config = JSON.parse(await readFile(file, "utf8")) as object;
      await writeFile(file, JSON.stringify({ ...config, groups: [group, ...more] }));
    }
    await Promise.all(this.operators.map((_, keeper) => keepers.start(keeper)));
    return more;
  }

  /** Ends of the intervals settled in a group. */
  async endsOf(group: string): Promise<number[]> {
    const logs = await settledLogs(this.world.provider, group, 0, await this.head());
    return logs.map((log) => decodeSettledLog(log).te);
  }

  /** Moves a keeper to another port: the registry learns of it, its configuration too, the other keepers are not touched. */
  async move(keeper: number): Promise<void> {
    const { provider, keepers } = this.world;
    const { keys, folder } = keepers.keeper(keeper);
    await keepers.crash(keeper);
    const [port] = await freePorts(1);
    const address = `/ip4/127.0.0.1/tcp/${port}`;
    const file = join(folder, "config.json");
    const config = JSON.parse(await readFile(file, "utf8")) as { chain: { registry: string } };
    await writeFile(file, JSON.stringify({ ...config, listen: [address] }));
    const abi = ["function updateKeeperEndpoint(bytes peerId, string[] multiaddrs)"];
    const registry = new Contract(config.chain.registry, abi, new Wallet(keys.operator, provider));
    const sent = (await registry.getFunction("updateKeeperEndpoint")(await peerIdBytes(keys.peer), [
      address,
    ])) as ContractTransactionResponse;
    await sent.wait();
    await keepers.start(keeper);
  }

  /** Waits until a keeper is connected to all others. */
  async connected(keeper: number): Promise<void> {
    const limit = (await this.head()) + 4 * this.params.slot;
    while ((await this.world.keepers.status(keeper))?.peers !== this.operators.length - 1) {
      if ((await this.head()) > limit) throw new Error(`keeper ${keeper} does not find the others`);
      await this.#pause();
    }
  }

  /** The reasons a keeper gave in its log, as codes. */
  reasons(keeper: number): Promise<string[]> {
    return reasonsIn(join(this.world.keepers.keeper(keeper).folder, "log"));
  }

  /** A second process with a keeper's keys, on another machine: other data, other ports. */
  async startTwin(keeper: number): Promise<Twin> {
    const seat = this.world.keepers.keeper(keeper);
    const folder = join(this.folder, `twin-${keeper}`);
    await mkdir(folder);
    const config = JSON.parse(await readFile(join(seat.folder, "config.json"), "utf8")) as object;
    const [port] = await freePorts(1);
    const configFile = join(folder, "config.json");
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    await writeFile(configFile, JSON.stringify({ ...config, dataDir: join(folder, "data"), listen }));
    await writeRole(join(folder, "role.json"), { operators: this.operators });
    const log = join(folder, "log");
    const running = this.#processes.start({
      name: `second keeper ${keeper}`,
      args: ["--disable-warning=ExperimentalWarning", keeperProcess, configFile, roleFileOf(configFile)],
      logFile: log,
      daemon: true,
    });
    await running.ready;
    const stop = async (): Promise<void> => {
      running.expectEnd();
      running.kill("SIGKILL");
      await running.ended;
    };
    return { stop, reasons: () => reasonsIn(log) };
  }

  head(): Promise<number> {
    return this.world.provider.getBlockNumber();
  }

  /** Waits for a block. */
  async until(block: number): Promise<void> {
    while ((await this.head()) < block) await this.#pause();
  }

  async #pause(): Promise<void> {
    const [failure] = this.#failures;
    if (failure !== undefined) throw failure;
    await sleep(this.blockTime_ms / 4);
  }

  /** Start of the open interval, as the chain has it now. */
  async ts(): Promise<number> {
    const { originBlock } = await this.world.view.parameters();
    const logs = await settledLogs(this.world.provider, this.world.group, originBlock, await this.head());
    const last = logs.at(-1);
    return last === undefined ? originBlock : decodeSettledLog(last).te;
  }

  /** First block of the first turn of the interval that starts at `ts`. */
  firstTurn(ts: number): number {
    return ts + this.params.interval;
  }

  /** Who leads turn `turn` (from 1) of the interval that starts at `ts`. */
  leader(ts: number, turn = 1): number {
    return leaderOf(turnOrder(ts, this.#seed, this.operators), turn);
  }

  /** Keepers that do not lead in the first two turns after `ts`, the next leaders last. */
  followers(ts: number): number[] {
    const order = turnOrder(ts, this.#seed, this.operators);
    return order.slice(2).reverse();
  }

  /** Waits until the interval that starts at `ts` is settled and `confirmations` more blocks say so. */
  async settled(ts: number): Promise<SettlementEntry> {
    const { interval, turn } = this.params;
    const limit = ts + interval + (this.operators.length + 1) * turn;
    for (;;) {
      const head = await this.head();
      const logs = await settledLogs(this.world.provider, this.world.group, ts, head);
      const found = logs.find((log) => decodeSettledLog(log).ts === ts);
      if (found !== undefined && found.blockNumber + this.params.confirmations <= head) {
        const { document } = await this.document();
        const entry = document.settlements.find((settlement) => settlement.ts === ts);
        if (entry !== undefined) return entry;
      }
      if (head >= limit) throw new Error(`the interval from ${ts} on is not settled by block ${head}`);
      await this.#pause();
    }
  }

  /**
   * Waits for the settlement of `ts`, lets the chain grow until it is `depth` blocks deep, and takes these back: what was
   * in them is gone, and another branch, longer by one, stands in their place.
   */
  async reorg(ts: number, depth: number): Promise<{ lost: string }> {
    const { provider, group } = this.world;
    const snapshots = new Map<number, string>();
    for (;;) {
      const head = await this.head();
      if (!snapshots.has(head)) {
        const id = (await provider.send("evm_snapshot", [])) as string;
        if ((await this.head()) === head) snapshots.set(head, id);
      }
      const log = (await settledLogs(provider, group, ts, head)).find((l) => decodeSettledLog(l).ts === ts);
      if (log !== undefined && head >= log.blockNumber + depth - 1) {
        const id = snapshots.get(log.blockNumber - 1);
        if (id === undefined) throw new Error(`no snapshot of block ${log.blockNumber - 1}`);
        if ((await provider.send("evm_revert", [id])) !== true) throw new Error("the node did not go back");
        await provider.send("hardhat_mine", [`0x${(head - log.blockNumber + 2).toString(16)}`]);
        return { lost: log.transactionHash };
      }
      await sleep(this.blockTime_ms / 8);
    }
  }

  /** All that the chain says. */
  async document(): Promise<{ document: DemoDocument; complaints: string[] }> {
    const { provider, group, rpc, view } = this.world;
    const { originBlock } = await view.parameters();
    const logs = await settledLogs(provider, group, originBlock, await this.head());
    const challenges = { asked: 0, passed: 0, failed: 0 };
    const { document, evidence } = await readBack(provider, { rpc, group, logs, challenges });
    return { document, complaints: complaintsAbout(document, evidence) };
  }
}

async function reasonsIn(logFile: string): Promise<string[]> {
  const log = await readFile(logFile, "utf8");
  return [...log.matchAll(/"reason":"([a-z0-9-]+)"/g)].map((match) => match[1] as string);
}

function roleFileOf(configFile: string): string {
  return join(configFile, "..", "role.json");
}

/** Whole or not at all: the keeper reads it at any moment. */
async function writeRole(file: string, role: Role): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(role));
  await rename(`${file}.new`, file);
}

async function writeRoles(keepers: readonly Keeper[]): Promise<void> {
  const operators = operatorsOf(keepers);
  await Promise.all(keepers.map(({ folder }) => writeRole(join(folder, "role.json"), { operators })));
}

function keepersOf({ keepers }: Fleet): Keeper[] {
  return Array.from({ length: keepers.size }, (_, index) => keepers.keeper(index));
}

function operatorsOf(keepers: readonly Keeper[]): Hex[] {
  return keepers.map(({ operator }) => operator.toLowerCase() as Hex);
}
