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
import type { ReadOptions } from "../../ceremony/readers.ts";
import { CeremonyFileError } from "../../ceremony/report.ts";
import type { CeremonyReport } from "../../ceremony/report.ts";
import { counted } from "../../protocol/counted.ts";
import { exitCodes, usageError } from "../console/exit.ts";
import { bytesOption, choiceOption, integerOption, jsonOption, quote } from "../console/options.ts";
import { printJson } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import type { Progress } from "../console/progress.ts";
import { archivePurse, payerOptions } from "../chain/account.ts";
import { defaultMaxBytes, inspectArchive, isManifest } from "./ceremony-archive.ts";
import type { ArchiveOptions, ArchiveReading } from "./ceremony-archive.ts";
import {
  assertBeacon,
  beaconOrigin,
  beaconValueOption,
  drandChainOption,
  responseBeacon,
} from "./ceremony-beacon.ts";
import type { BeaconSettings } from "./ceremony-beacon.ts";
import { openFiles } from "./ceremony-files.ts";
import { documentOf, printReport, whereIs } from "./ceremony-report.ts";
import { pointThreads } from "./ceremony-threads.ts";

type Options = BeaconSettings &
  ArchiveOptions & {
    readonly mine?: string;
    readonly depth?: Depth;
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
  const command = inspect
    .command("ceremony")
    .description("verify files of a trusted-setup ceremony: hashes, proofs of knowledge, ratios, points")
    .argument(
      "<files...>",
      "files of one ceremony, in its order: challenge, response, challenge and so on; or the manifest of an archive, of whose files only ranges are read",
    )
    .option(
      "--mine <hash>",
      "say whether the contribution with this hash or identity is in it, and where",
      publishedHash,
    )
    .option(
      "--depth <depth>",
      "keys: heads, first powers and keys alone; hashes: also all bytes; points: also all points of the last file; all: of every response (default: points, of a manifest keys)",
      choiceOption("--depth", depths),
    )
    .option(
      "--beacon-exponent <n>",
      "hash the value of a beacon at most 2^n times",
      integerOption("--beacon-exponent", { max: maxExponent }),
      defaultBeaconExponent,
    )
    .option(
      "--beacon-value <hex>",
      "the last response comes from a beacon with this value; default: the value of --drand-round or --block",
      beaconValueOption,
    )
    .option(
      "--beacon-iterations <n>",
      "the value of the last response's beacon was hashed 2^n times",
      integerOption("--beacon-iterations", { max: maxExponent }),
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
    .option("--collection <name>", "of a manifest with several ceremonies: the collection to verify")
    .option("--files <names...>", "of a manifest: the files to verify; * stands for any characters")
    .option("--from <urls...>", "of a manifest: URLs of providers' servers for readers")
    .option(
      "--max-bytes <size>",
      "of a manifest: most bytes to read of all files together",
      bytesOption("--max-bytes"),
      defaultMaxBytes,
    );
  payerOptions(jsonOption(command), archivePurse).action((files: string[], options: Options) =>
    inspectCeremony(files, options),
  );
}

/** Bars on stderr, one for each step; undefined when stderr is no terminal. */
export function stepBars(): { show(step: Step): void; stop(): void } {
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

type Found = { readonly report: CeremonyReport; readonly reading?: ArchiveReading };

const ofManifests = ["from", "collection", "files", "group", "factory", "registry"] as const;

/** @throws CliError exit 2 for options that only a manifest's files have */
function assertNoArchiveOptions(options: Options): void {
  const given = ofManifests.find((name) => options[name] !== undefined);
  if (given !== undefined)
    throw usageError(`--${given} is for files of an archive`, {
      expected: "the archive's manifest instead of files",
      actual: "files",
    });
  if (options.rpc !== undefined && options.block === undefined)
    throw usageError("a block needs its chain", {
      expected: "--block and --rpc together",
      actual: "--rpc alone",
    });
}

async function inspectFiles(
  paths: readonly string[],
  options: Options,
  read: Omit<ReadOptions, "depth">,
): Promise<Found> {
  assertNoArchiveOptions(options);
  const files = await openFiles(paths);
  try {
    return { report: await verifyCeremony(files.sources, { ...read, depth: options.depth ?? "points" }) };
  } finally {
    await files.close();
  }
}

/** A manifest is inspected alone. @throws CliError exit 2 for more files beside it */
async function manifestAmong(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (!(await isManifest(path))) continue;
    if (paths.length === 1) return path;
    throw usageError(`${path} is a manifest, and is inspected alone`, {
      expected: "one manifest, with --files to choose among its files",
      actual: counted(paths.length, "file"),
    });
  }
  return undefined;
}

/**
 * @throws CliError exit 2 for a file that is not of its format
 */
async function inspectCeremony(paths: readonly string[], options: Options): Promise<void> {
  const { mine, json, beaconExponent } = options;
  const manifest = await manifestAmong(paths);
  const origin = await beaconOrigin(options);
  const ofResponse = responseBeacon(options, origin);
  const bars = stepBars();
  const read = {
    beacon: {
      maxBeaconExponent: beaconExponent,
      ...(origin && { origin }),
      ...(ofResponse && { ofResponse }),
    },
    tools: {
      createHash: () => createHash("blake2b512"),
      workers: pointThreads(),
      onProgress: (step: Step) => bars.show(step),
    },
  };
  try {
    const { report, reading }: Found =
      manifest === undefined
        ? await inspectFiles(paths, options, read)
        : await inspectArchive(manifest, options, read);
    assertBeacon(report, { origin, ofResponse });
    const found = mine === undefined ? undefined : whereIs(mine, report);
    if (json) printJson(documentOf(report, found, reading));
    else printReport(report, found, reading);
    if (!report.ok || found?.index === null) process.exitCode = exitCodes.failed;
  } catch (error) {
    if (!(error instanceof CeremonyFileError)) throw error;
    throw usageError(error.message, {
      hint:
        manifest === undefined
          ? "compare the file's size and hash with the published ones, and fetch it again from another source"
          : "choose the files of one ceremony with --collection or --files; if they are, the archive's files are wrong: ask its curator",
    });
  } finally {
    bars.stop();
  }
}
