/**
 * What goes wrong around the command line, one row each: a process that says in words what was wrong and what to do, and ends
 * with the documented exit code (docs/operating.md, "Exit codes"). The chain is a real one. A full disk is a small tmpfs in a mount
 * namespace of its own; where the system refuses that, the same row writes to /dev/full instead.
 */
import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { network } from "hardhat";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGroup } from "../../scripts/fleet/setup.ts";
import { freePorts } from "../../scripts/lib/ports.ts";
import { runCli, start, startCli, type CliResult } from "../support/cli.ts";
import { sceneParams } from "../support/keeper-scene.ts";
import { payerScene, type PayerScene } from "../support/payer-scene.ts";
import { canMount, startOnSmallDisk } from "../support/small-disk.ts";
import { seededBytes } from "../support/files.ts";
import { cliScript } from "../../scripts/lib/paths.ts";

/** Nothing is at this address. */
const nowhere = `0x${"a1".repeat(20)}`;
const payee = `0x${"77".repeat(20)}`;

type World = {
  readonly scene: PayerScene;
  /** A chain that was started anew: none of the contracts is there. */
  readonly fresh: string;
  /** An HTTP server that is no chain. */
  readonly website: string;
  readonly keeper: string;
  readonly provider: string;
  readonly group: string;
  readonly disks: boolean;
  readonly close: () => Promise<void>;
};
let world: World;

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function made(words: readonly string[]): Promise<string> {
  const result = await runCli(words);
  expect(result.code, result.stderr).toBe(0);
  return (JSON.parse(result.stdout) as { config: string }).config;
}

