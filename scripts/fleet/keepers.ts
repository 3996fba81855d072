/** The keeper daemons of a fleet: start, status, kill and start again. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { cliScript } from "../paths.ts";
import type { RunningStatus } from "../../cli/keeper-api/status.ts";
import type { Answer, Paced, Work } from "./pace.ts";
import type { Processes, Running } from "./processes.ts";
import type { Keeper } from "./setup.ts";

/** Whole and partial ones were answered in time with a proof that holds, of all or of a part. */
export type ChallengeEntry = {
  asked: number;
  whole: number;
  partial: number;
  failed: number;
};

export type KeeperStatus = {
  head: number;
  view: number;
  peers: number;
  committees: {
    committee: string;
    ts: number;
    turn: number;
    leader: number;
    phase: string;
  }[];
  groups: {
    group: string;
    challenges: NonNullable<RunningStatus["groups"][number]["challenges"]>;
  }[];
};

const noChallenges: ChallengeEntry = { asked: 0, whole: 0, partial: 0, failed: 0 };

function sumOf(a: ChallengeEntry, b: ChallengeEntry): ChallengeEntry {
  return {
    asked: a.asked + b.asked,
    whole: a.whole + b.whole,
    partial: a.partial + b.partial,
    failed: a.failed + b.failed,
  };
}

const statusTimeout_ms = 3_000;
const statusAttempts = 20;

/** Script and arguments of keeper `index`: the command line's daemon, or a test's own entry around it. */
export type KeeperCommand = (configFile: string, index: number) => readonly string[];

const keeperDaemon: KeeperCommand = (configFile) => [cliScript, "keeper", "run", "--config", configFile];

type Seat = {
  keeper: Keeper;
  configFile: string;
  process?: Running;
  api?: string;
  ready?: Record<string, unknown>;
  /** Of the process that lives now, or starts. */
  paced?: Paced;
};

/** A keeper's answer to an HTTP request; "gone" if nothing listens there, "silent" if there is no valid answer. */
async function ask<T>(url: string, signal: AbortSignal): Promise<T | "gone" | "silent"> {
  try {
    const response = await fetch(url, { signal });
    return response.ok ? ((await response.json()) as T) : "silent";
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } };
    return cause?.code === "ECONNREFUSED" ? "gone" : "silent";
  }
}

/** Work of the keeper that answers at `api`. */
export function workAt(api: string, signal: AbortSignal): Promise<Answer> {
  return ask<Work>(`${api}/v1/work`, signal);
}

/** A keeper's process, for the chain's pace. */
export function pacedKeeper({ name, ready }: Running): Paced {
  let api: string | undefined;
  const started = ready.then((line) => void (api = (line as { api: string }).api));
  started.catch(() => undefined);
  return {
    name,
    started,
    work: async (signal) => (api === undefined ? "silent" : workAt(api, signal)),
  };
}

export class KeeperFleet {
  readonly #processes: Processes;
  readonly #seats: Seat[];
  readonly #command: KeeperCommand;

  constructor(
    processes: Processes,
    seats: readonly { keeper: Keeper; configFile: string }[],
    command: KeeperCommand = keeperDaemon,
  ) {
    this.#processes = processes;
    this.#command = command;
    this.#seats = seats.map((seat) => ({ ...seat }));
  }

  get size(): number {
    return this.#seats.length;
  }

  #seat(index: number): Seat {
    const seat = this.#seats[index];
    if (seat === undefined)
      throw new RangeError(`keeper: expected below ${this.#seats.length}, actual ${index}`);
    return seat;
  }

  keeper(index: number): Keeper {
    return this.#seat(index).keeper;
  }

  /** Starts (again) keeper `index` and waits until it is up. Returns the line it then prints. */
  async start(index: number): Promise<Record<string, unknown>> {
    const seat = this.#seat(index);
    const running = this.#processes.start({
      name: `keeper ${index}`,
      args: ["--disable-warning=ExperimentalWarning", ...this.#command(seat.configFile, index)],
      logFile: join(seat.keeper.folder, "log"),
      daemon: true,
    });
    seat.process = running;
    const paced = pacedKeeper(running);
    seat.paced = paced;
    void running.ended.then(() => {
      if (seat.paced !== paced) return;
      delete seat.paced;
      delete seat.api;
    });
    const ready = (await running.ready) as { api: string };
    seat.api = ready.api;
    seat.ready = ready;
    return ready;
  }

  /** Living keepers, for the chain's pace: the chain does not wait for killed ones. */
  living(except: ReadonlySet<number> = new Set()): Paced[] {
    return this.#seats.flatMap(({ paced }, index) =>
      paced === undefined || except.has(index) ? [] : [paced],
    );
  }

  /** Process id and HTTP interface of keeper `index`. @throws if it does not run */
  daemonOf(index: number): { readonly pid: number; readonly api: string } {
    const { process, api } = this.#seat(index);
    if (process === undefined || api === undefined) throw new Error(`keeper ${index} does not run`);
    return { pid: process.pid, api };
  }

  /** The line that keeper `index` printed at its last start. */
  readyLine(index: number): Readonly<Record<string, unknown>> {
    return this.#seat(index).ready ?? {};
  }

  /** Ends keeper `index` by SIGTERM and waits for its end. */
  async end(index: number): Promise<void> {
    const seat = this.#seat(index);
    seat.process?.expectEnd();
    seat.process?.kill("SIGTERM");
    await this.ended(index);
  }

  /** From now on keeper `index` may end by itself. */
  expectEnd(index: number): void {
    this.#seat(index).process?.expectEnd();
  }

  /** Resolves when the process of keeper `index` is gone. */
  async ended(index: number): Promise<void> {
    await this.#seat(index).process?.ended;
  }

  /** Kills keeper `index` by SIGKILL and waits for its end. */
  async crash(index: number): Promise<void> {
    const { process } = this.#seat(index);
    process?.expectEnd();
    process?.kill("SIGKILL");
    await process?.ended;
  }

  /** Status of a keeper; undefined while it is down or does not answer. */
  async status(index: number): Promise<KeeperStatus | undefined> {
    const { api } = this.#seat(index);
    if (api === undefined) return undefined;
    const status = await ask<KeeperStatus>(`${api}/v1/status`, AbortSignal.timeout(statusTimeout_ms));
    return typeof status === "object" ? status : undefined;
  }

  statuses(): Promise<(KeeperStatus | undefined)[]> {
    return Promise.all(this.#seats.map((_, index) => this.status(index)));
  }

  /** Challenges of these groups by all keepers together; waits for a keeper that is starting. */
  async challenges(groups: readonly string[]): Promise<ChallengeEntry> {
    const wanted = new Set(groups.map((group) => group.toLowerCase()));
    const counts = await Promise.all(this.#seats.map((_, index) => this.#challengesOf(index, wanted)));
    return counts.reduce(sumOf, noChallenges);
  }

  async #challengesOf(index: number, wanted: ReadonlySet<string>): Promise<ChallengeEntry> {
    for (let attempt = 1; attempt <= statusAttempts; attempt++) {
      const status = await this.status(index);
      const served = status?.groups.filter(({ group }) => wanted.has(group.toLowerCase())) ?? [];
      if (served.length === wanted.size) {
        return served.map(({ challenges }) => challenges).reduce(sumOf, noChallenges);
      }
      await sleep(500);
    }
    throw new Error(`keeper ${index} does not report its challenges`);
  }
}
