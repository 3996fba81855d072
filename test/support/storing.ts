/** A chain with a committee, providers that offer room, and a payer with money: each provider and each command is a process of its own. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePayer } from "../../scripts/devnet/payer.ts";
import { buildCommunity, type Community } from "../../scripts/fleet/build.ts";
import { Processes } from "../../scripts/fleet/processes.ts";
import { fleetParams } from "../../scripts/fleet/setup.ts";
import { cliScript, projectRoot } from "../../scripts/paths.ts";
import { withoutSettings } from "../../cli/console/variables.ts";

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };
export type Command = {
  readonly pid: number;
  readonly ended: Promise<Ran>;
  /** What it has printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  kill(signal: NodeJS.Signals): void;
};

export type Storing = {
  readonly community: Community;
  readonly folder: string;
  readonly payerConfig: string;
  /** Starts a command of the payer. */
  start(...args: string[]): Command;
  /** Runs a command to its end. */
  run(...args: string[]): Promise<Ran>;
  /** Runs it, and reads its JSON document. Fails with its messages if it fails. */
  json<T>(...args: string[]): Promise<T>;
  close(): Promise<void>;
};

export async function openStoring({
  providers = 5,
  providerCommand = "provider",
  offerOf = () => ({}),
  limit_ms = 480_000,
}: {
  readonly providers?: number;
  /** `provider-sim`: providers that take faults. */
  readonly providerCommand?: "provider" | "provider-sim";
  /** Settings beside prices and factories. */
  readonly offerOf?: (index: number) => object;
  /** A command that takes longer is killed. */
  readonly limit_ms?: number;
} = {}): Promise<Storing> {
  const folder = await mkdtemp(join(tmpdir(), "whitepay-storing-"));
  const processes = new Processes((failure) => {
    throw failure;
  });
  const community = await buildCommunity({
    processes,
    folder,
    keepers: 4,
    providers,
    params: fleetParams(4),
    polling_ms: 100,
    providerCommand,
    say: () => {},
    offerOf: (index, { factory, token }) => ({
      factories: [factory],
      prices: [{ token, perMonth: String(100 + index) }],
      blockTime_s: 1,
      ...offerOf(index),
    }),
  });
  await community.providers.start([]);
  const payerConfig = await makePayer(folder, community.base);
  const start = (...args: string[]): Command => {
    const config = args.includes("--config") ? [] : ["--config", payerConfig];
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", cliScript, ...args, ...config],
      { cwd: projectRoot, env: { ...withoutSettings(process.env), NO_COLOR: "1" }, timeout: limit_ms },
    );
    const text = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text.out += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text.err += chunk));
    const ended = new Promise<Ran>((done) => {
      child.once("close", (code) => done({ code, stdout: text.out, stderr: text.err }));
    });
    return {
      pid: child.pid ?? 0,
      ended,
      stdout: () => text.out,
      stderr: () => text.err,
      kill: (signal) => child.kill(signal),
    };
  };
  const run = (...args: string[]): Promise<Ran> => start(...args).ended;
  return {
    community,
    folder,
    payerConfig,
    start,
    run,
    async json<T>(...args: string[]) {
      const { code, stdout, stderr } = await run(...args, "--json");
      if (code !== 0) throw new Error(`whitepay ${args.join(" ")}: exit ${code}\n${stderr}`);
      return JSON.parse(stdout) as T;
    },
    async close() {
      community.base.provider.destroy();
      await processes.stopAll();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
