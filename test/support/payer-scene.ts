/** The surroundings of a payer and a provider: a chain behind JSON-RPC, contracts, a token, registered keepers, a funded account. */
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Wallet, type JsonRpcProvider } from "ethers";
import { network } from "hardhat";
import { lockupBound } from "../../protocol/group-bounds.ts";
import { devnetRhythm } from "../../cli/chain/presets.ts";
import { connectRpc } from "../../client/connect.ts";
import { GroupView, type GroupConfig } from "../../client/group-view.ts";
import { signFirstConsent, type CommitteeDraft } from "../../client/member-consents.ts";
import { groupStatus, type GroupStatus } from "../../client/status.ts";
import { deployAll, type Deployment } from "../../scripts/contracts/artifacts.ts";
import {
  makeKeeper,
  registerKeeper,
  registerProvider,
  writeKeeperConfig,
  type Keeper,
} from "../../scripts/fleet/setup.ts";
import { initProvider, loadConfig, loadKeys } from "../../provider/config.ts";
import { consentFor } from "../../provider/consent.ts";
import { ingestFiles } from "../../provider/ingest.ts";
import { toHex } from "../../storage/core/bytes.ts";
import { runCli, startCli, type CliProcess, type CliResult } from "./cli.ts";
import { ClientWorld, type Served } from "./contracts/client-world.ts";
import type { Committee } from "./contracts/committee-contract.ts";
import { CommitteeWorld } from "./contracts/committee-world.ts";
import { remoteChain } from "./contracts/remote-chain.ts";
import type { Keeper as Member } from "./contracts/basics.ts";
import { seededBytes, sharedFolder } from "./files.ts";

export type PayerScene = {
  readonly folder: string;
  readonly rpc: string;
  readonly provider: JsonRpcProvider;
  readonly deployment: Deployment;
  readonly registry: string;
  readonly factory: string;
  readonly token: string;
  readonly lens: string;
  readonly keepers: readonly Keeper[];
  readonly payer: Wallet;
  /** Committees and groups of the payer, made through the client. */
  readonly world: ClientWorld;
  /** Runs a command with the payer's configuration from the scene's folder. */
  run(args: readonly string[], input?: string): Promise<CliResult>;
  /** The JSON document of a command that must succeed. */
  // The test that runs a command knows the shape of its output.
  // oxlint-disable-next-line typescript/no-explicit-any
  json(args: readonly string[]): Promise<any>;
  mine(blocks: number): Promise<void>;
  close(): Promise<void>;
};

const chainId = 31_337;

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
  const [registry, factory, token, lens] = await Promise.all([
    deployment.registry.getAddress(),
    deployment.factory.getAddress(),
    deployment.token.getAddress(),
    deployment.lens.getAddress(),
  ]);
  const payer = new Wallet(Wallet.createRandom().privateKey, provider);
  await fundAccount({ provider, deployment }, payer.address);
  await writePayer(folder, { rpc, factory, lens, payer: payer.privateKey });
  const committees = new CommitteeWorld(await remoteChain(provider), deployment, payer);
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
    lens,
    keepers,
    payer,
    world: new ClientWorld(committees, { lens, factory }),
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
  {
    rpc,
    factory,
    lens,
    payer,
  }: { readonly rpc: string; readonly factory: string; readonly lens: string; readonly payer: string },
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
  const config = `chain:\n  rpc: ["${rpc}"]\n  factory: "${factory}"\n  lens: "${lens}"\nkey: payer.json\npasswordFile: password\n`;
  await writeFile(join(folder, "payer.yaml"), config);
}

/** The file from which a keeper starts. */
export function keeperConfig(
  { rpc, registry, factory }: Pick<PayerScene, "rpc" | "registry" | "factory">,
  keeper: Keeper,
): Promise<string> {
  return writeKeeperConfig(keeper, { rpc: [rpc], chainId, registry, factory });
}

/** The keepers as signers of a committee. */
export function membersOf({ keepers, provider }: Pick<PayerScene, "keepers" | "provider">): Member[] {
  return keepers.map(({ keys }) => ({
    secret: BigInt(keys.bls),
    operator: new Wallet(keys.operator, provider),
  }));
}

