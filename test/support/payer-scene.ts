/** The surroundings of a payer and a provider: a chain behind JSON-RPC, contracts, a token, registered keepers, a funded account. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet, type JsonRpcProvider } from "ethers";
import { network } from "hardhat";
import { connectRpc } from "../../client/connect.ts";
import { deployAll, type Deployment } from "../../scripts/contracts/artifacts.ts";
import { makeKeeper, registerKeeper, registerProvider, type Keeper } from "../../scripts/fleet/setup.ts";
import { initProvider, loadConfig, loadKeys } from "../../provider/config.ts";
import { signConsent } from "../../provider/consent.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { runCli, startCli, type CliProcess, type CliResult } from "./cli.ts";
import { seededBytes, sharedFolder } from "./files.ts";

export type PayerScene = {
  readonly folder: string;
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly registry: string;
  readonly factory: string;
  readonly token: string;
  readonly keepers: readonly Keeper[];
  readonly payer: Wallet;
  /** Runs a command with the payer's configuration from the scene's folder. */
  run(args: readonly string[], input?: string): Promise<CliResult>;
  /** The JSON document of a command that must succeed. */
  // The test that runs a command knows the shape of its output.
  // oxlint-disable-next-line typescript/no-explicit-any
  json(args: readonly string[]): Promise<any>;
  mine(blocks: number): Promise<void>;
  close(): Promise<void>;
};

/** Enough for every test: ten million tokens and a hundred coins. */
const tokens = 10n ** 25n;

export async function fundAccount(
  scene: Pick<PayerScene, "provider" | "deployment">,
  account: string,
): Promise<void> {
  await scene.provider.send("hardhat_setBalance", [account, "0x56bc75e2d63100000"]);
  const mint = scene.deployment.token.getFunction("mint");
  await (await mint(account, tokens)).wait();
}

/** `keepers` are registered; the payer has a key file, `payer.yaml` and money. */
export async function payerScene({ keepers: count = 5 } = {}): Promise<PayerScene> {
  const { folder, remove } = await sharedFolder();
  const server = await network.createServer({ network: "hardhat", chainType: "l1" }, "127.0.0.1", 0);
  const { address, port } = await server.listen();
  const rpc = `http://${address}:${port}`;
  const provider = await connectRpc(rpc);
  const deployment = await deployAll(await provider.getSigner(0));
  const keepers: Keeper[] = [];
  for (let index = 0; index < count; index++) {
    const keeper = await makeKeeper(folder, index, 20_000 + index);
    await provider.send("hardhat_setBalance", [keeper.operator, "0x56bc75e2d63100000"]);
    await registerKeeper(provider, deployment.registry, keeper);
    keepers.push(keeper);
  }
  const [registry, factory, token] = await Promise.all([
    deployment.registry.getAddress(),
    deployment.factory.getAddress(),
    deployment.token.getAddress(),
  ]);
  const payer = Wallet.createRandom();
  await fundAccount({ provider, deployment }, payer.address);
  await writePayer(folder, { rpc, factory, payer: payer.privateKey });
  const run = (args: readonly string[], input?: string): Promise<CliResult> =>
    runCli([...args, "--config", join(folder, "payer.yaml")], input === undefined ? {} : { input });
  return {
    folder,
    rpc,
    provider,
    deployment,
    registry,
    factory,
    token,
    keepers,
    payer: new Wallet(payer.privateKey, provider),
    run,
    async json(args) {
      const result = await run([...args, "--json"]);
      if (result.code !== 0) throw new Error(`${args.join(" ")}: exit ${result.code}\n${result.stderr}`);
      return JSON.parse(result.stdout) as unknown;
    },
    async mine(blocks) {
      await provider.send("hardhat_mine", [`0x${blocks.toString(16)}`]);
    },
    async close() {
      provider.destroy();
      await server.close();
      await remove();
    },
  };
}

