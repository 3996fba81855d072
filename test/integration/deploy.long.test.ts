/** `whitepay deploy` interrupted, on other chains, by nonce, and as a command. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { getCreateAddress, Wallet, type JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { knownDeployments } from "../../cli/chain/deployments.ts";
import { exitCodes } from "../../cli/console/exit.ts";
import { proxySigner } from "../../cli/deploy/proxy.ts";
import { deployMissing, type DeployResult } from "../../cli/deploy/run.ts";
import type { SurveyOptions } from "../../cli/deploy/survey.ts";
import { partNames, readSystemCode, type SystemCode } from "../../cli/deploy/system.ts";
import { connectRpc } from "../../client/connect.ts";
import { sealKey } from "../../daemon/keys/keystore.ts";
import type { Hex } from "../../protocol/hash.ts";
import { runCli, type CliResult } from "../support/cli.ts";
import {
  Interrupted,
  openAnvilScene,
  openDeployScene,
  replayProtected,
  richAccount,
  type DeployScene,
} from "../support/deploy-scene.ts";
import { temporaryFolder } from "../support/files.ts";

let code: SystemCode;
let scene: DeployScene;
let snapshot: unknown;
let signer: Wallet;

beforeAll(async () => {
  code = await readSystemCode();
  scene = await openDeployScene();
});
afterAll(() => scene.close());
beforeEach(async () => {
  if (snapshot !== undefined) await scene.provider.send("evm_revert", [snapshot]);
  snapshot = await scene.provider.send("evm_snapshot", []);
  signer = await richAccount(scene);
});

function deploy(
  options: SurveyOptions = {},
  onSent?: (hash: string) => Promise<void>,
  { provider, as }: { provider: JsonRpcProvider; as: Wallet } = { provider: scene.provider, as: signer },
): Promise<DeployResult> {
  const run = { provider, signer: as, code, options };
  return deployMissing(onSent === undefined ? run : { ...run, onSent });
}

describe("a deployment", () => {
  it("has the same addresses on a chain with another history and another id", async () => {
    const here = await deploy();
    const elsewhere = await openDeployScene("prague");
    await elsewhere.provider.send("hardhat_mine", ["0x10"]);
    const as = await richAccount(elsewhere);
    const there = await deploy({}, undefined, { provider: elsewhere.provider, as });
    await elsewhere.close();
    expect(there.survey.layout).toEqual(here.survey.layout);
  });

  it("is the same on anvil, and goes on there after an interruption", async () => {
    const here = await deploy();
    const anvil = await openAnvilScene();
    try {
      const as = await richAccount(anvil);
      const there = { provider: anvil.provider, as };
      await expect(deploy({}, () => Promise.reject(new Interrupted()), there)).rejects.toThrow(Interrupted);
      const { survey: done, transactions } = await deploy({}, undefined, there);
      expect(done.layout).toEqual(here.survey.layout);
      expect(done.created).toBe(partNames.length);
      // Anvil has the deployment proxy from the start; the interrupted run created the deployer.
      expect(transactions).toHaveLength(partNames.length);
      for (const name of partNames) {
        const address = done.layout.parts[name];
        expect(await anvil.provider.getCode(address)).toBe(await scene.provider.getCode(address));
      }
    } finally {
      await anvil.close();
    }
  });

  it("goes on after an interruption behind each of its transactions, and sends none twice", async () => {
    let sent = 0;
    for (let runs = 1; ; runs += 1) {
      try {
        const { survey: done } = await deploy({}, async () => {
          sent += 1;
          throw new Interrupted();
        });
        expect(done.created).toBe(partNames.length);
        expect(runs).toBe(3 + partNames.length + 1);
        break;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
      }
    }
    expect(sent).toBe(3 + partNames.length);
    expect(await scene.provider.getTransactionCount(signer.address)).toBe(2 + partNames.length);
  });

  it("waits for the transaction that an interrupted run left in the pool", async () => {
    await scene.provider.send("evm_setAutomine", [false]);
    await expect(deploy({}, () => Promise.reject(new Interrupted()))).rejects.toThrow(Interrupted);
    const going = deploy();
    await new Promise((next) => setTimeout(next, 1_500));
    expect(await scene.provider.getTransactionCount(signer.address, "pending")).toBe(1);
    await scene.provider.send("evm_setAutomine", [true]);
    await scene.provider.send("evm_mine", []);
    expect((await going).transactions).toHaveLength(1 + partNames.length);
  });
});

describe("a chain that refuses transactions without a chain id", () => {
  it("gets the contracts by nonce, without paying for the proxy; goes on after each interruption", async () => {
    const endpoint = await replayProtected(scene.rpc);
    const provider = await connectRpc(endpoint.url);
    provider.pollingInterval = 50;
    const as = signer.connect(provider);
    let interruptions = 0;
    for (;;) {
      try {
        const run = deploy({}, () => Promise.reject(new Interrupted()), { provider, as });
        const { survey: done } = await run;
        expect(done).toMatchObject({ way: "nonce", created: partNames.length });
        expect(done.layout.deployer).toBe(getCreateAddress({ from: signer.address, nonce: 0 }));
        break;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        interruptions += 1;
      }
    }
    expect(interruptions).toBe(1 + partNames.length);
    expect(await provider.getBalance(proxySigner)).toBe(0n);
    expect(await provider.getTransactionCount(signer.address)).toBe(1 + partNames.length);
    provider.destroy();
    await endpoint.close();
  });
});

describe("the command", () => {
  async function run(folder: string, args: readonly string[], env = {}): Promise<CliResult> {
    const [file, passwordFile] = [join(folder, "key.json"), join(folder, "password")];
    await writeFile(file, await sealKey("operator", signer.privateKey as Hex, "password", "light"), {
      mode: 0o600,
    });
    await writeFile(passwordFile, "password\n", { mode: 0o600 });
    const words = ["deploy", "--rpc", scene.rpc, "--key", file, "--password-file", passwordFile, ...args];
    return runCli(words, { cwd: folder, env });
  }

  it("shows what it costs, deploys, writes addresses and verification, and has nothing to do the second time", async () => {
    const folder = await temporaryFolder();
    const dry = await run(folder, ["--dry-run"]);
    expect(dry, dry.stderr).toMatchObject({ code: 0 });
    expect(dry.stderr).toContain(`${3 + partNames.length} transactions:`);
    expect(dry.stderr).toMatch(
      /about \d+ gas, at up to [\d.]+ gwei: costs about [\d.]+ at most, with 0.01 for the proxy/,
    );
    expect(dry.stderr).toContain("nothing sent (--dry-run)");
    expect(await scene.provider.getTransactionCount(signer.address)).toBe(0);

    const first = await run(folder, ["--yes", "--json"]);
    expect(first, first.stderr).toMatchObject({ code: 0 });
    const document = JSON.parse(first.stdout) as Record<string, string> & { transactions: object[] };
    expect(document).toMatchObject({ chainId: "31337", way: "proxy", complete: true, missing: [] });
    expect(document.transactions).toHaveLength(2 + partNames.length);

    const again = await run(folder, ["--yes"]);
    expect(again, again.stderr).toMatchObject({ code: 0 });
    expect(again.stderr).toContain("nothing to do: everything is there");
    expect(again.stdout).toContain(`factory: "${document["factory"]}"`);

    const written = join(folder, "whitepay-31337");
    const known = knownDeployments({ WHITEPAY_DEPLOYMENTS: await onlyFile(written, folder) }).get(31_337);
    expect(known).toMatchObject({ factory: document["factory"], way: "proxy" });
    const verification = JSON.parse(
      await readFile(join(written, "verification", "contracts.json"), "utf8"),
    ) as {
      contract: string;
      input: string;
      compiler: string;
      constructorArguments: string;
      address: string;
    }[];
    expect(verification).toHaveLength(1 + partNames.length);
    const factory = verification.find(({ contract }) => contract.endsWith(":UpkeepingFactory"));
    expect(factory).toMatchObject({ address: document["factory"], compiler: "v0.8.37+commit.f401782d" });
    expect(factory?.constructorArguments).toContain((document["registry"] as string).slice(2).toLowerCase());
    const input = JSON.parse(
      await readFile(join(written, "verification", "UpkeepingFactory.json"), "utf8"),
    ) as {
      sources: Record<string, { content: string }>;
    };
    const [path = ""] = factory?.contract.split(":") ?? [];
    expect(input.sources[path]?.content).toBe(
      await readFile(new URL("../../contracts/UpkeepingFactory.sol", import.meta.url), "utf8"),
    );
  }, 120_000);

  it("says what is missing and what to do: coin", async () => {
    await scene.provider.send("hardhat_setBalance", [signer.address, "0x1000"]);
    const poor = await run(await temporaryFolder(), ["--yes"]);
    expect(poor.code, poor.stderr).toBe(exitCodes.funds);
    expect(poor.stderr).toContain("nothing was sent");
  });
});

/** The file of the deployment alone in a folder. */
async function onlyFile(written: string, folder: string): Promise<string> {
  const known = join(folder, "known");
  await mkdir(known);
  await writeFile(join(known, "31337.json"), await readFile(join(written, "31337.json"), "utf8"));
  return known;
}
