/** A chain in a process of its own with the contracts and four registered keepers, none of which runs. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { JsonRpcProvider } from "ethers";
import type { Hex } from "../../protocol/hash.ts";
import { connectRpc } from "../../client/connect.ts";
import { createGroup, fundOperators, makeKeeper, registerKeeper } from "../../scripts/fleet/setup.ts";
import type { GroupParams, Keeper } from "../../scripts/fleet/setup.ts";
import { deployAll } from "../../scripts/contracts/artifacts.ts";
import { projectRoot } from "../../scripts/paths.ts";

export type ChainScene = {
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly registry: Hex;
  readonly keepers: readonly Keeper[];
  /** A funded group of all four keepers. */
  group(params: GroupParams): Promise<Hex>;
  close(): Promise<void>;
};

export async function openChainScene(): Promise<ChainScene> {
  const chain = spawn(process.execPath, [join(projectRoot, "scripts/fleet/chain-process.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
    cwd: projectRoot,
  });
  const lines = createInterface({ input: chain.stdout });
  const rpc = await new Promise<string>((done) => {
    lines.on("line", (line) => {
      if (line.startsWith("{")) done((JSON.parse(line) as { rpc: string }).rpc);
    });
  });
  const provider = await connectRpc(rpc);
  const folder = await mkdtemp(join(tmpdir(), "whitepay-chain-"));
  const payer = await provider.getSigner(0);
  const deployment = await deployAll(payer);
  const keepers = await Promise.all([0, 1, 2, 3].map((i) => makeKeeper(folder, i, 4001 + i)));
  const operators = keepers.map(({ operator }) => operator);
  await fundOperators(provider, operators);
  for (const keeper of keepers) await registerKeeper(provider, deployment.registry, keeper);
  return {
    rpc,
    provider,
    registry: (await deployment.registry.getAddress()).toLowerCase() as Hex,
    keepers,
    group: async (params) => (await createGroup(deployment, payer, params, operators)).toLowerCase() as Hex,
    async close() {
      provider.destroy();
      chain.kill("SIGTERM");
      await new Promise((done) => chain.once("close", done));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
