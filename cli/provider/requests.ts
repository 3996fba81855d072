/** `whitepay provider requests`: how many requests an object store gets in 30 days, and what they cost at the store's prices. */
import type { Command } from "commander";
import { counted } from "../../protocol/counted.ts";
import type { ProviderConfig } from "../../provider/config.ts";
import { toHex } from "../../storage/core/bytes.ts";
import type { PieceEntry } from "../../storage/core/piece-list.ts";
import type { Requests } from "../../storage/objects/price.ts";
import { integerOption, jsonOption, positiveOption } from "../console/options.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { asProviderFailure, configOption, loadProvider } from "./context.ts";

type RequestOptions = {
  readonly config?: string;
  readonly json?: boolean;
  readonly keepers: number;
  readonly slot: number;
  readonly blockTime: number;
  readonly tib?: number;
  readonly pieceGib: number;
  readonly priceReads?: number;
  readonly priceWrites?: number;
  readonly priceStored?: number;
  readonly priceOut?: number;
};

const tebibyte = 1024 ** 4;
const gibibyte = 1024 ** 3;
const perPrice = 1_000_000;

export function registerRequests(provider: Command): void {
  configOption(jsonOption(provider.command("requests")))
    .description("count the requests that object stores get in 30 days")
    .option("--keepers <number>", "keepers of the committee", integerOption("--keepers", { min: 4 }), 4)
    .option("--slot <blocks>", "blocks of a slot", integerOption("--slot", { min: 1 }), 50)
    .option("--block-time <seconds>", "time between blocks", positiveOption("--block-time"), 12)
    .option("--tib <number>", "instead of what is stored: one list of so many TiB", positiveOption("--tib"))
    .option("--piece-gib <number>", "with --tib: size of each piece in GiB", positiveOption("--piece-gib"), 1)
    .option("--price-reads <amount>", "price of a million reads", positiveOption("--price-reads"))
    .option(
      "--price-writes <amount>",
      "price of a million writes and lists",
      positiveOption("--price-writes"),
    )
    .option("--price-stored <amount>", "price of a TiB for 30 days", positiveOption("--price-stored"))
    .option("--price-out <amount>", "price of a TiB that leaves the store", positiveOption("--price-out"))
    .action((options: RequestOptions) => requestsCommand(options));
}

type Counted = {
  readonly volume: string;
  readonly pieces: number;
  readonly storedBytes: number;
  readonly perChallenge: Requests;
  readonly challenges: Requests;
  readonly scrub: Requests;
  readonly upkeep: Requests;
  readonly month: Requests;
  readonly storing: Requests;
};

async function requestsCommand(options: RequestOptions): Promise<void> {
  const { pieceGib, tib } = options;
  const volumes =
    tib === undefined
      ? await storedVolumes(await loadProvider(options), options)
      : [await countVolume("assumed", { lists: [assumedList(tib, pieceGib)], ...options })];
  if (options.json === true) {
    return printJson({ volumes: volumes.map((one) => ({ ...one, cost: costOf(one, options) })) });
  }
  if (volumes.length === 0) return printLine("requests   no volume is an object store");
  for (const one of volumes) printVolume(one, options);
}

function assumedList(tib: number, pieceGib: number): PieceEntry[] {
  const size = Math.round(pieceGib * gibibyte);
  const count = Math.max(1, Math.round((tib * tebibyte) / size));
  return Array.from({ length: count }, () => ({ root: new Uint8Array(32), size }));
}

type Held = {
  readonly lists: readonly (readonly PieceEntry[])[];
  readonly isThere?: (entry: PieceEntry) => boolean;
  readonly scrubBytes?: number | undefined;
} & Pick<RequestOptions, "keepers" | "slot" | "blockTime">;

