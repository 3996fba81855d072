/** Faults around the command line, one row each: what is called, and what it has to say. */
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cliScript } from "../../scripts/paths.ts";
import { runCli, start, type CliResult } from "../support/cli.ts";
import type { OperatingWorld } from "../support/operating-world.ts";
import { startOnSmallDisk } from "../support/small-disk.ts";

/** An address without a contract. */
const nowhere = `0x${"a1".repeat(20)}`;
const payee = `0x${"77".repeat(20)}`;

export type Row = {
  readonly name: string;
  readonly run: (world: OperatingWorld) => Promise<CliResult>;
  readonly code: number;
  /** Texts that stderr must contain. */
  readonly says: readonly (string | RegExp)[];
  /** Whether stderr must be a single line. */
  readonly oneLine?: boolean;
  /** The expected stdout; by default it must be empty. */
  readonly shows?: RegExp;
};

const keeper = (world: OperatingWorld, command: string, ...rest: string[]): Promise<CliResult> =>
  runCli(["keeper", command, "--config", world.keeper, ...rest]);
const provider = (world: OperatingWorld, command: string, ...rest: string[]): Promise<CliResult> =>
  runCli(["provider", command, "--config", world.provider, ...rest]);
const payer = (world: OperatingWorld, command: string, ...rest: string[]): Promise<CliResult> =>
  world.scene.run(["group", ...command.split(" "), ...rest]);
/** With a data folder of its own: rows run beside each other, and a folder has one keeper (D9). */
const runKeeper = (world: OperatingWorld, folder: string, ...rest: string[]): Promise<CliResult> =>
  keeper(world, "run", "--data-dir", join(world.scene.folder, folder), ...rest);
const fresh = (world: OperatingWorld): string[] => ["--rpc", world.fresh];
const atPort = (port: string): string => `/ip4/127.0.0.1/tcp/${port}`;
const file = (world: OperatingWorld): string => join(world.scene.folder, "file.bin");
/** The chain's port: another process than the command's listens there. */
const taken = (world: OperatingWorld): string => new URL(world.scene.rpc).port;

const ports: readonly Row[] = [
  {
    name: "a keeper whose API port is taken",
    run: (world) => runKeeper(world, "api-port", "--api-port", taken(world)),
    code: 2,
    says: ["api.port: cannot listen on 127.0.0.1:", "another process listens there", "set another port"],
    oneLine: true,
  },
  {
    name: "a keeper whose libp2p port is taken",
    run: (world) => runKeeper(world, "libp2p-port", "--listen", atPort(taken(world))),
    code: 2,
    says: ["listen: cannot listen on 127.0.0.1:", "another process listens there", "set another port"],
    oneLine: true,
  },
  {
    name: "a provider whose libp2p port is taken",
    run: (world) => provider(world, "run", "--listen", atPort(taken(world))),
    code: 2,
    says: ["listen: cannot listen on 127.0.0.1:", "another process listens there", "set another port"],
    oneLine: true,
  },
  {
    name: "a keeper that is to listen at an address of another machine",
    run: (world) => runKeeper(world, "elsewhere", "--listen", "/ip4/192.0.2.1/tcp/4001"),
    code: 2,
    says: ["listen: cannot listen on 192.0.2.1:4001", "this machine has no such address"],
    oneLine: true,
  },
];

const anew =
  /hint: +check the address and the chain; a restarted local chain has none of its earlier contracts/;
