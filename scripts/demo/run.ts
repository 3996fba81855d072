/** The demo: sets up a fleet, follows the chain, injects faults, reads the result back and checks it. */
import type { JsonRpcProvider } from "ethers";
import { isCommitteeSize } from "../../protocol/quorum.ts";
import { leaderOf, turnAt, turnOrder } from "../../protocol/turns.ts";
import { buildFleet, type Fleet } from "../fleet/build.ts";
import { anvilBinary } from "../fleet/clients.ts";
import { openDataFolder, type DataFolder } from "../fleet/folder.ts";
import type { KeeperFleet, KeeperStatus } from "../fleet/keepers.ts";
import { Pace, type Mining } from "../fleet/pace.ts";
import { Processes } from "../fleet/processes.ts";
import { fleetParams, type FleetParams } from "../fleet/setup.ts";
import { listenForSignals, Stop } from "../fleet/stop.ts";
import { CliError, exitCodes, type ExitCode } from "../../cli/console/exit.ts";
import { printJson, printLine, say } from "../../cli/console/output.ts";
import type { CertifiedEvent } from "../../client/settlements.ts";
import type { CommitteePage } from "../../client/committee-view.ts";
import { counted } from "../../protocol/counted.ts";
import { complaintsAbout } from "./check.ts";
import type { DemoDocument } from "./document.ts";
import { Faults } from "./faults.ts";
import { blockTime_ms, patience_ms, refuseTooMuch, type DemoOptions } from "./params.ts";
import { bar, Progress } from "./progress.ts";
import { certificatesIn, readBack } from "./readback.ts";
import { tableOf } from "./report.ts";

type Run = {
  options: DemoOptions;
  params: FleetParams;
  folder: string;
  processes: Processes;
  progress: Progress;
  stop: Stop;
};

function paceOf({ progress }: Run, chain: JsonRpcProvider, keepers: KeeperFleet): Pace {
  return new Pace({
    living: () => keepers.living(),
    head: async () => Number(await chain.send("eth_blockNumber", [])),
    mine: () => chain.send("evm_mine", []),
    block_ms: blockTime_ms,
    patience_ms,
    onTrouble: (text) => progress.event(text),
  });
}

function mine({ stop }: Run, pace: Pace): Mining {
  return pace.begin((error) =>
    stop.now(
      new CliError({ code: exitCodes.failed, message: `the chain makes no blocks: ${String(error)}` }),
    ),
  );
}

type World = Fleet & { readonly pace: Pace };

/** Builds the fleet. After it returns, the chain mines only on request. */
async function setUp(run: Run): Promise<World> {
  const { options, params, folder, processes, progress } = run;
  const begun: { pace?: Pace; mining?: Mining } = {};
  const fleet = await buildFleet({
    processes,
    folder,
    client: options.client,
    keepers: options.keepers,
    providers: options.providers,
    groups: options.groups,
    params,
    polling_ms: blockTime_ms / 4,
    say: (text) => progress.event(text),
    startMining: async (chain, keepers) => {
      await chain.send("evm_setAutomine", [false]);
      begun.pace = paceOf(run, chain, keepers);
      begun.mining = mine(run, begun.pace);
    },
  });
  await begun.mining?.stop();
  if (begun.pace === undefined) throw new Error("a fleet without a pace");
  return { ...fleet, pace: begun.pace };
}

type Watched = {
  readonly certificates: readonly CertifiedEvent[];
  /** The block in which the last group was settled. */
  readonly block: number;
  readonly faults: Faults;
};

function faultsOf({ options, progress }: Run, { keepers, providers }: World, page: CommitteePage): Faults {
  const { rhythm, version } = page;
  return new Faults(
    {
      fault: options.fault,
      settlements: options.settlements,
      providers: options.providers,
      interval: rhythm.interval,
      turn: rhythm.turn,
      committeeSeed: version.seed,
      operators: version.operators,
    },
    {
      crashKeeper: (index) => keepers.crash(index),
      restartKeeper: async (index) => {
        await keepers.start(index);
      },
      damageProvider: (index) => providers.damage(index),
      say: (text) => progress.event(text),
    },
  );
}