/** The payer's group and its committee. */
export type PaidGroup = Served & {
  readonly address: string;
  readonly committee: Committee;
  readonly view: GroupView;
};

/** A GiB for one block costs 0.000001 of a token with 18 decimals. */
const scenePrice = (10n ** 12n) << 34n;
export const sceneLockup = lockupBound(devnetRhythm, 4);

/** A group that has entered a committee of its own, of the first four keepers, with a thousand tokens in its escrow. */
export async function newGroup(
  scene: PayerScene,
  change: { readonly config?: Partial<GroupConfig>; readonly members?: readonly Member[] } = {},
): Promise<PaidGroup> {
  const { world } = scene;
  const { members = membersOf(scene).slice(0, 4), config } = change;
  const token = config?.token ?? scene.token;
  const committee = await world.form(members, { rhythm: devnetRhythm, terms: { token } });
  const deposit = 1_000n * 10n ** 18n;
  const served = await world.group(committee, { config: { lockup: sceneLockup, ...config }, deposit });
  const { address } = served.at;
  return { ...served, address, committee, view: new GroupView(scene.provider, served.at) };
}

/** Writes the consents of a draft's keepers, as `committee join --draft` prints them, and returns the files' names. */
export async function consentFiles(
  scene: PayerScene,
  draft: CommitteeDraft,
  name: string,
): Promise<string[]> {
  const members = membersOf(scene);
  return Promise.all(
    draft.operators.map(async (address) => {
      const operator = members.find(({ operator: { address: own } }) => own === address)?.operator;
      if (operator === undefined) throw new Error(`${address}: expected a keeper of the scene`);
      const consent = await signFirstConsent(operator, draft, { deadline: 1_000_000 });
      const file = `${name}-${address.slice(2, 8)}.seat.json`;
      await writeFile(join(scene.folder, file), asJson(consent));
      return file;
    }),
  );
}

export type StoringProvider = {
  readonly operator: string;
  readonly dataDir: string;
  readonly config: string;
  /** The payer's files, in the order of the list. */
  readonly files: readonly string[];
  /** Writes its consent for a group, with the next number, at `scenePrice` unless said otherwise. */
  consent(group: string, path: string, price?: bigint): Promise<void>;
  /** The daemon, serving that group; resolves when it is up. */
  start(group: string): Promise<CliProcess>;
};

/** JSON with amounts as decimal text, as the commands print it. */
export function asJson(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one));
}

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
  const { folder, rpc, registry, lens, provider } = scene;
  const dataDir = join(folder, name);
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  const passwordFile = join(folder, "password");
  const password = "payer's password";
  const of = { dataDir, chainId, rpc: [rpc], registry, lens, listen, groups: [] };
  const paths = await initProvider({ ...of, password, passwordFile, kdf: "light" });
  const keys = await loadKeys(paths.keys, password);
  const files = sizes.map((_, index) => join(dataDir, `file-${index}`));
  for (const [index, file] of files.entries())
    await writeFile(file, seededBytes(sizes[index] ?? 0, seed + index));
  const config = await loadConfig(paths.config);
  await ingestFiles(config, files);
  const wallet = new Wallet(toHex(keys.operator), provider);
  await provider.send("hardhat_setBalance", [wallet.address, "0x56bc75e2d63100000"]);
  const identity = { wallet, payee: wallet.address, peerSeed: toHex(keys.peer), port };
  await registerProvider(scene.deployment.registry, identity);
  return {
    operator: wallet.address,
    dataDir,
    config: paths.config,
    files,
    async consent(group, path, price = scenePrice) {
      const consent = await consentFor(config, keys, group.toLowerCase() as `0x${string}`, { price });
      await writeFile(path, asJson(consent));
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

export function statusOf({ provider, lens }: PayerScene, group: string): Promise<GroupStatus> {
  return groupStatus(provider, { address: group, lens });
}

/** The grade of each check, by its name. */
export function grades(checks: readonly { readonly name: string; readonly grade: string }[]): object {
  return Object.fromEntries(checks.map(({ name, grade }) => [name, grade]));
}
