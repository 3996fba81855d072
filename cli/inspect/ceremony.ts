/** `whitepay inspect ceremony FILE…`: verifies the files of a trusted-setup ceremony. */
import { createHash } from "node:crypto";
import type { Command } from "commander";
import { defaultBeaconExponent } from "../../ceremony/beacon/beacon-report.ts";
import { drandChain } from "../../ceremony/beacon/drand.ts";
import { maxExponent } from "../../ceremony/beacon/iterated-hash.ts";
import { depths } from "../../ceremony/powers-of-tau/chain.ts";
import type { Depth } from "../../ceremony/powers-of-tau/chain.ts";
import type { Progress as Step } from "../../ceremony/powers-of-tau/point-stream.ts";
import { verifyCeremony } from "../../ceremony/readers.ts";
import { CeremonyFileError } from "../../ceremony/report.ts";
import type { CeremonyReport } from "../../ceremony/report.ts";
import { counted } from "../../protocol/counted.ts";
import { exitCodes, usageError } from "../console/exit.ts";
import { choiceOption, integerOption, jsonFlag, quote } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import type { Progress } from "../console/progress.ts";
import { beaconOrigin, drandChainOption } from "./ceremony-beacon.ts";
import type { BeaconSettings } from "./ceremony-beacon.ts";
import { openFiles } from "./ceremony-files.ts";
import { pointThreads } from "./ceremony-threads.ts";

type Options = BeaconSettings & {
  readonly mine?: string;
  readonly depth: Depth;
  readonly beaconExponent: number;
  readonly json?: true;
};

/**
 * A contribution's hash as ceremonies publish it: 64 bytes of hex, with or without 0x, in groups and lines. In the KZG ceremony
 * participants have an identity instead: an Ethereum address or a GitHub account.
 */
function publishedHash(text: string): string {
  const identity = text.trim();
  if (/^0x[0-9a-f]{40}$/i.test(identity)) return `eth|${identity.toLowerCase()}`;
  if (/^(eth\|0x[0-9a-f]{40}|git\|[0-9]+\|@[a-z0-9-]+)$/i.test(identity)) return identity;
  const hex = text.replace(/\s/g, "").replace(/^0x/i, "").toLowerCase();
  if (!/^([0-9a-f]{64}|[0-9a-f]{128})$/.test(hex))
    throw usageError("--mine is not valid", {
      expected:
        "128 hex digits (BLAKE2b-512) or 64; spaces and line ends are permitted; or an address, eth|0x… or git|<number>|@<name>",
      actual: quote(text),
    });
  return `0x${hex}`;
}

export function register(inspect: Command): void {
  inspect
    .command("ceremony")
    .description("verify files of a trusted-setup ceremony: hashes, proofs of knowledge, ratios, points")
    .argument("<files...>", "files of one ceremony, in its order: challenge, response, challenge and so on")
    .option(
      "--mine <hash>",
      "say whether the contribution with this hash or identity is in it, and where",
      publishedHash,
    )
    .option(
      "--depth <depth>",
      "keys: heads, first powers and keys alone; hashes: also all bytes; points: also all points of the last file",
      choiceOption("--depth", depths),
      "points",
    )
    .option(
      "--beacon-exponent <n>",
      "hash the value of a beacon at most 2^n times",
      integerOption("--beacon-exponent", { max: maxExponent }),
      defaultBeaconExponent,
    )
    .option(
      "--drand-round <path>",
      "the beacon's value is that of a drand round; a file with it as a relay returns it",
    )
    .option(
      "--drand-chain <name>",
      "chain of --drand-round: default or quicknet (default: quicknet)",
      drandChainOption,
      drandChain("quicknet"),
    )
    .option("--block <number>", "the beacon's value is the hash of this block", integerOption("--block"))
    .option("--rpc <url>", "RPC endpoint of the chain of --block")
    .option(...jsonFlag)
    .action((files: string[], options: Options) => inspectCeremony(files, options));
}

/** Bars on stderr, one for each step; undefined when stderr is no terminal. */
function stepBars(): { show(step: Step): void; stop(): void } {
  let current: { readonly label: string; readonly bar: Progress | undefined } | undefined;
  return {
    show: ({ label, done, total, unit }) => {
      if (current?.label !== label) {
        current?.bar?.stop();
        current = {
          label,
          bar: progressBar({
            label,
            total,
            format: unit === "bytes" ? formatBytes : (amount) => `${Math.floor(amount)} ${unit}`,
          }),
        };
      }
      current.bar?.update(done);
    },
    stop: () => current?.bar?.stop(),
  };
}

