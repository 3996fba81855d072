/** Runs the commands of a page in one shell, and compares their output with the page. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { projectRoot } from "../../scripts/paths.ts";

export type Step = {
  readonly command: string;
  /** Lines under the command; a line "…" stands for any lines. */
  readonly output: readonly string[];
  /** Line number of the command in the page, from 1. */
  readonly line: number;
};

/** The commands in the ```console blocks of a page, in order. */
export function stepsOf(page: string): Step[] {
  const steps: { command: string; output: string[]; line: number }[] = [];
  let inBlock = false;
  for (const [index, line] of page.split("\n").entries()) {
    if (line.startsWith("```")) inBlock = !inBlock && line === "```console";
    else if (inBlock && line.startsWith("$ ")) {
      steps.push({ command: line.slice(2), output: [], line: index + 1 });
    } else if (inBlock) steps.at(-1)?.output.push(line);
  }
  return steps;
}

/** Replaces what differs from run to run by its kind. */
export function withoutChance(line: string): string {
  return (
    line
      .replace(/0x[0-9a-fA-F]{64}/g, "HASH")
      .replace(/0x[0-9a-fA-F]{40}/g, "ADDRESS")
      .replace(/\b[0-9a-f]{64,}\b/g, "KEY")
      .replace(/12D3KooW\w+/g, "PEER")
      .replace(/(turn \d+, leader \d+), [a-z]+$/g, "$1, PHASE")
      // Depends on the hellos that have arrived.
      .replace(/^ {2}protocol .*/, "  protocol VERSIONS")
      .replace(/(?:–|\d[\d.]* %) (of the bytes|in|ever)/g, "SHARE $1")
      .replace(/ in (?:no slot yet|slots? \d+(?: to \d+)?)/g, " in SLOTS")
      .replace(/\b1 (block|challenge|group|keeper|note|piece|range|row|settlement)\b/g, "1 $1s")
      .replace(/-?\d[\d.]*/g, "N")
      .replace(/N [KMGTP]?i?B\b/g, "SIZE")
      .trimEnd()
  );
}

/** Whether the output matches the lines of the page. */
export function fits(shown: readonly string[], actual: readonly string[]): boolean {
  const [first, ...rest] = shown;
  if (first === undefined) return actual.length === 0;
  if (first === "…") {
    return actual.some((_, at) => fits(rest, actual.slice(at))) || fits(rest, []);
  }
  const [said, ...more] = actual;
  return said !== undefined && withoutChance(said) === withoutChance(first) && fits(rest, more);
}

export type Shell = {
  /** Runs one command, and returns its output, both streams together. */
  run(command: string): Promise<{ readonly code: number; readonly lines: readonly string[] }>;
  close(): Promise<void>;
};

const mark = "documented-command-ended";
/** A shell that has not ended after this time runs a command that never ends, for example after a test's timeout. */
const patience_ms = 30_000;
/** Longest time of one command, several times what the slowest needs on a busy machine: the failure names the command. */
const command_ms = 150_000;

/** A bash that starts in `cwd`, with the launcher on its path. Its background processes end with it. */
export function openShell(cwd: string, env: Readonly<Record<string, string>>): Shell {
  const child: ChildProcess = spawn("bash", ["--norc", "--noprofile"], {
    cwd,
    stdio: "pipe",
    // A process group of its own, so that `close` reaches all its commands.
    detached: true,
    env: { ...process.env, PATH: `${projectRoot}:${process.env["PATH"]}`, ...env },
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.stdin?.write("exec 2>&1\ntrap 'kill $(jobs -p) 2> /dev/null; wait' EXIT\n");
  let lines: string[] = [];
  let onEnd: ((result: { code: number; lines: string[] }) => void) | undefined;
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    const at = line.indexOf(mark);
    if (at < 0) return void lines.push(line);
    if (at > 0) lines.push(line.slice(0, at));
    onEnd?.({ code: Number(line.slice(at + mark.length)), lines });
    lines = [];
  });
  return {
    run: (command) =>
      new Promise((done, fail) => {
        const failWith = (text: string): void => fail(new Error(`${text}: ${command}\n${lines.join("\n")}`));
        const timer = setTimeout(() => failWith(`not ended after ${command_ms} ms`), command_ms);
        onEnd = (result) => {
          clearTimeout(timer);
          done(result);
        };
        void ended.then(() => {
          clearTimeout(timer);
          failWith("the shell ended in");
        });
        child.stdin?.write(`${command}\necho ${mark} $?\n`);
      }),
    close: async () => {
      child.stdin?.end();
      const timer = setTimeout(() => {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      }, patience_ms);
      await ended;
      clearTimeout(timer);
    },
  };
}
