/** `./whitepay devnet` with real processes: one line when all is up, blocks come by themselves, and nothing is left behind. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Contract, type JsonRpcProvider } from "ethers";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { factoryAbi, registryAbi, tokenAbi } from "../../client/abi.ts";
import { CommitteeReader } from "../../client/committee-view.ts";
import { connectRpc } from "../../client/connect.ts";
import type { DevnetDocument } from "../../scripts/devnet/run.ts";
import { runCli } from "../support/cli.ts";
import { temporaryFolder } from "../support/files.ts";
import { alive, beside, endsWith, partsOf, until, whitepay, type Command } from "../support/whitepay.ts";

const start_ms = 300_000;

async function whenUp(devnet: Command): Promise<DevnetDocument> {
  await until(devnet, () => devnet.stdout().includes("\n"), start_ms);
  return JSON.parse(devnet.stdout()) as DevnetDocument;
}

async function untilTrue(holds: () => Promise<boolean>): Promise<void> {
  const end_ms = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end_ms) throw new Error("not within a minute");
    await new Promise((next) => setTimeout(next, 200));
  }
}

const gone = (pid: number) => async (): Promise<boolean> => (await alive([pid])).length === 0;

async function temporaryDevnets(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("whitepay-devnet-"));
}

async function expectPayer(
  provider: JsonRpcProvider,
  { payerConfig, rpc, token, factory }: DevnetDocument,
): Promise<void> {
  const config = parse(await readFile(payerConfig, "utf8")) as {
    chain: { rpc: string[]; factory: string };
    key: string;
  };
  expect(config.chain).toMatchObject({ rpc: [rpc], factory });
  expect((await stat(config.key)).mode & 0o077).toBe(0);
  const { address } = JSON.parse(await readFile(config.key, "utf8")) as { address: string };
  expect(await provider.getBalance(`0x${address.replace("0x", "")}`)).toBeGreaterThan(10n ** 18n);
  const balance = new Contract(token, tokenAbi, provider).getFunction("balanceOf");
  expect(await balance(`0x${address.replace("0x", "")}`)).toBe(10n ** 24n);
}

describe("./whitepay devnet", () => {
  it(
    "prints one line when all is up, makes blocks, goes on without a provider, and leaves nothing behind after SIGTERM",
    () =>
      beside(["devnet", "--json", "--keepers", "4", "--providers", "3"], async (devnet, folder) => {
        const document = await whenUp(devnet);
        expect(devnet.stdout().split("\n")).toHaveLength(2);
        expect(Object.keys(document)).toEqual([
          "rpc",
          "chainId",
          "registry",
          "factory",
          "vouchers",
          "token",
          "committee",
          "payerConfig",
          "providers",
          "keepers",
        ]);
        expect(document.keepers.map((keeper) => Object.keys(keeper))).toEqual(
          Array.from({ length: 4 }, () => ["operator", "pid", "api"]),
        );
        expect(document.providers.map((provider) => Object.keys(provider))).toEqual(
          Array.from({ length: 3 }, () => ["operator", "pid", "dataDir"]),
        );
        const parts = await partsOf(devnet.pid);
        expect(parts).toEqual(
          expect.arrayContaining([...document.keepers, ...document.providers].map(({ pid }) => pid)),
        );
        const paths = [document.payerConfig, ...document.providers.map(({ dataDir }) => dataDir)];
        for (const path of paths) expect(path.startsWith(folder)).toBe(true);

        const provider = await connectRpc(document.rpc);
        const factory = new Contract(document.factory, factoryAbi, provider);
        expect(await factory.getFunction("isCommittee")(document.committee)).toBe(true);
        const { operators } = await new CommitteeReader(provider, document.committee).present();
        expect(operators).toEqual(document.keepers.map(({ operator }) => operator));
        const registry = new Contract(document.registry, registryAbi, provider);
        for (const { operator } of document.providers) {
          expect((await registry.getFunction("provider")(operator)).registeredAt).toBeGreaterThan(0n);
        }
        await expectPayer(provider, document);
        for (const { api } of document.keepers) expect((await fetch(`${api}/healthz`)).status).toBe(200);

        const before = await provider.getBlockNumber();
        await untilTrue(async () => (await provider.getBlockNumber()) >= before + 3);

        const [lost] = document.providers as [DevnetDocument["providers"][number]];
        process.kill(lost.pid, "SIGKILL");
        await untilTrue(gone(lost.pid));
        await untilTrue(async () => devnet.stderr().includes("provider 0 ended unexpectedly"));
        const after = await provider.getBlockNumber();
        await untilTrue(async () => (await provider.getBlockNumber()) >= after + 3);
        provider.destroy();

        devnet.signal("SIGTERM");
        await endsWith(devnet, 0);
        expect(await alive([devnet.pid, ...parts])).toEqual([]);
        expect((await readdir(folder)).length).toBeGreaterThan(0);
        expect(await readdir(dirname(folder))).toEqual(["data"]);
      }),
    start_ms + 200_000,
  );

  it(
    "removes its temporary folder; ends when the chain ends, with what happened",
    async () => {
      const before = await temporaryDevnets();
      const devnet = whitepay(["devnet", "--json", "--providers", "1"]);
      try {
        const document = await whenUp(devnet);
        expect((await temporaryDevnets()).length).toBe(before.length + 1);
        const parts = await partsOf(devnet.pid);
        const daemons = [...document.keepers, ...document.providers].map(({ pid }) => pid);
        const others = parts.filter((pid) => !daemons.includes(pid));
        expect(others).toHaveLength(1);
        process.kill(others[0] as number, "SIGKILL");
        await endsWith(devnet, 1);
        expect(devnet.stderr()).toContain("the chain ended unexpectedly (signal SIGKILL)");
        expect(await alive(parts)).toEqual([]);
        expect(await temporaryDevnets()).toEqual(before);
      } finally {
        devnet.signal("SIGKILL");
        await devnet.ended;
      }
    },
    start_ms + 60_000,
  );

  it(
    "leaves nothing behind when it is interrupted while it starts",
    async () => {
      const before = await temporaryDevnets();
      const devnet = whitepay(["devnet"]);
      await until(devnet, () => devnet.stderr().includes("chain at"), start_ms);
      const parts = await partsOf(devnet.pid);
      devnet.signal("SIGINT");
      await endsWith(devnet, 130);
      expect(devnet.stdout()).toBe("");
      expect(await alive([devnet.pid, ...parts])).toEqual([]);
      expect(await temporaryDevnets()).toEqual(before);
    },
    start_ms,
  );

  it(
    "serves a payer: files are stored with one command, and read back byte for byte",
    () =>
      beside(["devnet", "--json", "--providers", "3"], async (devnet) => {
        const { payerConfig, providers } = await whenUp(devnet);
        const [from, to] = [await temporaryFolder(), join(await temporaryFolder(), "back")];
        const bytes = randomBytes(300_000);
        await mkdir(join(from, "photos"));
        await writeFile(join(from, "photos", "a.jpg"), bytes);
        const on = ["--config", payerConfig, "--json"];
        const words = [join(from, "photos"), "--copies", "3", "--for", "1months", "--yes"];
        const stored = await runCli(["store", ...words, ...on]);
        expect(stored.code, stored.stderr).toBe(0);
        const { items } = JSON.parse(stored.stdout) as { items: { copies: { provider: string }[] }[] };
        expect(items[0]?.copies.map(({ provider }) => provider).sort()).toEqual(
          providers.map(({ operator }) => operator).sort(),
        );
        const read = await runCli(["get", "photos", "--out", to, ...on]);
        expect(read.code, read.stderr).toBe(0);
        expect((await readFile(join(to, "photos", "a.jpg"))).equals(bytes)).toBe(true);
      }),
    start_ms + 200_000,
  );

  it(
    "runs on the port that it is told, with a configuration that the payer's commands take",
    () =>
      beside(["devnet", "--json", "--providers", "1", "--port", "18545"], async (devnet) => {
        const document = await whenUp(devnet);
        expect(document.rpc).toBe("http://127.0.0.1:18545");
        const listed = await runCli(["committee", "list", "--config", document.payerConfig, "--json"]);
        expect(listed, listed.stderr).toMatchObject({ code: 0 });
        expect(JSON.parse(listed.stdout)).toMatchObject({ committees: [{ address: document.committee }] });
      }),
    start_ms,
  );
});