/** Follows the chain until enough intervals are certified and every group is settled through them. */
async function watch(run: Run, world: World): Promise<Watched> {
  const { options, progress } = run;
  const { provider, committee, groups, keepers, pace } = world;
  const page = await committee.page();
  const { interval } = page.rhythm;
  const order = (ts: number): number[] => turnOrder(ts, page.version.seed, page.version.operators);
  const faults = faultsOf(run, world, page);
  const certificates: CertifiedEvent[] = [];
  // The block in which the service of the groups begins (R5).
  let ts = page.certifiedThrough;
  let seen = page.originBlock ?? 0;
  const line = new LiveLine(progress, keepers);
  for (;;) {
    const head = await pace.step();
    for (const certificate of await certificatesIn(provider, committee.address, [seen + 1, head])) {
      certificates.push(certificate);
      announce(progress, certificate, certificates.length);
      ts = certificate.te;
    }
    seen = head;
    const last = certificates[options.settlements - 1];
    if (last !== undefined && (await settledThrough(groups, head)) >= last.te) {
      return { certificates: certificates.slice(0, options.settlements), block: head, faults };
    }
    refuseStall(page.rhythm, ts, head, options.keepers);
    await faults.strike({ head, settled: certificates.length, ts });
    const turn = turnAt(head, ts, page.rhythm);
    const leader = leaderOf(order(ts), Math.max(1, turn));
    void line.show({ head, ts, turn, leader, interval, number: certificates.length + 1 });
  }
}

/** The block through which every group is settled. */
async function settledThrough(groups: World["groups"], block: number): Promise<number> {
  const pages = await Promise.all(groups.map(({ view }) => view.page(block)));
  return Math.min(...pages.map(({ state }) => state.settledThrough));
}

function announce(
  progress: Progress,
  { ts, te, leader, count, block }: CertifiedEvent,
  number: number,
): void {
  progress.event(
    `block ${block}: interval ${number} (blocks ${ts} to ${te - 1}) is certified for ${counted(count, "group")}, led by keeper ${leader}`,
  );
}

/** Fails the run if no leader of n turns has settled the interval. */
function refuseStall(
  { interval, turn }: { interval: number; turn: number },
  ts: number,
  head: number,
  n: number,
): void {
  const limit = ts + interval + (n + 1) * turn;
  if (head < limit) return;
  throw new CliError({
    code: exitCodes.failed,
    message: `the interval from block ${ts} on was not certified`,
    expected: `a certificate before block ${limit}, when every keeper has had its turn`,
    actual: `none by block ${head}`,
  });
}

type Moment = { head: number; ts: number; turn: number; leader: number; interval: number; number: number };

function statusLine(moment: Moment, statuses: readonly (KeeperStatus | undefined)[]): string {
  const { head, ts, turn, leader, interval, number } = moment;
  const answers = statuses.flatMap(
    (status) => status?.groups.map(({ challenges }) => challenges.whole) ?? [],
  );
  const whole = answers.reduce((sum, count) => sum + count, 0);
  const phase = statuses[leader]?.committees[0]?.phase ?? "down";
  const where = turn === 0 ? bar(head - ts, interval) : `turn ${turn}`;
  const up = statuses.filter((status) => status !== undefined).length;
  return `block ${head}  interval ${number} ${where}  leader ${leader} (${phase})  keepers up ${up}  whole answers ${whole}`;
}

/** The live status line. It is drawn beside the mining, so a keeper that does not answer delays no block. */
class LiveLine {
  readonly #progress: Progress;
  readonly #keepers: KeeperFleet;
  #asking = false;

  constructor(progress: Progress, keepers: KeeperFleet) {
    this.#progress = progress;
    this.#keepers = keepers;
  }

