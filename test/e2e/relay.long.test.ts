/**
 * A provider behind a router that lets no connection in, with real processes and a network namespace: it stores by offer, proves, is paid
 * and serves its data through relays of keepers; when the relay's keeper dies, through another one.
 */
import { randomBytes } from "node:crypto";
import { readFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Contract, Wallet, type JsonRpcProvider } from "ethers";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { registryAbi } from "../../client/abi.ts";
import { connectRpc } from "../../client/connect.ts";
import { GroupView } from "../../client/group-view.ts";
import { freePorts } from "../../daemon/free-port.ts";
import { peerIdBytes } from "../../daemon/keys/generate.ts";
import { initProvider, newProviderSecrets } from "../../provider/config.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";
import { offerOf } from "../../scripts/devnet/offers.ts";
import { cliScript } from "../../scripts/paths.ts";
import { runCli } from "../support/cli.ts";
import { relayPorts, relayPortsIn, untilTrue } from "../support/relay-devnet.ts";
import { Router } from "../support/router.ts";
import { beside, until } from "../support/whitepay.ts";

const minute_ms = 60_000;
const start_ms = 10 * minute_ms;
const devnet = ["devnet", "--json", "--keepers", "4", "--providers", "1", "--relays", "3"];

type Made = { readonly config: string; readonly operator: string; readonly rpcPort: number };

/** A provider that is registered without an address. */
async function makeProvider(folder: string, chain: JsonRpcProvider, up: DevnetDocument): Promise<Made> {
  const [port = 0, rpcPort = 0] = await freePorts(2);
  const secrets = newProviderSecrets();
  const passwordFile = join(folder, "provider.password");
  await writeFile(passwordFile, "devnet\n", { mode: 0o600 });
  const { config } = await initProvider({
    dataDir: join(folder, "behind"),
    chainId: up.chainId,
    // Two ways to the chain: the router adds a hop to each, on which a kept connection may just have been closed.
    rpc: [up.rpc, `http://127.0.0.1:${rpcPort}`],
    registry: up.registry,
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    groups: [],
    password: "devnet",
    passwordFile,
    kdf: "light",
    secrets,
  });
  const settings = parse(await readFile(config, "utf8")) as object;
  await writeFile(config, stringify({ ...settings, offer: offerOf(7, up) }));
  const wallet = new Wallet(secrets.operator, chain);
  await chain.send("hardhat_setBalance", [wallet.address, "0x3635c9adc5dea00000"]);
  const register = new Contract(up.registry, registryAbi, wallet).getFunction("registerProvider");
  const peer = await peerIdBytes(secrets.peer);
  await (await register(wallet.address, peer, ["/p2p-circuit"])).wait();
  return { config, operator: wallet.address, rpcPort };
}

it(
  "a provider behind a router stores, proves and is paid through relays, and serves through another one when a relay dies",
  () =>
    beside(devnet, async (command, parent) => {
      await until(command, () => command.stdout().includes("\n"), start_ms);
      const up = JSON.parse(command.stdout()) as DevnetDocument;
      const chain = await connectRpc(up.rpc);
      const folder = join(parent, "..");
      const { config, operator, rpcPort } = await makeProvider(folder, chain, up);
      const relays = await relayPorts(chain, up);
      expect(relays.size).toBe(3);
      const chainPort = Number(new URL(up.rpc).port);
      const out = [...relays.keys(), chainPort].map((port): [number, number] => [port, port]);
      const router = await Router.open(folder, new Map([...out, [rpcPort, chainPort]]));
      const { child, output } = router.run([
        cliScript,
        "provider",
        "run",
        "--config",
        config,
        "--log-format",
        "json",
      ]);
      try {
        await untilTrue("places at two relays", () => relayPortsIn(output()).length === 2);

        const from = join(folder, "from");
        await mkdir(from);
        const bytes = randomBytes(300_000);
        await writeFile(join(from, "letters.bin"), bytes);
        const on = ["--config", up.payerConfig, "--json"];
        const words = [join(from, "letters.bin"), "--copies", "2", "--for", "1months", "--yes"];
        const stored = await runCli(["store", ...words, ...on]);
        expect(stored.code, stored.stderr).toBe(0);
        const { group, items } = JSON.parse(stored.stdout) as {
          group: string;
          items: { copies: { provider: string }[] }[];
        };
        expect(items[0]?.copies.map(({ provider }) => provider)).toContain(operator);

        const { chain: known } = parse(await readFile(up.payerConfig, "utf8")) as { chain: { lens: string } };
        const view = new GroupView(chain, { address: group, lens: known.lens });
        await untilTrue("it is paid", async () => {
          const own = (await view.providers()).find((one) => one.operator === operator);
          return own !== undefined && own.credit > 0n && own.proven.paid > 0n;
        });

        // A keeper with a relay in use dies, and the provider with an open port, too: the data is behind the router alone.
        const [dead = 0] = relayPortsIn(output());
        const keeper = up.keepers.find((one) => one.operator === relays.get(dead));
        for (const pid of [keeper?.pid, up.providers[0]?.pid]) process.kill(pid as number, "SIGKILL");
        await untilTrue("another relay", () => {
          const used = relayPortsIn(output());
          return used.length === 2 && !used.includes(dead);
        });
        const to = join(folder, "out");
        const read = await runCli(["get", "letters.bin", "--out", to, ...on]);
        expect(read.code, read.stderr).toBe(0);
        expect((await readFile(join(to, "letters.bin"))).equals(bytes)).toBe(true);
        const [answer] = (JSON.parse(read.stdout) as { items: { providers: string[] }[] }).items;
        expect(answer?.providers).toEqual([operator]);
      } catch (error) {
        throw new Error(`${String(error)}\nthe provider says:\n${output().slice(-4_000)}`, { cause: error });
      } finally {
        const ended = new Promise((done) => child.once("close", done));
        child.kill("SIGTERM");
        await ended;
        await router.close();
        chain.destroy();
      }
    }),
  start_ms + 40 * minute_ms,
);
