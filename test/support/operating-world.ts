/** A chain with a committee and its group, a configured keeper and provider without registration, and endpoints with faults. */
import { readFile, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { network } from "hardhat";
import { expect } from "vitest";
import { createGroup, formCommittee } from "../../scripts/fleet/setup.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { runCli } from "./cli.ts";
import { seededBytes } from "./files.ts";
import { sceneParams } from "./keeper-scene.ts";
import { payerScene, type PayerScene } from "./payer-scene.ts";
import { canMount } from "./small-disk.ts";

export type OperatingWorld = {
  readonly scene: PayerScene;
  /** A new chain without the contracts. */
  readonly fresh: string;
  /** An HTTP server that is no chain. */
  readonly website: string;
  readonly keeper: string;
  readonly provider: string;
  readonly group: string;
  readonly disks: boolean;
  readonly close: () => Promise<void>;
};
async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function made(words: readonly string[]): Promise<string> {
  const result = await runCli(words);
  expect(result.code, result.stderr).toBe(0);
  return (JSON.parse(result.stdout) as { config: string }).config;
}

export async function operatingWorld(): Promise<OperatingWorld> {
  const scene = await payerScene({ keepers: 4 });
  const { folder, rpc, registry, factory, lens, deployment } = scene;
  const empty = await network.createServer({ network: "hardhat", chainType: "l1" }, "127.0.0.1", 0);
  const { address, port } = await empty.listen();
  const site = createHttpServer((_, response) => response.end("<html>a page</html>"));
  const website = await listening(site);
  const of = ["--chain-id", "31337", "--rpc", rpc, "--registry", registry];
  const [api, keeperPort, providerPort] = await freePorts(3);
  const words = [
    "--dir",
    join(folder, "keeper"),
    "--kdf",
    "light",
    "--password-file",
    join(folder, "password"),
  ];
  const listen = ["--listen", `/ip4/127.0.0.1/tcp/${keeperPort}`];
  const [keeper, provider] = await Promise.all([
    made(["keeper", "init", ...of, "--factories", factory, ...words, ...listen, "--json"]),
    made([
      "provider",
      "init",
      ...of,
      "--lens",
      lens,
      "--data-dir",
      join(folder, "provider"),
      "--listen",
      `/ip4/127.0.0.1/tcp/${providerPort}`,
      "--kdf",
      "light",
      "--password-file",
      join(folder, "password"),
      "--json",
    ]),
  ]);
  // Another test may have taken the port that `init` chose.
  await writeFile(keeper, (await readFile(keeper, "utf8")).replace(/port: \d+/, `port: ${api}`));
  await writeFile(join(folder, "file.bin"), seededBytes(300_000, 1));
  await made(["provider", "ingest", join(folder, "file.bin"), "--config", provider, "--json"]);
  const committee = await formCommittee(deployment, scene.payer, sceneParams, scene.keepers);
  const group = await createGroup(deployment, scene.payer, sceneParams, { committee, ceiling: 2 });
  return {
    scene,
    fresh: `http://${address}:${port}`,
    website,
    keeper,
    provider,
    group,
    disks: await canMount(),
    close: async () => {
      site.close();
      await empty.close();
      await scene.close();
    },
  };
}
