/** Runs the launcher as a user does, and lists the processes that remain after it. */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { projectRoot } from "../../scripts/paths.ts";

export type Command = {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
};

/** The launcher execs the command line, so the process id is that of the command itself. */
export function whitepay(args: readonly string[], cwd: string = projectRoot): Command {
  const child = spawn(join(projectRoot, "whitepay"), args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done(code));
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    signal: (name) => void child.kill(name),
  };
}

/** Runs `work` beside a command, whose current folder is an empty one. The command always ends before this returns. */
export async function beside<T>(
  args: readonly string[],
  work: (command: Command, folder: string) => Promise<T>,
): Promise<T> {
  const parent = await mkdtemp(join(tmpdir(), "whitepay-e2e-"));
  const folder = join(parent, "data");
  const command = whitepay([...args, "--data-dir", folder], parent);
  try {
    return await work(command, folder);
  } finally {
    command.signal("SIGINT");
    await command.ended;
    await rm(parent, { recursive: true, force: true });
  }
}

/** Waits for a text in the output of a command. Fails at its end or at the limit, and shows the output. */
export async function until(command: Command, holds: () => boolean, limit_ms: number): Promise<void> {
  let over = false;
  void command.ended.then(() => (over = true));
  const end = performance.now() + limit_ms;
  while (!holds()) {
    if (over || performance.now() > end) {
      throw new Error(`${over ? "it ended" : `not within ${limit_ms} ms`}:\n${command.stderr()}`);
    }
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** Waits for a command's exit code. Fails on another code and shows the output. */
export async function endsWith(command: Command, expected: number): Promise<void> {
  const code = await command.ended;
  if (code !== expected)
    throw new Error(`expected exit code ${expected}, actual ${code}:\n${command.stderr()}`);
}

type Entry = { pid: number; parent: number; dead: boolean };

/** All processes; from /proc where there is one, else from ps. A zombie is dead. */
async function processTable(): Promise<Entry[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  if (pids.length === 0) {
    const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,stat="]);
    return stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .map(([pid, parent, state]) => ({
        pid: Number(pid),
        parent: Number(parent),
        dead: state?.startsWith("Z") === true,
      }));
  }
  const entries = pids.map(async (pid): Promise<Entry[]> => {
    const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return text === "" ? [] : [{ pid: Number(pid), parent: Number(parent), dead: state === "Z" }];
  });
  return (await Promise.all(entries)).flat();
}

/** All descendants of a process. */
export async function partsOf(pid: number): Promise<number[]> {
  const table = (await processTable()).filter(({ dead }) => !dead);
  const below = (one: number): number[] =>
    table.filter(({ parent }) => parent === one).flatMap((child) => [child.pid, ...below(child.pid)]);
  return below(pid);
}

export async function alive(pids: readonly number[]): Promise<number[]> {
  return (await processTable()).filter(({ pid, dead }) => pids.includes(pid) && !dead).map(({ pid }) => pid);
}
