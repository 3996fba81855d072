/** The keeper daemons of a fleet: start, status, kill and start again. */
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { cliScript } from "../lib/paths.ts";
import type { RunningStatus } from "../lib/running-keeper.ts";
import type { Processes, Running } from "./processes.ts";
import type { Keeper } from "./setup.ts";

export type ChallengeEntry = { asked: number; passed: number; failed: number };

export type KeeperStatus = {
  head: number;
  view: number;
  peers: number;
  groups: {
    group: string;
    ts: number;
    turn: number;
    leader: number;
    phase: string;
    challenges: RunningStatus["groups"][number]["challenges"];
  }[];
};

const statusTimeout_ms = 3_000;
const statusAttempts = 20;

/** What Node runs as keeper `index`: the command line's daemon, or an entry of a test's own around the same daemon. */
export type KeeperCommand = (configFile: string, index: number) => readonly string[];

export const keeperDaemon: KeeperCommand = (configFile) => [
  cliScript,
  "keeper",
  "run",
  "--config",
  configFile,
];

type Seat = {
  keeper: Keeper;
  configFile: string;
  process?: Running;
  api?: string;
  ready?: Record<string, unknown>;
};

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
    const ready = (await running.ready) as { api: string };
    seat.api = ready.api;
    seat.ready = ready;
    return ready;
  }

  /** What keeper `index` printed when it was last up. */
  readyLine(index: number): Readonly<Record<string, unknown>> {
    return this.#seat(index).ready ?? {};
  }

  /** A polite end of keeper `index`, waited for. */
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
    const seat = this.#seat(index);
    await seat.process?.ended;
    delete seat.api;
  }

  /** `kill -9`, and nothing of it is left when this returns. */
  async crash(index: number): Promise<void> {
    const seat = this.#seat(index);
    delete seat.api;
    seat.process?.expectEnd();
    seat.process?.kill("SIGKILL");
    await seat.process?.ended;
  }

  /** What a keeper says of itself; undefined while it is down or does not answer. */
  async status(index: number): Promise<KeeperStatus | undefined> {
    const { api } = this.#seat(index);
    if (api === undefined) return undefined;
    try {
      const response = await fetch(`${api}/v1/status`, { signal: AbortSignal.timeout(statusTimeout_ms) });
      return response.ok ? ((await response.json()) as KeeperStatus) : undefined;
    } catch {
      return undefined;
    }
  }

  statuses(): Promise<(KeeperStatus | undefined)[]> {
    return Promise.all(this.#seats.map((_, index) => this.status(index)));
  }

  /** Challenges of all keepers together; waits for one that is just starting. */
  async challenges(group: string): Promise<ChallengeEntry> {
    const total: ChallengeEntry = { asked: 0, passed: 0, failed: 0 };
    for (let index = 0; index < this.size; index++) {
      const counts = await this.#challengesOf(index, group);
      total.asked += counts.asked;
      total.passed += counts.passed;
      total.failed += counts.failed;
    }
    return total;
  }

  async #challengesOf(index: number, group: string): Promise<ChallengeEntry> {
    for (let attempt = 1; attempt <= statusAttempts; attempt++) {
      const status = await this.status(index);
      const own = status?.groups.find((candidate) => candidate.group.toLowerCase() === group.toLowerCase());
      if (own !== undefined) {
        const { asked, failed } = own.challenges;
        return { asked, passed: asked - failed, failed };
      }
      await sleep(500);
    }
    throw new Error(`keeper ${index} does not report its challenges`);
  }
}
