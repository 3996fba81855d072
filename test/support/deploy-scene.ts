/** Chains for tests of deployments, and accounts with coin on them. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Wallet, type JsonRpcProvider } from "ethers";
import { network } from "hardhat";
import { proxyTransaction } from "../../cli/deploy/proxy.ts";
import { connectRpc } from "../../client/connect.ts";
import { Processes } from "../../scripts/fleet/processes.ts";
import { projectRoot } from "../../scripts/paths.ts";

export type DeployScene = {
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  close(): Promise<void>;
};

export async function openDeployScene(hardfork = "osaka"): Promise<DeployScene> {
  const override = { hardfork };
  const server = await network.createServer(
    { network: "hardhat", chainType: "l1", override },
    "127.0.0.1",
    0,
  );
  const { address, port } = await server.listen();
  const rpc = `http://${address}:${port}`;
  const provider = await connectRpc(rpc);
  provider.pollingInterval = 50;
  return {
    rpc,
    provider,
    async close() {
      provider.destroy();
      await server.close();
    },
  };
}

/** The same on anvil, another implementation of the chain. */
export async function openAnvilScene(): Promise<DeployScene> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-anvil-"));
  const processes = new Processes((failure) => {
    throw failure;
  });
  const anvil = processes.start({
    name: "anvil",
    args: [join(projectRoot, "scripts/fleet/anvil-process.ts"), folder],
    logFile: join(folder, "log"),
    daemon: true,
  });
  const { rpc } = (await anvil.ready) as { rpc: string };
  const provider = await connectRpc(rpc);
  provider.pollingInterval = 50;
  return {
    rpc,
    provider,
    async close() {
      provider.destroy();
      await processes.stopAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const coins = "0x56bc75e2d63100000";

/** A new account with a hundred coins. */
export async function richAccount({ provider }: Pick<DeployScene, "provider">): Promise<Wallet> {
  const account = new Wallet(Wallet.createRandom().privateKey, provider);
  await provider.send("hardhat_setBalance", [account.address, coins]);
  return account;
}

/** Ends a deployment where a test wants it to be interrupted. */
export class Interrupted extends Error {}

/** A chain's endpoint that takes no transaction without a chain id, as nodes with replay protection do. */
export async function replayProtected(upstream: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const asked = JSON.parse(text) as { id: number; method: string; params?: unknown[] };
      response.setHeader("content-type", "application/json");
      if (asked.method === "eth_sendRawTransaction" && asked.params?.[0] === proxyTransaction) {
        const message = "only replay-protected (EIP-155) transactions allowed over RPC";
        response.end(JSON.stringify({ jsonrpc: "2.0", id: asked.id, error: { code: -32_000, message } }));
        return;
      }
      void fetch(upstream, { method: "POST", headers: { "content-type": "application/json" }, body: text })
        .then((answer) => answer.text())
        .then((body) => response.end(body));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