const contracts: readonly Row[] = [
  {
    name: "a keeper that registers on a chain that was started anew",
    run: (world) => keeper(world, "register", "--payee", payee, "--yes", ...fresh(world)),
    code: 2,
    says: [/there is no registry at 0x[0-9a-fA-F]{40}$/m, "actual:   no contract", anew],
  },
  {
    name: "a keeper that looks at its place on a chain that was started anew",
    run: (world) => keeper(world, "status", ...fresh(world)),
    code: 1,
    says: ["no keeper runs here"],
    shows: /^chain +there is no registry at 0x/m,
  },
  {
    name: "a keeper that is checked with the address of another contract as its factory",
    run: (world) => keeper(world, "check", "--factories", world.scene.token),
    code: 1,
    says: [/^whitepay: failed checks: \d of \d+, first: registry$/m],
    shows: /^fail +seats +there is no factory at 0x/m,
  },
  {
    name: "a provider that registers on a chain that was started anew",
    run: (world) => provider(world, "register", "--payee", payee, "--yes", ...fresh(world)),
    code: 2,
    says: ["there is no registry at", "actual:   no contract", anew],
  },
  {
    name: "a provider that asks for the status of a group of an earlier chain",
    run: (world) => provider(world, "status", "--group", world.group, ...fresh(world)),
    code: 2,
    says: ["there is no registry at", anew],
  },
  {
    name: "a provider that asks what it earned where no group is",
    run: (world) => provider(world, "earnings", "--group", nowhere),
    code: 2,
    says: [`there is no group at ${nowhere}`, "expected: the contract of a group", anew],
  },
  {
    name: "a consent for a group that is not there",
    run: (world) => provider(world, "consent", "--group", nowhere, "--price", "1"),
    code: 2,
    says: [`no contract at ${nowhere}`],
  },
  {
    name: "a payer who asks for the status of a group of an earlier chain",
    run: (world) => payer(world, "status", "--group", world.group, ...fresh(world)),
    code: 2,
    says: ["there is no group at 0x", "actual:   no contract", anew],
  },
  {
    name: "a payer whose group address is that of another contract",
    run: (world) => payer(world, "status", "--group", world.scene.token),
    code: 2,
    says: ["there is no group at", "actual:   a contract of another kind"],
  },
  {
    name: "a group created by a factory that is not there",
    run: async (world) => payer(world, "create", await groupFile(world), "--yes", "--factory", nowhere),
    code: 2,
    says: [`there is no factory at ${nowhere}`, "expected: the contract of a factory", anew],
  },
  {
    name: "a keeper replaced by an operator that is not a keeper",
    run: (world) =>
      payer(
        world,
        `replace-keeper ${world.scene.keepers[0]?.operator} ${payee}`,
        "--group",
        world.group,
        "--yes",
      ),
    code: 4,
    says: [
      /the contract refused proposing 0x\w+ in place of keeper 0, 0x\w+: not a keeper \(/,
      "rule R3: a committee has registered keepers only",
    ],
  },
];

/** A group file with four keepers. */
async function groupFile({ scene }: OperatingWorld): Promise<string> {
  const { folder, keepers, token } = scene;
  const operators = keepers.map(({ operator }) => operator);
  const file = join(folder, "group.yaml");
  const root = `0x${"12".repeat(32)}`;
  await writeFile(
    file,
    `preset: devnet
blockTime_s: 1
token: "${token}"
pricePerMonth: "1"
keepers: [${operators.map((one) => `"${one}"`).join(", ")}]
providers:
  - operator: "${payee}"
    data: { root: "${root}", bytes: "1000" }
`,
  );
  return file;
}

const money: readonly Row[] = [
  {
    name: "more money than the payer has, in whole tokens",
    run: (world) => payer(world, "fund 99999999999", "--group", world.group, "--yes"),
    code: 5,
    says: [/has too little WPD$/m, "expected: at least 99999999999 WPD", "actual:   9999000 WPD"],
  },
  {
    name: "a withdrawal of more than is free, in whole tokens",
    run: (world) => payer(world, "withdraw 99999", "--group", world.group, "--yes"),
    code: 4,
    says: [
      "rule R32: the escrow must cover what is required",
      /expected: at least 99999\.\d+ WPD/,
      "actual:   1000 WPD",
    ],
  },
  {
    name: "an amount with a comma",
    run: (world) => payer(world, "fund 12,5", "--group", world.group),
    code: 2,
    says: ["an amount is not valid", "whole tokens in decimal digits", 'actual:   "12,5"'],
  },
];

const endpoints: readonly Row[] = [
  {
    name: "no chain at the endpoint",
    run: (world) => payer(world, "status", "--group", world.group, "--rpc", "http://127.0.0.1:1"),
    code: 3,
    says: ["no chain answers at http://127.0.0.1:1", "check the address, and that the node runs"],
  },
  {
    name: "an endpoint that is a web page",
    run: (world) => keeper(world, "register", "--payee", payee, "--yes", "--rpc", world.website),
    code: 3,
    says: ["no chain answers at http://127.0.0.1:", "check the address, and that the node runs"],
  },
  {
    name: "an endpoint of another chain",
    run: (world) => keeper(world, "register", "--payee", payee, "--yes", "--chain-id", "5"),
    code: 3,
    says: ["serves another chain", "expected: chain 5", "actual:   chain 31337"],
  },
];

/** Writes a changed copy of the keeper's configuration beside it. */
async function changed(
  world: OperatingWorld,
  name: string,
  change: (text: string) => string,
): Promise<string> {
  const file = join(dirname(world.keeper), `${name}.yaml`);
  await writeFile(file, change(await readFile(world.keeper, "utf8")));
  return file;
}
const withConfig = async (
  world: OperatingWorld,
  name: string,
  change: (text: string) => string,
): Promise<CliResult> => runCli(["keeper", "run", "--config", await changed(world, name, change)]);

const configs: readonly Row[] = [
  {
    name: "a misspelt key in place of one that is needed",
    run: (world) => withConfig(world, "misspelt", (text) => text.replace("registry:", "registy:")),
    code: 2,
    says: [/misspelt\.yaml:\d+: chain\.registy: unknown key; did you mean "registry"\?/],
    oneLine: true,
  },
  {
    name: "a key in another case",
    run: (world) => withConfig(world, "case", (text) => text.replace("dataDir:", "data_dir:")),
    code: 2,
    says: [/case\.yaml:2: data_dir: unknown key; did you mean "dataDir"\?/],
    oneLine: true,
  },
  {
    name: "a key that is like none",
    run: (world) => withConfig(world, "unlike", (text) => `${text}colour: blue\n`),
    code: 2,
    says: [/unlike\.yaml:\d+: colour: unknown key; expected one of dataDir, chain, policy, /],
    oneLine: true,
  },
  {
    name: "a key that is missing",
    run: (world) => withConfig(world, "missing", (text) => text.replace(/ {2}registry: .*\n/, "")),
    code: 2,
    says: [
      /missing\.yaml:3: chain\.registry: missing \(the Registry contract\); set it there, by WHITEPAY_REGISTRY or by --registry/,
    ],
    oneLine: true,
  },
  {
    name: "a folder in place of a configuration",
    run: (world) => runCli(["keeper", "run", "--config", dirname(world.keeper)]),
    code: 2,
    says: [/keeper: cannot be read: it is a folder, expected a file/],
    oneLine: true,
  },
  {
    name: "keys that are not there",
    run: (world) => keeper(world, "run", "--keys", join(world.keeper, "..", "none")),
    code: 2,
    says: [/none: cannot be read: there is no such file or folder; "whitepay keeper init"/],
    oneLine: true,
  },
  {
    name: "a data folder below a file",
    run: (world) => keeper(world, "run", "--data-dir", join(world.keeper, "below")),
    code: 2,
    says: [/keeper\.yaml\/below cannot be used: a part of the path is a file, expected a folder/],
  },
];

const withVariable = (world: OperatingWorld, name: string, command: string[]): Promise<CliResult> =>
  runCli([...command, "--rpc", world.scene.rpc], { env: { [name]: "9464" } });

const variables: readonly Row[] = [
  {
    name: "a misspelt variable of a keeper",
    run: (world) => withVariable(world, "WHITEPAY_API_PROT", ["keeper", "run", "--config", world.keeper]),
    code: 2,
    says: [
      /^whitepay: WHITEPAY_API_PROT: unknown variable; did you mean WHITEPAY_API_PORT\?$/m,
      "hint:     correct the name, or unset the variable",
    ],
  },
  {
    name: "a misspelt variable of a provider",
    run: (world) => withVariable(world, "WHITEPAY_DATADIR", ["provider", "list", "--config", world.provider]),
    code: 2,
    says: ["WHITEPAY_DATADIR: unknown variable; did you mean WHITEPAY_DATA_DIR?"],
  },
  {
    name: "a variable that is like none, for a payer",
    run: (world) => withVariable(world, "WHITEPAY_RPC_URL", ["group", "status", "--group", world.group]),
    code: 2,
    says: ["WHITEPAY_RPC_URL: unknown variable; expected one of WHITEPAY_CHAIN_ID, WHITEPAY_RPC, "],
  },
];

/** The command with its data on a disk of so many KiB; where that cannot be, with output that goes to /dev/full. */
async function onSmallDisk(world: OperatingWorld, kib: number, ...words: string[]): Promise<CliResult> {
  const folder = join(world.scene.folder, `disk-${kib}`);
  if (!world.disks) return toFullDevice(["presets"]);
  return (await startOnSmallDisk([...words, "--data-dir", folder], { folder, kib })).ended;
}

export function toFullDevice(args: readonly string[]): Promise<CliResult> {
  const line = `exec "$@" > /dev/full`;
  return start("sh", ["-c", line, "sh", process.execPath, cliScript, ...args]).ended;
}

export const full = [
  /the disk is full/,
  "expected: free disk space",
  "hint:     free disk space, then re-run",
];
const disks: readonly Row[] = [
  {
    name: "output on a full disk",
    run: () => toFullDevice(["presets"]),
    code: 1,
    says: full,
  },
  {
    name: "a keeper that begins on a full disk",
    run: (world) => onSmallDisk(world, 4, "keeper", "run", "--config", world.keeper),
    code: 1,
    says: full,
  },
  {
    name: "a provider that stores more than there is room for",
    run: (world) => onSmallDisk(world, 200, "provider", "ingest", file(world), "--config", world.provider),
    code: 1,
    says: full,
  },
  {
    name: "a provider that begins on a full disk",
    run: (world) => onSmallDisk(world, 4, "provider", "run", "--config", world.provider),
    code: 1,
    says: full,
  },
];

export const rows = [...ports, ...contracts, ...money, ...endpoints, ...configs, ...variables, ...disks];
