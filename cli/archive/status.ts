/** `whitepay archive status`: proven copies of every file, now and at the worst moment; an alarm where the last copies are (R46). */
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import { hasTooFew } from "../../archive/copies.ts";
import { formatTime } from "../../client/units.ts";
import { counted } from "../../protocol/counted.ts";
import { payerOptions, type PayerOptions } from "../chain/account.ts";
import { columns } from "../console/columns.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { addressOption, integerOption, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { readManifestFile } from "./manifest-file.ts";
import { withStanding, type FileStanding, type Standing } from "./standing.ts";

const defaultDays = 90;
const webhookTimeout_ms = 10_000;

type StatusOptions = PayerOptions & {
  readonly manifest: string;
  readonly groups?: readonly string[];
  readonly days: number;
  readonly lists?: string;
  readonly least: number;
  readonly webhook?: string;
  readonly metrics?: string;
};

export function register(archive: Command): void {
  const command = archive
    .command("status")
    .description("proven copies of every file now and at the worst moment; exit 1 where too few are left")
    .requiredOption("--manifest <file>", "the archive's manifest")
    .option(
      "--groups <addresses>",
      "groups that store it, separated by commas (default: those that announced it)",
      (text: string) => text.split(",").map(addressOption("--groups")),
    )
    .option("--days <n>", "days to look back", integerOption("--days", { min: 1, max: 3650 }), defaultDays)
    .option(
      "--lists <folder>",
      "folder that keeps providers' piece lists for later runs (default: MANIFEST.lists)",
    )
    .option(
      "--least <n>",
      "alarm for files with fewer proven copies; derivable files need none",
      integerOption("--least", { min: 0, max: 256 }),
      2,
    )
    .option("--webhook <url>", "URL to which an alarm is posted as JSON")
    .option("--metrics <file>", "file for metrics in the format of Prometheus, for a textfile collector");
  payerOptions(jsonOption(command)).action((options: StatusOptions) => status(options));
}

async function status(options: StatusOptions): Promise<void> {
  const { manifest } = await readManifestFile(options.manifest);
  const { groups, days, least, webhook, metrics } = options;
  const lists = options.lists ?? `${options.manifest}.lists`;
  await withStanding(options, manifest, { groups, days, lists }, async (standing, provider) => {
    const alarmed = standing.files.filter(({ file, copies }) => hasTooFew(file, copies.now, least));
    await print(provider, standing, alarmed, options);
    if (metrics !== undefined) await writeFile(metrics, metricsOf(standing, alarmed));
    if (alarmed.length === 0) return;
    if (webhook !== undefined) await post(webhook, standing, alarmed);
    throw new CliError({
      code: exitCodes.failed,
      message: `${counted(alarmed.length, "file")} of the archive ${alarmed.length === 1 ? "has" : "have"} too few proven copies`,
      expected: `${counted(least, "copy", "copies")} of each`,
      actual: alarmed
        .slice(0, shownFiles)
        .map(({ file, copies }) => `${file.name}: ${copies.now}`)
        .join(", "),
      hint: "`whitepay archive plan` says who can store what",
    });
  });
}

const shownFiles = 5;

async function print(
  provider: JsonRpcProvider,
  standing: Standing,
  alarmed: readonly FileStanding[],
  { json, days }: StatusOptions,
): Promise<void> {
  const { manifest, groups, window, files, unread } = standing;
  if (json === true) {
    return printJson({
      manifest,
      groups,
      from: window.from,
      to: window.to,
      files: files.map(({ file, copies }) => ({
        name: file.name,
        bytes: file.bytes,
        root: file.root,
        copies: copies.now,
        worst: copies.worst,
        holders: copies.holders,
        series: copies.series,
      })),
      unread: unread.map(({ operator, listRoot, from, to }) => ({ operator, listRoot, from, to })),
      alarmed: alarmed.map(({ file }) => file.name),
    });
  }
  printLine(`manifest  ${manifest}`);
  printLine(`groups    ${groups.length === 0 ? "none announced it" : groups.join(", ")}`);
  const times = new Map<number, string>();
  for (const { copies } of files) {
    if (times.has(copies.worst.block)) continue;
    const block = await provider.getBlock(copies.worst.block);
    times.set(
      copies.worst.block,
      block === null ? `block ${copies.worst.block}` : formatTime(block.timestamp),
    );
  }
  const rows = files.map(({ file, copies }) => [
    file.name,
    formatBytes(file.bytes),
    String(copies.now),
    `${copies.worst.copies} at ${times.get(copies.worst.block)}`,
    copies.holders.map((one) => `${one.provider} since block ${one.since}`).join(", "),
  ]);
  printLine(columns([["file", "bytes", "copies", `fewest in ${counted(days, "day")}`, "holders"], ...rows]));
  for (const { operator, from, to } of unread) {
    say(
      `provider ${operator} does not give its list of blocks ${from} to ${to ?? "now"}: its files are not counted`,
    );
  }
}

function metricsOf({ files }: Standing, alarmed: readonly FileStanding[]): string {
  const label = (name: string): string =>
    name.replaceAll(/[\\"\n]/g, (sign) => (sign === "\n" ? "\\n" : `\\${sign}`));
  const lines = files.map(
    ({ file, copies }) => `whitepay_archive_proven_copies{file="${label(file.name)}"} ${copies.now}`,
  );
  return [
    "# HELP whitepay_archive_proven_copies Proven copies of a file of the archive.",
    "# TYPE whitepay_archive_proven_copies gauge",
    ...lines,
    "# HELP whitepay_archive_alarmed_files Files with too few proven copies.",
    "# TYPE whitepay_archive_alarmed_files gauge",
    `whitepay_archive_alarmed_files ${alarmed.length}`,
    "",
  ].join("\n");
}

/** A webhook that fails is said, and hides no alarm: the exit code stands. */
async function post(url: string, { manifest }: Standing, alarmed: readonly FileStanding[]): Promise<void> {
  const body = JSON.stringify({
    manifest,
    files: alarmed.map(({ file, copies }) => ({ name: file.name, copies: copies.now })),
  });
  try {
    const headers = { "Content-Type": "application/json" };
    const signal = AbortSignal.timeout(webhookTimeout_ms);
    const { status: code, ok } = await fetch(url, { method: "POST", headers, body, signal });
    if (!ok) say(`the webhook answered ${code}`);
  } catch (error) {
    say(`the webhook cannot be reached: ${(error as Error).message}`);
  }
}