async function writePayer(
  folder: string,
  { rpc, factory, payer }: { readonly rpc: string; readonly factory: string; readonly payer: string },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const [secret, password, key] = ["secret", "password", "payer.json"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const [path, text] of [
    [secret, payer],
    [password, "payer's password"],
  ] as const) {
    await writeFile(path, `${text}\n`);
    await chmod(path, 0o600);
  }
  const made = await runCli(
    ["group", "key", "--out", key, "--from-file", secret, "--password-file", password].concat(
      "--kdf",
      "light",
    ),
  );
  if (made.code !== 0) throw new Error(made.stderr);
  const config = `chain:\n  rpc: ["${rpc}"]\n  factory: "${factory}"\nkey: payer.json\npasswordFile: password\n`;
  await writeFile(join(folder, "payer.yaml"), config);
}

export type StoringProvider = {
  readonly operator: string;
  readonly dataDir: string;
  readonly config: string;
  /** The payer's files, in the order of the list. */
  readonly files: readonly string[];
  /** Writes its consent for a group, with the next number. */
  consent(group: string, path: string): Promise<void>;
  /** The daemon, serving that group; resolves when it is up. */
  start(group: string): Promise<CliProcess>;
};

const chainId = 31_337;

/** A registered provider that stores files of the payer's; `seed` makes their bytes, so two providers may hold the same. */
export async function storingProvider(
  scene: PayerScene,
  name: string,
  port: number,
  {
    sizes = [100_000, 100_001],
    seed = port,
  }: { readonly sizes?: readonly number[]; readonly seed?: number } = {},
): Promise<StoringProvider> {
  const { folder, rpc, registry, provider } = scene;
  const dataDir = join(folder, name);
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  const passwordFile = join(folder, "password");
  const password = "payer's password";
  const of = { dataDir, chainId, rpc: [rpc], registry, listen, groups: [] };
  const paths = await initProvider({ ...of, password, passwordFile, kdf: "light" });
  const keys = await loadKeys(paths.keys, password);
  const files = sizes.map((_, index) => join(dataDir, `file-${index}`));
  for (const [index, file] of files.entries())
    await writeFile(file, seededBytes(sizes[index] ?? 0, seed + index));
  const list = await ingestFiles(await loadConfig(paths.config), files);
  const wallet = new Wallet(toHex(keys.operator), provider);
  await provider.send("hardhat_setBalance", [wallet.address, "0x56bc75e2d63100000"]);
  const identity = { wallet, payee: wallet.address, peerSeed: toHex(keys.peer), port };
  await registerProvider(scene.deployment.registry, identity);
  let sequence = 0;
  return {
    operator: wallet.address,
    dataDir,
    config: paths.config,
    files,
    async consent(group, path) {
      const data = { listRoot: toHex(list.root), bytes: list.totalBytes, sequence: ++sequence };
      const consent = await signConsent(keys, {
        chainId,
        group: group.toLowerCase() as `0x${string}`,
        ...data,
      });
      await writeFile(path, JSON.stringify({ ...consent, bytes: String(consent.bytes) }));
    },
    async start(group) {
      const text = (await readFile(paths.config, "utf8")).replace("groups: []", `groups: ["${group}"]`);
      await writeFile(paths.config, text);
      const running = startCli(["provider", "run", "--config", paths.config]);
      await running.said('"event":"ready"');
      return running;
    },
  };
}

/** Ends a daemon and waits for it. */
export async function end(running: CliProcess): Promise<void> {
  running.child.kill("SIGTERM");
  await running.ended;
}

/** A key file of an account with coin and tokens, and the flags of commands that sign with it. */
export async function accountFlags(
  scene: Pick<PayerScene, "folder" | "provider" | "deployment">,
  name: string,
  privateKey: string,
): Promise<readonly string[]> {
  const [secret, password, key] = ["secret", "password", "json"].map((end) =>
    join(scene.folder, `${name}.${end}`),
  ) as [string, string, string];
  await writeFile(secret, `${privateKey}\n`, { mode: 0o600 });
  await writeFile(password, "of an account\n", { mode: 0o600 });
  const words = ["group", "key", "--out", key, "--from-file", secret, "--password-file", password];
  const made = await runCli([...words, "--kdf", "light"]);
  if (made.code !== 0) throw new Error(made.stderr);
  await fundAccount(scene, new Wallet(privateKey).address);
  return ["--key", key, "--password-file", password];
}
