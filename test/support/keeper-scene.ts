/** A chain with the contracts, and one keeper that was created with the command line. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonRpcProvider } from "ethers";
import { expect } from "vitest";
import { Processes } from "../../scripts/fleet/processes.ts";
import { deployAll, type Deployment } from "../../scripts/contracts/artifacts.ts";
import { createGroup, fleetParams, formCommittee } from "../../scripts/fleet/setup.ts";
import type { Invited } from "../../scripts/fleet/setup.ts";
import { projectRoot } from "../../scripts/paths.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { connectRpc } from "../../client/connect.ts";
import { runCli, startCli, type CliProcess, type CliResult } from "./cli.ts";
import { sharedFolder } from "./files.ts";

export const payee = `0x${"77".repeat(20)}`;

export const sceneParams = fleetParams(4);

export const parsed = ({ stdout }: CliResult): unknown => JSON.parse(stdout);

export type KeeperScene = {
  readonly folder: string;
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly registry: string;
  readonly factory: string;
  readonly lens: string;
  readonly config: string;
  /** Of the keeper, in lower case. */
  readonly operator: string;
  readonly ports: readonly number[];
  /** Runs `whitepay keeper COMMAND`, or a command that begins with "committee", with the keeper's configuration. */
  keeper(command: string, ...rest: string[]): Promise<CliResult>;
  /** The same, for a command that has to exit 0. */
  done(command: string, ...rest: string[]): Promise<CliResult>;
  start(command: string, ...rest: string[]): CliProcess;
  /** A committee of this keeper and three others, open to any group that pays what `sceneParams` say. This keeper has not consented yet. */
  invited(others: readonly Invited[]): Promise<string>;
  /** A funded group with this many reserved providers. */
  group(committee: string, ceiling?: number): Promise<string>;
  mine(blocks: number): Promise<void>;
  stop(): Promise<void>;
};

export async function openKeeperScene(): Promise<KeeperScene> {
  const { folder, remove } = await sharedFolder();
  const failures: Error[] = [];
  const processes = new Processes((error) => failures.push(error));
  const chain = processes.start({
    name: "the chain",
    args: [join(projectRoot, "scripts/fleet/chain-process.ts")],
    logFile: join(folder, "chain.log"),
    daemon: true,
  });
  const { rpc } = (await chain.ready) as { rpc: string };
  const provider = await connectRpc(rpc);
  const deployment = await deployAll(await provider.getSigner(0));
  const [registry, factory, lens] = await Promise.all([
    deployment.registry.getAddress(),
    deployment.factory.getAddress(),
    deployment.lens.getAddress(),
  ]);
  const ports = await freePorts(8);
  await writeFile(join(folder, "password"), "a long secret\n", { mode: 0o600 });
  const words = ["keeper", "init", "--dir", join(folder, "mine"), "--preset", "devnet", "--rpc", rpc];
  words.push("--registry", registry, "--factories", factory, "--lens", lens);
  words.push("--listen", `/ip4/127.0.0.1/tcp/${ports[0]}`, "--kdf", "light");
  const made = await runCli([...words, "--password-file", join(folder, "password"), "--json"]);
  expect(made.code, made.stderr).toBe(0);
  const { config, operator } = parsed(made) as { config: string; operator: string };
  // Several scenes may be up at a time on one machine.
  await writeFile(config, (await readFile(config, "utf8")).replace(/port: \d+/, "port: 0"));
  const args = (command: string, rest: string[]): string[] => {
    const words = command.split(" ");
    return [...(words[0] === "committee" ? [] : ["keeper"]), ...words, "--config", config, ...rest];
  };
  return {
    folder,
    rpc,
    provider,
    deployment,
    registry,
    factory,
    lens,
    config,
    operator,
    ports,
    keeper: (command, ...rest) => runCli(args(command, rest)),
    done: async (command, ...rest) => {
      const result = await runCli(args(command, rest));
      expect(result.code, result.stderr).toBe(0);
      return result;
    },
    start: (command, ...rest) => startCli(args(command, rest)),
    invited: async (others) =>
      formCommittee(deployment, await provider.getSigner(0), sceneParams, [{ operator }, ...others]),
    group: async (committee, ceiling = 2) =>
      createGroup(deployment, await provider.getSigner(0), sceneParams, { committee, ceiling }),
    // One block at a time: blocks that this node mines in bulk have no parent hashes.
    mine: async (blocks) => {
      for (let i = 0; i < blocks; i++) await provider.send("evm_mine", []);
    },
    stop: async () => {
      provider.destroy();
      await processes.stopAll();
      await remove();
      expect(failures).toEqual([]);
    },
  };
}
