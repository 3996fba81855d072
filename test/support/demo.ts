/** Runs the demo as a user does and judges its document from the outside, with arithmetic of its own. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { projectRoot } from "../../scripts/lib/paths.ts";
import type { DemoDocument } from "../../scripts/demo/document.ts";

const launcher = join(projectRoot, "whitepay");

/** The document as JSON has it: amounts are decimal text. */
type Json<T> = T extends bigint ? string : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
export type Document = Json<DemoDocument>;

export type Command = {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
};

export function whitepay(args: readonly string[]): Command {
  const child = spawn(launcher, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  return { stdout: () => stdout, stderr: () => stderr, ended, signal: (name) => void child.kill(name) };
}

export async function until(holds: () => boolean, limit_ms: number, told: () => string): Promise<void> {
  const end = performance.now() + limit_ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${limit_ms} ms:\n${told()}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** Command lines of living processes that name `text`. */
export async function processesNaming(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(text)) found.push(line.replaceAll("\0", " "));
  }
  return found;
}

export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-e2e-"));
  try {
    return await work(join(folder, "data"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** R30, computed here from the document's own space-time and price. */
export function expectMoney(document: Document): void {
  const { params, committee } = document;
  const price = BigInt(params.price);
  let credited = 0n;
  for (const settlement of document.settlements) {
    let cut = 0n;
    for (const item of settlement.items) {
      const amount = (BigInt(item.spaceTime) * price) >> 30n;
      const part = (amount * BigInt(params.keeperShareBps)) / 10_000n;
      cut += part;
      expect(BigInt(item.amount)).toBe(amount);
      expect(BigInt(item.toProvider)).toBe(amount - part);
      credited += amount - part;
    }
    expect(BigInt(settlement.keeperCut)).toBe(cut);
    const share = cut / BigInt(committee.length - settlement.failed.length);
    expect(Object.keys(settlement.shares).map(Number)).toEqual(settlement.payees);
    for (const value of Object.values(settlement.shares)) expect(BigInt(value)).toBe(share);
    credited += share * BigInt(settlement.payees.length);
  }
  expect(BigInt(document.escrow.credited)).toBe(credited);
  expect(BigInt(document.escrow.deposited)).toBe(
    BigInt(document.escrow.balance) + BigInt(document.escrow.withdrawn),
  );
}

/** S1, S3, R6, R7 from the document alone. */
export function expectTurns(document: Document): void {
  const { params, settlements } = document;
  let ts = params.originBlock;
  for (const settlement of settlements) {
    expect(settlement.ts).toBe(ts);
    expect(settlement.te).toBe(ts + params.interval + (settlement.turn - 1) * params.turn);
    expect(settlement.block).toBeGreaterThanOrEqual(settlement.te);
    expect(settlement.block).toBeLessThan(settlement.te + params.turn);
    expect(settlement.failed.filter((keeper) => settlement.payees.includes(keeper))).toEqual([]);
    expect(settlement.signers.length).toBeGreaterThanOrEqual(3);
    ts = settlement.te;
  }
}

async function json<T>(args: readonly string[]): Promise<{ code: number | null; value: T }> {
  const command = whitepay([...args, "--json"]);
  const code = await command.ended;
  return { code, value: JSON.parse(command.stdout()) as T };
}

type TurnsDocument = { turns: { turn: number; leader: string; te: number; failed: string[] }[] };
type CertificateDocument = { valid: boolean; group: string; ts: number; te: number; signers: number[] };

export async function expectChain(document: Document): Promise<void> {
  const { params, committee, settlements } = document;
  const operators = committee.map(({ operator }) => operator).join();
  for (const { ts, te, turn, leader, tx, signers, failed } of settlements) {
    const numbers = ["--ts", ts, "--interval", params.interval, "--turn", params.turn].map(String);
    const seed = ["--committee-seed", params.committeeSeed, "--operators", operators];
    const turns = await json<TurnsDocument>(["inspect", "turns", ...numbers, ...seed]);
    const named = turns.value.turns[turn - 1];
    expect(named?.te).toBe(te);
    expect(named?.leader.toLowerCase()).toBe(committee[leader]?.operator.toLowerCase());
    expect(named?.failed.map((a) => a.toLowerCase())).toEqual(
      failed.map((keeper) => committee[keeper]?.operator.toLowerCase()),
    );
    const certificate = await json<CertificateDocument>([
      "inspect",
      "certificate",
      "--rpc",
      document.rpc,
      "--tx",
      tx,
    ]);
    expect(certificate.code).toBe(0);
    expect(certificate.value).toMatchObject({ valid: true, ts, te, signers });
    expect(certificate.value.group.toLowerCase()).toBe(document.group.toLowerCase());
  }
}