async function countVolume(volume: string, held: Held): Promise<Counted> {
  const price = await import("../../storage/objects/price.ts");
  const { treeLayout } = await import("../../storage/disk/tree-file.ts");
  const { lists, isThere = () => true, keepers, slot, blockTime, scrubBytes } = held;
  const pieces = lists.flat().filter(isThere);
  const perChallenge = price.sum(lists.map((list) => price.challengeRequests(list, isThere)));
  const slots = price.slotsAMonth({ keepers, slotBlocks: slot, blockTime_s: blockTime });
  const challenges = price.timesAMonth(perChallenge, keepers * slots);
  const scrub = price.scrubRequests(pieces, scrubBytes);
  const upkeep = price.upkeepRequests(pieces.length);
  return {
    volume,
    pieces: pieces.length,
    storedBytes: pieces.reduce((sum, { size }) => sum + size + treeLayout(size).fileBytes, 0),
    perChallenge,
    challenges,
    scrub,
    upkeep,
    month: price.sum([challenges, scrub, upkeep]),
    storing: price.storingRequests(pieces),
  };
}

async function storedVolumes(config: ProviderConfig, options: RequestOptions): Promise<Counted[]> {
  const { openStore } = await import("../../provider/ingest.ts");
  const store = await asProviderFailure(openStore(config));
  const lists = (await store.currentLists()).map(({ list }) => [...list.pieces]);
  const counts: Counted[] = [];
  for (const { path, s3, scrubBytes } of config.volumes) {
    const volume = s3 && store.volumes.at(path);
    if (volume === undefined) continue;
    const names = new Set(await volume.names());
    const isThere = ({ root }: PieceEntry): boolean => names.has(toHex(root).slice(2));
    const { keepers, slot, blockTime } = options;
    counts.push(await countVolume(path, { lists, isThere, scrubBytes, keepers, slot, blockTime }));
  }
  return counts;
}

/** Undefined without a price. */
function costOf({ month, storedBytes, storing }: Counted, options: RequestOptions) {
  const { priceReads, priceWrites, priceStored, priceOut } = options;
  if (
    priceReads === undefined &&
    priceWrites === undefined &&
    priceStored === undefined &&
    priceOut === undefined
  )
    return undefined;
  const writes = (priceWrites ?? 0) / perPrice;
  return {
    month: ((priceReads ?? 0) / perPrice) * month.reads + writes * month.writes,
    out: ((priceOut ?? 0) * month.bytesOut) / tebibyte,
    stored: ((priceStored ?? 0) * storedBytes) / tebibyte,
    storing: writes * storing.writes,
  };
}

const whole = (amount: number): string => Math.round(amount).toLocaleString("en-US");

function requestsText({ reads, writes, bytesOut }: Requests): string {
  const parts = [
    ...(reads > 0 ? [`${whole(reads)} reads`] : []),
    ...(writes > 0 ? [`${whole(writes)} writes`] : []),
    ...(bytesOut > 0 ? [`${formatBytes(bytesOut)} out`] : []),
  ];
  return parts.length === 0 ? "none" : parts.join(", ");
}

function printVolume(one: Counted, options: RequestOptions): void {
  const { volume, pieces, storedBytes, perChallenge, challenges, scrub, upkeep, month, storing } = one;
  printLine(`requests   ${volume}: ${counted(pieces, "piece")}, ${formatBytes(storedBytes)} with trees`);
  printLine(`  challenge  ${requestsText(perChallenge)}`);
  printLine(`  in 30 days ${requestsText(month)}`);
  printLine(
    `    asked    ${requestsText(challenges)} by ${counted(options.keepers, "keeper")} in slots of ${counted(options.slot, "block")}`,
  );
  printLine(`    scrub    ${requestsText(scrub)}`);
  printLine(`    upkeep   ${requestsText(upkeep)}`);
  printLine(`  to store   ${requestsText(storing)}, once`);
  const cost = costOf(one, options);
  if (cost === undefined) return;
  const money = (amount: number): string => amount.toFixed(2);
  printLine(
    `  costs      ${money(cost.stored)} stored, ${money(cost.month)} requests, ${money(cost.out)} out in 30 days; ${money(cost.storing)} to store`,
  );
}
