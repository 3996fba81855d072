/** Starts, watches and ends the processes of a fleet. No process outlives it. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CliError, exitCodes } from "../../cli/console/exit.ts";
import { projectRoot } from "../paths.ts";
import { withoutSettings } from "../../cli/console/variables.ts";

const guard = fileURLToPath(new URL("exit-with-parent.ts", import.meta.url));
const gracePeriod_ms = 5_000;
const logTailLines = 12;
/** A daemon that is not ready after this time hangs; a whole fleet takes a minute on a busy machine. */
const startLimit_ms = 180_000;

export type ProcessSpec = {
  /** Its name in messages, such as "keeper 2". */
  name: string;
  /** Script and arguments for Node. */
  args: readonly string[];
  /** Its stderr goes here, appended over restarts. */
  logFile: string;
  /** True for a daemon: it prints one JSON line when it is ready, and must not end by itself. */
  daemon: boolean;
};

export type Running = {
  readonly name: string;
  readonly pid: number;
  /** The line that a daemon prints when it is ready; for a command, its whole output. */
  readonly ready: Promise<unknown>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** From now on the end of this process is expected and no failure. */
  expectEnd(): void;
  kill(signal: NodeJS.Signals): void;
};

async function logTail(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-logTailLines).join("\n");
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

export class Processes {
  readonly #running = new Set<{ child: ChildProcess; running: Running }>();
  #stopping = false;
  readonly #onFailure: (error: CliError, name: string) => void;

  /** `onFailure` gets the error of a daemon that ended unexpectedly, and the daemon's name. */
  constructor(onFailure: (error: CliError, name: string) => void) {
    this.#onFailure = onFailure;
  }

  /** Starts one process. Throws after `stopAll` was called. */
  start(spec: ProcessSpec): Running {
    if (this.#stopping) throw new CliError({ code: exitCodes.interrupted, message: "interrupted" });
    const log = openSync(spec.logFile, "a");
    const child = spawn(process.execPath, ["--import", guard, ...spec.args], {
      cwd: projectRoot,
      // A separate session: Ctrl-C reaches the demo alone, which then stops all processes in order.
      detached: true,
      stdio: ["pipe", "pipe", log],
      env: { ...withoutSettings(process.env), HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", NO_COLOR: "1" },
    });
    closeSync(log);
    let wanted = !spec.daemon;
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
      child.once("error", () => done({ code: exitCodes.failed, signal: null }));
      child.once("close", (code, signal) => done({ code, signal }));
    });
    const running: Running = {
      name: spec.name,
      pid: child.pid ?? 0,
      ended,
      ready: spec.daemon ? this.#untilReady(spec, child, ended) : this.#untilDone(spec, child, ended),
      expectEnd: () => {
        wanted = true;
      },
      kill: (signal) => {
        child.kill(signal);
      },
    };
    const entry = { child, running };
    this.#running.add(entry);
    void ended.then(async ({ code, signal }) => {
      this.#running.delete(entry);
      if (wanted || this.#stopping) return;
      this.#onFailure(await this.#failure(spec, describeEnd(code, signal)), spec.name);
    });
    // A caller that awaits `ready` gets the failure; others may ignore it.
    running.ready.catch(() => undefined);
    return running;
  }

  async #failure(spec: ProcessSpec, what: string): Promise<CliError> {
    const tail = await logTail(spec.logFile);
    return new CliError({
      code: exitCodes.failed,
      message: `${spec.name} ended unexpectedly (${what})`,
      ...(tail === "" ? {} : { hint: `its log, ${spec.logFile}, ends with:\n${tail}` }),
    });
  }

  async #untilReady(spec: ProcessSpec, child: ChildProcess, ended: Running["ended"]): Promise<unknown> {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const firstJson = new Promise<unknown>((done) => {
      lines.on("line", (line) => {
        if (!line.startsWith("{")) return;
        const message = JSON.parse(line) as { event?: unknown };
        if (message.event === "ready") done(message);
      });
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((done) => {
      timer = setTimeout(() => done("late"), startLimit_ms);
    });
    const outcome = await Promise.race([firstJson, ended.then(() => "ended" as const), late]);
    clearTimeout(timer);
    if (outcome !== "ended" && outcome !== "late") return outcome;
    const what = outcome === "late" ? `not up after ${startLimit_ms / 1000} s` : "before it was up";
    throw await this.#failure(spec, what);
  }

  async #untilDone(spec: ProcessSpec, child: ChildProcess, ended: Running["ended"]): Promise<string> {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
    const { code, signal } = await ended;
    if (code !== 0) throw await this.#failure(spec, describeEnd(code, signal));
    return output;
  }

  /** Ends all processes: SIGTERM, and SIGKILL after the grace period. */
  async stopAll(): Promise<void> {
    this.#stopping = true;
    const entries = [...this.#running];
    for (const { child } of entries) child.kill("SIGTERM");
    const timer = setTimeout(() => this.killAll(), gracePeriod_ms);
    await Promise.all(entries.map(({ running }) => running.ended));
    clearTimeout(timer);
  }

  /** Kills all processes with their children: each leads its own process group. */
  killAll(): void {
    this.#stopping = true;
    for (const { child } of this.#running) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}
