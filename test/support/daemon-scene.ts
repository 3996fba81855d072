/** Keeper daemons in this process, composed as `keeper run` does, on a real node with the contracts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Wallet, type JsonRpcProvider } from "ethers";
import { composeKeeper, type Daemon } from "../../keeper/compose.ts";
import { schema, type KeeperConfig } from "../../keeper/config.ts";
import { systemClock } from "../../keeper/adapters/clock-system.ts";
import { makeKeeper, multiaddr, registerKeeper } from "../../scripts/fleet/setup.ts";
import type { Keeper as KeeperKeys } from "../../scripts/fleet/setup.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { CommitteeScene } from "./committee-scene.ts";
import type { Keeper } from "./contracts/basics.ts";

const password = "devnet";
const block_ms = 150;

export class DaemonScene {
  readonly on: CommitteeScene;
  readonly #folder: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #keys: KeeperKeys[] = [];

  private constructor(on: CommitteeScene, folder: string) {
    this.on = on;
    this.#folder = folder;
  }

  static async open(): Promise<DaemonScene> {
    return new DaemonScene(await CommitteeScene.open(), await mkdtemp(join(tmpdir(), "whitepay-daemons-")));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    await this.on.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Registered keepers with coin, none of which runs. */
  async keepers(count: number): Promise<Keeper[]> {
    const { chain, registry } = this.on.world;
    const provider = chain.provider as unknown as JsonRpcProvider;
    const ports = await freePorts(count);
    const first = this.#keys.length;
    const keys = await Promise.all(ports.map((port, i) => makeKeeper(this.#folder, first + i, port)));
    this.#keys.push(...keys);
    const keepers: Keeper[] = [];
    for (const one of keys) {
      const operator = new Wallet(one.keys.operator, provider);
      await chain.rpc("hardhat_setBalance", [operator.address, "0x56bc75e2d63100000"]);
      await registerKeeper(provider, registry, one);
      keepers.push({ secret: BigInt(one.keys.bls), operator });
    }
    return keepers;
  }

  /** Starts the daemons of the keepers at these places. */
  async run(places: readonly number[], policy: Partial<KeeperConfig["policy"]> = {}): Promise<Daemon[]> {
    const daemons = await Promise.all(
      places.map(async (place) =>
        composeKeeper(await this.#configOf(this.#keys[place] as KeeperKeys, policy), undefined, password),
      ),
    );
    for (const daemon of daemons) this.#running.push(daemon.run(this.#stop.signal));
    return daemons;
  }

  async #configOf(
    { folder: home, port }: KeeperKeys,
    policy: Partial<KeeperConfig["policy"]>,
  ): Promise<KeeperConfig> {
    const { chain, registry, factory } = this.on.world;
    return schema.parse({
      dataDir: join(home, "data"),
      chain: {
        id: Number(chain.chainId),
        rpc: [this.on.url],
        registry: await registry.getAddress(),
        factories: [await factory.getAddress()],
        poll_ms: 20,
      },
      policy,
      listen: [multiaddr(port)],
      keys: join(home, "keys"),
      api: { host: "127.0.0.1", port: 0 },
      logLevel: "warn",
    });
  }

  /** Mines until `holds`, at most `blocks` blocks. */
  async mineUntil(holds: () => boolean | Promise<boolean>, blocks: number, what: string): Promise<void> {
    for (let mined = 0; !(await holds()); mined++) {
      if (mined >= blocks) throw new Error(`expected within ${blocks} blocks: ${what}`);
      await this.on.mine(1);
      await systemClock.sleep(block_ms);
    }
  }
}
