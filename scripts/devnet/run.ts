/**
 * A whole system for trying and for tests: a chain that makes blocks by itself, a deployment, a committee, providers, and a payer with
 * money. A keeper or provider that ends is reported, and the rest goes on; without the chain everything ends.
 */
import { createServer } from "node:net";
import type { JsonRpcProvider } from "ethers";
import { CliError, exitCodes, usageError, type ExitCode } from "../../cli/console/exit.ts";
import { printJson, printLine, say } from "../../cli/console/output.ts";
import { refuseTooMuch } from "../demo/params.ts";
import { buildCommunity, startDaemons, type Base, type CommunityOptions } from "../fleet/build.ts";
import { openDataFolder } from "../fleet/folder.ts";
import type { KeeperFleet } from "../fleet/keepers.ts";
import { Pace } from "../fleet/pace.ts";
import { Processes } from "../fleet/processes.ts";
import { fleetParams } from "../fleet/setup.ts";
import { listenForSignals, Stop } from "../fleet/stop.ts";
import { offerOf } from "./offers.ts";
import { makePayer } from "./payer.ts";

export type DevnetOptions = {
  readonly keepers: number;
  readonly providers: number;
  readonly relays?: number;
  readonly dataDir?: string;
  readonly port?: number;
  readonly json?: boolean;
};

/** Other tools rely on these names. */
export type DevnetDocument = {
  readonly rpc: string;
  readonly chainId: number;
  readonly registry: string;
  readonly factory: string;
  readonly vouchers: string;
  readonly token: string;
  readonly committee: string;
  /** Path of the payer's configuration. */
  readonly payerConfig: string;
  readonly providers: readonly {
    readonly operator: string;
    readonly pid: number;
    readonly dataDir: string;
  }[];
  readonly keepers: readonly { readonly operator: string; readonly pid: number; readonly api: string }[];
};

/** Least time between two blocks: a slot is ten seconds, an interval with its turn about a minute. */
const blockTime_ms = 1_000;
/** After this time the chain goes on without a keeper that has not finished its work for a block. */
const patience_ms = 30_000;
/** The daemon without which nothing works. */
const chainName = "the chain";

/** @throws CliError exit 2 if another process has the port */
async function refuseTakenPort(port: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => server.close(() => done()));
  }).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`--port ${port} cannot be used`, {
      expected: "a free port of 127.0.0.1",
      actual: error.code ?? error.message,
      hint: "choose another port, or leave --port out",
    });
  });
}

/** Mines at a steady pace, and slower while a keeper needs longer for a block: load must not make answers late. */
function startMining(chain: JsonRpcProvider, keepers: KeeperFleet, stop: Stop): void {
  const pace = new Pace({
    living: () => keepers.living(),
    head: async () => Number(await chain.send("eth_blockNumber", [])),
    mine: () => chain.send("evm_mine", []),
    block_ms: blockTime_ms,
    patience_ms,
    onTrouble: say,
  });
  pace.begin((error) =>
    stop.now(
      new CliError({ code: exitCodes.failed, message: `the chain makes no blocks: ${String(error)}` }),
    ),
  );
}

type Up = { readonly document: DevnetDocument; readonly base: Base };

async function setUp(options: CommunityOptions, stop: Stop): Promise<Up> {
  const { base, committee, keepers, providers } = await buildCommunity(options);
  const payerConfig = await makePayer(options.folder, base);
  const fleet = await startDaemons(options, base, { groups: [], keepers, providers });
  await base.provider.send("evm_setAutomine", [false]);
  startMining(base.provider, fleet, stop);
  const { rpc, chainId, registry, factory, vouchers, deployment } = base;
  const document = {
    rpc,
    chainId,
    registry,
    factory,
    vouchers,
    token: await deployment.token.getAddress(),
    committee,
    payerConfig,
    providers: providers.daemons,
    keepers: keepers.map(({ operator, index }) => ({ operator, ...fleet.daemonOf(index) })),
  };
  return { document, base };
}

function print(document: DevnetDocument, json: boolean): void {
  if (json) return printJson(document);
  const { rpc, chainId, registry, factory, vouchers, token, committee, payerConfig, providers, keepers } =
    document;
  printLine(`rpc        ${rpc} (chain ${chainId})
registry   ${registry}
factory    ${factory}
vouchers   ${vouchers}
token      ${token}
committee  ${committee}
payer      ${payerConfig}`);
  for (const { operator, pid, dataDir } of providers)
    printLine(`provider   ${operator}  process ${pid}  ${dataDir}`);
  for (const { operator, pid, api } of keepers) printLine(`keeper     ${operator}  process ${pid}  ${api}`);
  say("all is up; press Ctrl-C to stop");
}

/**
 * Runs until a signal; then everything that it started ends, and a temporary folder is removed.
 * @returns 0 after a signal once all was up
 * @throws CliError exit 2 for a bad option, 130 after a signal before that, 1 if a part does not start or the chain ends
 */
export async function runDevnet(options: DevnetOptions): Promise<ExitCode> {
  refuseTooMuch(options);
  if (options.port !== undefined) await refuseTakenPort(options.port);
  const folder = await openDataFolder(options.dataDir, "devnet");
  const stop = new Stop();
  let isUp = false;
  const processes = new Processes((failure, name) => {
    if (name === chainName || !isUp) stop.now(failure);
    else say(`${failure.message}; the others go on`);
  });
  const ignoreSignals = listenForSignals(stop, processes);
  let base: Base | undefined;
  try {
    const community = {
      processes,
      folder: folder.path,
      keepers: options.keepers,
      providers: options.providers,
      relays: Math.min(options.relays ?? 0, options.keepers),
      params: fleetParams(options.keepers),
      polling_ms: blockTime_ms / 4,
      providerCommand: "provider",
      offerOf,
      say,
      ...(options.port === undefined ? {} : { port: options.port }),
    } as const;
    const up = await stop.guard(setUp(community, stop));
    ({ base } = up);
    isUp = true;
    print(up.document, options.json === true);
    return await stop.guard(new Promise<never>(() => undefined));
  } catch (error) {
    if (isUp && error instanceof CliError && error.code === exitCodes.interrupted) return exitCodes.ok;
    throw error;
  } finally {
    base?.provider.destroy();
    await processes.stopAll();
    await folder.dispose();
    ignoreSignals();
  }
}