/**
 * @throws CliError exit 2 for a file that is not of its format
 */
async function inspectCeremony(paths: readonly string[], options: Options): Promise<void> {
  const { mine, depth, json, beaconExponent } = options;
  const origin = await beaconOrigin(options);
  const files = await openFiles(paths);
  const bars = stepBars();
  try {
    const report = await verifyCeremony(files.sources, {
      depth,
      beacon: { maxBeaconExponent: beaconExponent, ...(origin && { origin }) },
      tools: {
        createHash: () => createHash("blake2b512"),
        workers: pointThreads(),
        onProgress: (step) => bars.show(step),
      },
    });
    if (origin && report.kind !== "ptau" && report.kind !== "zkey")
      throw usageError("these files state no beacon", {
        expected: "a .ptau or .zkey file with --drand-round or --block",
        actual: report.kind,
      });
    const found = mine === undefined ? undefined : whereIs(mine, report);
    if (json) printJson(documentOf(report, found));
    else printReport(report, found);
    if (!report.ok || found?.index === null) process.exitCode = exitCodes.failed;
  } catch (error) {
    if (!(error instanceof CeremonyFileError)) throw error;
    throw usageError(error.message, {
      hint: "compare the file's size and hash with the published ones, and fetch it again from another source",
    });
  } finally {
    bars.stop();
    await files.close();
  }
}

type Mine = {
  readonly hash: string;
  /** Index of the contribution; null if it is not among these. */
  readonly index: number | null;
  readonly name: string | null;
  /** Contributions whose hash these bytes do not show. */
  readonly unknown: number;
};

function whereIs(hash: string, { contributions }: CeremonyReport): Mine {
  const found = contributions.find((own) => own.hash === hash || own.name === hash);
  const unknown = hash.startsWith("0x") ? contributions.filter((own) => own.hash === undefined).length : 0;
  return { hash, index: found?.index ?? null, name: found?.name ?? null, unknown };
}

function documentOf(report: CeremonyReport, mine: Mine | undefined): object {
  return {
    ...report,
    power: report.power ?? null,
    contributions: report.contributions.map((own) => ({
      ...own,
      name: own.name ?? null,
      hash: own.hash ?? null,
    })),
    beacon: report.beacon ? { ...report.beacon, ok: report.beacon.ok ?? null } : null,
    ...(mine === undefined ? {} : { mine }),
  };
}

function printSentences(title: string, sentences: readonly string[]): void {
  if (sentences.length === 0) return;
  printLine(title);
  for (const sentence of sentences) printLine(`  ${sentence}`);
}

function printMine({ hash, index, name, unknown }: Mine): void {
  printLine();
  if (index !== null) printLine(`contribution ${hash} is number ${index}${name === null ? "" : `, ${name}`}`);
  else
    printLine(
      `contribution ${hash} is NOT among these${unknown === 0 ? "" : `; ${counted(unknown, "contribution")} without a known hash: use --depth hashes`}`,
    );
}

function beaconResult(ok: boolean | undefined): string {
  if (ok === undefined) return "not checked";
  return ok ? "ok" : "FAILED";
}

function printReport(report: CeremonyReport, mine: Mine | undefined): void {
  const { kind, curve, power, contributions, beacon, checked, notChecked, problems, ok } = report;
  printLine(`${kind}, ${curve}${power === undefined ? "" : `, 2^${power} powers`}`);
  for (const { index, name, hash, ok: holds, checks } of contributions) {
    const failed = Object.entries(checks).flatMap(([check, passed]) => (passed ? [] : [check]));
    const result = holds
      ? `ok, ${counted(Object.keys(checks).length, "check")}`
      : `FAILED: ${failed.join(", ")}`;
    printLine(`contribution ${index}  ${name ?? "without a name"}  ${result}`);
    if (hash !== undefined) printLine(`  ${hash}`);
  }
  if (beacon)
    printLine(`beacon ${beacon.source} ${beaconResult(beacon.ok)}: ${beacon.value}, ${beacon.detail}`);
  printSentences("checked:", checked);
  printSentences("not checked:", notChecked);
  printSentences("does NOT hold:", problems);
  if (mine) printMine(mine);
  printLine(ok ? "all that was checked holds" : "the ceremony's files are NOT right");
}