beforeAll(async () => {
  const scene = await payerScene({ keepers: 4 });
  const { folder, rpc, registry, deployment } = scene;
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
  const [keeper, provider] = await Promise.all([
    made(["keeper", "init", ...of, ...words, "--listen", `/ip4/127.0.0.1/tcp/${keeperPort}`, "--json"]),
    made([
      "provider",
      "init",
      ...of,
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
  // The port that `init` chose may be wanted by another test meanwhile.
  await writeFile(keeper, (await readFile(keeper, "utf8")).replace(/port: \d+/, `port: ${api}`));
  await writeFile(join(folder, "file.bin"), seededBytes(300_000, 1));
  await made(["provider", "ingest", join(folder, "file.bin"), "--config", provider, "--json"]);
  const operators = scene.keepers.map(({ operator }) => operator);
  const group = await createGroup(deployment, scene.payer, sceneParams, operators);
  world = {
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
});
afterAll(() => world.close());

type Row = {
  readonly name: string;
  readonly run: () => Promise<CliResult>;
  readonly code: number;
  /** Each is somewhere in what it says on stderr. */
  readonly says: readonly (string | RegExp)[];
  /** It says so in one line. */
  readonly oneLine?: boolean;
  /** What it shows on stdout before; nothing unless there is something to show. */
  readonly shows?: RegExp;
};

const keeper = (command: string, ...rest: string[]): Promise<CliResult> =>
  runCli(["keeper", command, "--config", world.keeper, ...rest]);
const provider = (command: string, ...rest: string[]): Promise<CliResult> =>
  runCli(["provider", command, "--config", world.provider, ...rest]);
const payer = (command: string, ...rest: string[]): Promise<CliResult> =>
  world.scene.run(["group", ...command.split(" "), ...rest]);
const fresh = (): string[] => ["--rpc", world.fresh];
const atPort = (port: string): string => `/ip4/127.0.0.1/tcp/${port}`;
const file = (): string => join(world.scene.folder, "file.bin");
/** The chain's port: another process than the command's listens there. */
const taken = (): string => new URL(world.scene.rpc).port;

const ports: readonly Row[] = [
  {
    name: "a keeper whose API port is taken",
    run: () => keeper("run", "--groups", nowhere, "--api-port", taken()),
    code: 2,
    says: ["api.port: cannot listen on 127.0.0.1:", "another process listens there", "set another port"],
    oneLine: true,
  },
  {
    name: "a keeper whose libp2p port is taken",
    run: () => keeper("run", "--groups", nowhere, "--listen", atPort(taken())),
    code: 2,
    says: ["listen: cannot listen on 127.0.0.1:", "another process listens there", "set another port"],
    oneLine: true,
  },
  {
    name: "a provider whose libp2p port is taken",
    run: () => provider("run", "--listen", atPort(taken())),
    code: 2,
    says: ["listen: cannot listen on 127.0.0.1:", "another process listens there", "set another port"],
    oneLine: true,
  },
  {
    name: "a keeper that is to listen at an address of another machine",
    run: () => keeper("run", "--groups", nowhere, "--listen", "/ip4/192.0.2.1/tcp/4001"),
    code: 2,
    says: ["listen: cannot listen on 192.0.2.1:4001", "this machine has no such address"],
    oneLine: true,
  },
];

const anew =
  /hint: +check address and chain; a chain that was started anew has none of its earlier contracts/;
const contracts: readonly Row[] = [
  {
    name: "a keeper that registers on a chain that was started anew",
    run: () => keeper("register", "--payee", payee, "--yes", ...fresh()),
    code: 2,
    says: [/there is no registry at 0x[0-9a-fA-F]{40}$/m, "actual:   no contract there", anew],
  },
  {
    name: "a keeper that looks at its place on a chain that was started anew",
    run: () => keeper("status", ...fresh()),
    code: 1,
    says: ["no keeper runs here"],
    shows: /^chain +there is no registry at 0x/m,
  },
  {
    name: "a keeper that is checked with the address of another contract as its group",
    run: () => keeper("check", "--groups", world.scene.token),
    code: 1,
    says: ["checks fail, first: registry"],
    shows: /^fail +peers +there is no group at 0x/m,
  },
  {
    name: "a provider that registers on a chain that was started anew",
    run: () => provider("register", "--payee", payee, "--yes", ...fresh()),
    code: 2,
    says: ["there is no registry at", "actual:   no contract there", anew],
  },
  {
    name: "a provider that asks for the status of a group of an earlier chain",
    run: () => provider("status", "--group", world.group, ...fresh()),
    code: 2,
    says: ["there is no registry at", anew],
  },
  {
    name: "a provider that asks what it earned where no group is",
    run: () => provider("earnings", "--group", nowhere),
    code: 2,
    says: [`there is no group at ${nowhere}`, "expected: the contract of a group", anew],
  },
  {
    name: "a consent for a group that is not there",
    run: () => provider("consent", "--group", nowhere),
    code: 2,
    says: [`no contract at ${nowhere}`],
  },
  {
    name: "a payer who asks for the status of a group of an earlier chain",
    run: () => payer("status", "--group", world.group, ...fresh()),
    code: 2,
    says: ["there is no group at 0x", "actual:   no contract there", anew],
  },
  {
    name: "a payer whose group address is that of another contract",
    run: () => payer("status", "--group", world.scene.token),
    code: 2,
    says: ["there is no group at", "actual:   a contract of another kind"],
  },
  {
    name: "a group created by a factory that is not there",
    run: async () => payer("create", await groupFile(), "--yes", "--factory", nowhere),
    code: 2,
    says: [`there is no factory at ${nowhere}`, "expected: the contract of a factory", anew],
  },
  {
    name: "a keeper replaced by an operator that is not a keeper",
    run: () =>
      payer(`replace-keeper ${world.scene.keepers[0]?.operator} ${payee}`, "--group", world.group, "--yes"),
    code: 4,
    says: [
      /the contract refused proposing 0x\w+ in place of keeper 0, 0x\w+: not a keeper \(/,
      "rule R3: a committee has registered keepers only",
    ],
  },
];

/** A group file with four keepers. */
async function groupFile(): Promise<string> {
  const { folder, keepers, token } = world.scene;
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
    run: () => payer("fund 99999999999", "--group", world.group, "--yes"),
    code: 5,
    says: [/has too little WPD$/m, "expected: at least 99999999999 WPD", "actual:   9999000 WPD"],
  },
  {
    name: "a withdrawal of more than is free, in whole tokens",
    run: () => payer("withdraw 99999", "--group", world.group, "--yes"),
    code: 4,
    says: ["rule R32: the reserve stays in the escrow", "expected: at most 1000 WPD", "actual:   99999 WPD"],
  },
  {
    name: "an amount with a comma",
    run: () => payer("fund 12,5", "--group", world.group),
    code: 2,
    says: ["an amount is not valid", "whole tokens, in decimal digits", 'actual:   "12,5"'],
  },
];

const endpoints: readonly Row[] = [
  {
    name: "no chain at the endpoint",
    run: () => payer("status", "--group", world.group, "--rpc", "http://127.0.0.1:1"),
    code: 3,
    says: ["no chain answers at http://127.0.0.1:1", "check the address, and that the node runs"],
  },
  {
    name: "an endpoint that is a web page",
    run: () => keeper("register", "--payee", payee, "--yes", "--rpc", world.website),
    code: 3,
    says: ["no chain answers at http://127.0.0.1:", "check the address, and that the node runs"],
  },
  {
    name: "an endpoint of another chain",
    run: () => keeper("register", "--payee", payee, "--yes", "--chain-id", "5"),
    code: 3,
    says: ["is an endpoint of another chain", "expected: chain 5", "actual:   chain 31337"],
  },
];

/** The keeper's configuration with a change, as a file of its own beside it. */
async function changed(name: string, change: (text: string) => string): Promise<string> {
  const file = join(dirname(world.keeper), `${name}.yaml`);
  await writeFile(file, change(await readFile(world.keeper, "utf8")));
  return file;
}
const withConfig = async (name: string, change: (text: string) => string): Promise<CliResult> =>
  runCli(["keeper", "run", "--config", await changed(name, change)]);

const configs: readonly Row[] = [
  {
    name: "a misspelt key in place of one that is needed",
    run: () => withConfig("misspelt", (text) => text.replace("registry:", "registy:")),
    code: 2,
    says: [/misspelt\.yaml:\d+: chain\.registy: unknown key; did you mean "registry"\?/],
    oneLine: true,
  },
  {
    name: "a key in another case",
    run: () => withConfig("case", (text) => text.replace("dataDir:", "data_dir:")),
    code: 2,
    says: [/case\.yaml:2: data_dir: unknown key; did you mean "dataDir"\?/],
    oneLine: true,
  },
  {
    name: "a key that is like none",
    run: () => withConfig("unlike", (text) => `${text}colour: blue\n`),
    code: 2,
    says: [/unlike\.yaml:\d+: colour: unknown key; expected one of dataDir, chain, groups, /],
    oneLine: true,
  },
  {
    name: "a key that is missing",
    run: () => withConfig("missing", (text) => text.replace(/ {2}registry: .*\n/, "")),
    code: 2,
    says: [
      /missing\.yaml:3: chain\.registry: missing \(the Registry contract\); set it there, by WHITEPAY_REGISTRY or by --registry/,
    ],
    oneLine: true,
  },
  {
    name: "a folder in place of a configuration",
    run: () => runCli(["keeper", "run", "--config", dirname(world.keeper)]),
    code: 2,
    says: [/keeper: cannot be read: it is a folder, expected a file/],
    oneLine: true,
  },
  {
    name: "keys that are not there",
    run: () => keeper("run", "--groups", nowhere, "--keys", join(world.keeper, "..", "none")),
    code: 2,
    says: [/none: cannot be read: there is no such file or folder; "whitepay keeper init"/],
    oneLine: true,
  },
  {
    name: "a data folder below a file",
    run: () => keeper("run", "--groups", nowhere, "--data-dir", join(world.keeper, "below")),
    code: 2,
    says: [/keeper\.yaml\/below cannot be used: a part of the path is a file, expected a folder/],
  },
];

/** The command with its data on a disk of so many KiB; where that cannot be, with output that goes to /dev/full. */
async function onSmallDisk(kib: number, ...words: string[]): Promise<CliResult> {
  const folder = join(world.scene.folder, `disk-${kib}`);
  if (!world.disks) return toFullDevice(["presets"]);
  return (await startOnSmallDisk([...words, "--data-dir", folder], { folder, kib })).ended;
}

function toFullDevice(args: readonly string[]): Promise<CliResult> {
  const line = `exec "$@" > /dev/full`;
  return start("sh", ["-c", line, "sh", process.execPath, cliScript, ...args]).ended;
}

const full = [
  /the disk is full/,
  "expected: room for what is written",
  "hint:     make room, then run it again",
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
    run: () => onSmallDisk(4, "keeper", "run", "--config", world.keeper, "--groups", nowhere),
    code: 1,
    says: full,
  },
  {
    name: "a provider that stores more than there is room for",
    run: () => onSmallDisk(200, "provider", "ingest", file(), "--config", world.provider),
    code: 1,
    says: full,
  },
  {
    name: "a provider that begins on a full disk",
    run: () => onSmallDisk(4, "provider", "run", "--config", world.provider),
    code: 1,
    says: full,
  },
];

const rows = [...ports, ...contracts, ...money, ...endpoints, ...configs, ...disks];

describe("what goes wrong is said in words, with the documented exit code", () => {
  it.concurrent.each(rows.map((row) => [row.name, row] as const))("%s", async (_, row) => {
    const { code, stdout, stderr } = await row.run();
    expect(code, stderr).toBe(row.code);
    expect(stdout).toMatch(row.shows ?? /^$/);
    for (const text of row.says) expect(stderr).toMatch(text);
    // Neither a stack nor the words of a library.
    const libraries =
      /unexpected fault|^ +at |could not decode|missing revert data|code=|ENOSPC:|Invalid input/m;
    expect(`${stdout}${stderr}`).not.toMatch(libraries);
    const lines = stderr.trim().split("\n").length;
    expect(lines).toBe(row.oneLine === true ? 1 : lines);
  });
});

describe("a keeper that runs", () => {
  it("ends with exit 1 when its disk is full, and says what to do", async () => {
    const { scene, disks, group } = world;
    const folder = join(scene.folder, "filling");
    const words = ["keeper", "run", "--config", world.keeper, "--groups", group, "--data-dir", folder];
    words.push("--poll-ms", "20");
    const fill = `until [ -s "$DISK/keeper.json" ]; do sleep 0.1; done; cat /dev/zero > "$DISK/filler" || echo filled >&2`;
    const running = disks ? await startOnSmallDisk(words, { folder, kib: 4096, beside: fill }) : undefined;
    await running?.said("filled");
    const ended = running?.ended ?? toFullDevice(words);
    // Every block is something to note.
    const mining = setInterval(() => void scene.provider.send("evm_mine", []), 50);
    const { code, stderr } = await ended;
    clearInterval(mining);
    expect(code, stderr).toBe(1);
    for (const text of full) expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/unexpected fault/);
  });

  it("says that its group and its registry are not on the chain, goes on, and stops in order", async () => {
    const folder = join(world.scene.folder, "anew");
    const words = ["--groups", world.group, "--data-dir", folder, ...fresh()];
    const running = startCli(["keeper", "run", "--config", world.keeper, ...words]);
    await running.said(`no contract at ${world.group.toLowerCase()}`);
    running.child.kill("SIGHUP");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).not.toContain("could not decode");
  });

  it("stops in order on a signal that comes before it is up", async () => {
    const folder = join(world.scene.folder, "early");
    const words = ["--groups", world.group, "--data-dir", folder];
    const running = startCli(["keeper", "run", "--config", world.keeper, ...words]);
    const isOpen = (): Promise<boolean> =>
      stat(join(folder, "store", "LOCK")).then(
        () => true,
        () => false,
      );
    while (!(await isOpen())) await sleep(5);
    running.child.kill("SIGTERM");
    expect((await running.ended).code).toBe(0);
  });
});

describe("a provider that runs", () => {
  it("stops in order when its terminal is closed", async () => {
    const running = startCli(["provider", "run", "--config", world.provider]);
    await running.said('"event":"ready"');
    running.child.kill("SIGHUP");
    const { code, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('"msg":"stopping"');
  });
});

/** Another process may hold the port already: then it is taken all the same. */
function hold(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((done) => {
    server.once("error", () => done(server));
    server.listen({ port, host: "0.0.0.0" }, () => done(server));
  });
}

describe("a new configuration", () => {
  it("names ports that are free, where the usual ones are taken", async () => {
    const held = await Promise.all([4001, 9464].map(hold));
    const { folder, rpc, registry } = world.scene;
    const of = ["--chain-id", "31337", "--rpc", rpc, "--registry", registry];
    const password = ["--kdf", "light", "--password-file", join(folder, "password")];
    const result = await runCli([
      "keeper",
      "init",
      "--dir",
      join(folder, "new"),
      ...of,
      ...password,
      "--json",
    ]);
    for (const server of held) server.close();
    expect(result.code, result.stderr).toBe(0);
    const { listen, api } = JSON.parse(result.stdout) as { listen: string[]; api: { port: number } };
    expect(listen).toEqual([expect.stringMatching(/^\/ip4\/0\.0\.0\.0\/tcp\/4\d{3}$/)]);
    expect(listen).not.toContain("/ip4/0.0.0.0/tcp/4001");
    expect(api.port).toBeGreaterThan(9464);
  });
});