  async show(moment: Moment): Promise<void> {
    if (this.#asking || !this.#progress.live) return;
    this.#asking = true;
    this.#progress.status(statusLine(moment, await this.#keepers.statuses()));
    this.#asking = false;
  }
}

/** Reads the result from the chain, checks it and prints it. */
async function conclude(run: Run, world: World, watched: Watched): Promise<boolean> {
  const { options, progress } = run;
  progress.end();
  const { certificates, block, faults } = watched;
  const { rpc, provider, deployment, committee, groups, keepers } = world;
  const { document, evidence } = await readBack(provider, {
    rpc,
    registry: await deployment.registry.getAddress(),
    committee,
    groups: groups.map(({ view }) => view),
    certificates,
    block,
    challenges: await keepers.challenges(groups.map(({ address }) => address)),
  });
  const isHonest = (provider: number, interval: number): boolean => faults.isHonest(provider, interval);
  const complaints = [...complaintsAbout(document, evidence, isHonest), ...faults.complaints(document)];
  const judged: DemoDocument = { ...document, ok: complaints.length === 0 };
  const losses = faults.losses(judged);
  if (options.json) {
    // The document comes last: who has read it has all that is said about it.
    for (const loss of losses) progress.event(loss);
    printJson(judged);
  } else printLine(tableOf(judged, losses));
  for (const complaint of complaints) say(`does not hold: ${complaint}`);
  progress.event(
    judged.ok
      ? "read back from the chain: S1 to S4 hold, and every provider that held all its data is paid in full"
      : "read back from the chain: a check failed",
  );
  return judged.ok;
}

async function keepRunningNotice(run: Run, world: World): Promise<void> {
  const registry = await world.deployment.registry.getAddress();
  const lines = [
    `rpc       ${world.rpc}`,
    `registry  ${registry}`,
    `factory   ${await world.deployment.factory.getAddress()}`,
    `lens      ${world.committee.lens}`,
    `committee ${world.committee.address}`,
    ...world.groups.map(({ address }) => `group     ${address}`),
  ];
  const print = run.options.json ? say : printLine;
  for (const line of lines) print(line);
  say(`all processes keep running; data and logs are in ${run.folder}; press Ctrl-C to stop`);
}

async function perform(run: Run): Promise<ExitCode> {
  const world = await run.stop.guard(setUp(run));
  try {
    const watched = await run.stop.guard(watch(run, world));
    const held = await run.stop.guard(conclude(run, world, watched));
    if (run.options.keepRunning) {
      mine(run, world.pace);
      await keepRunningNotice(run, world);
      await run.stop.guard(new Promise<never>(() => undefined));
    }
    return held ? exitCodes.ok : exitCodes.failed;
  } finally {
    world.provider.destroy();
  }
}

function refuseImpossible(options: DemoOptions): FleetParams {
  if (!isCommitteeSize(options.keepers)) throw new RangeError(`keepers: ${options.keepers}`);
  if (options.client === "anvil") anvilBinary();
  refuseTooMuch(options);
  return fleetParams(options.keepers);
}

async function finish(folder: DataFolder, keep: boolean): Promise<void> {
  if (keep) say(`data and logs are in ${folder.path}`);
  else await folder.dispose();
}

/** Runs the whole demo and returns its exit code; failures are thrown. */
export async function runDemo(options: DemoOptions): Promise<ExitCode> {
  const params = refuseImpossible(options);
  const folder = await openDataFolder(options.dataDir, "demo");
  const stop = new Stop();
  const processes = new Processes((failure) => stop.now(failure));
  const progress = new Progress();
  const ignoreSignals = listenForSignals(stop, processes);
  let keepFolder = true;
  try {
    const code = await perform({ options, params, folder: folder.path, processes, progress, stop });
    keepFolder = options.dataDir !== undefined || code !== exitCodes.ok;
    return code;
  } catch (error) {
    keepFolder =
      options.dataDir !== undefined || !(error instanceof CliError && error.code === exitCodes.interrupted);
    throw error;
  } finally {
    progress.end();
    await processes.stopAll();
    await finish(folder, keepFolder);
    ignoreSignals();
  }
}
