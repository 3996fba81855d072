/** `whitepay provider ingest|consent|list|remove`: manages the stored pieces and signs consents. */
import type { Command } from "commander";
import type { ProviderConfig } from "../../provider/config.ts";
import { fromHex, toHex } from "../../storage/core/bytes.ts";
import type { PieceList } from "../../storage/core/piece-list.ts";
import type { PieceStore } from "../../storage/disk/store.ts";
import { committedLists } from "./committed-lists.ts";
import { usageError } from "../console/exit.ts";
import { hashProgressBar } from "../console/hash-progress.ts";
import { addressOption, hexOption, integerOption, alwaysJson, jsonOption } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import {
  asProviderFailure,
  configOption,
  loadProvider,
  providerKeys,
  withReader,
  type ReaderContext,
} from "./context.ts";
import { consentPrice } from "./price.ts";
import { counted } from "../../protocol/counted.ts";

type Hex = `0x${string}`;
type DataOptions = { readonly config?: string; readonly group?: string; readonly json?: boolean };

const groupText = "group of the pieces";

export function registerData(provider: Command): void {
  const ingest = configOption(jsonOption(provider.command("ingest")))
    .description("copy files into the store and append them to a group's list of pieces")
    .argument("<files...>", "regular files of at least one byte; with --in-place also folders")
    .option("--in-place", "store the files where they lie: only their hash trees take space")
    .option(
      "--group <address>",
      `${groupText}; default: the next group that gets a consent`,
      addressOption("--group"),
    )
    .option("--replace", "start a new list with these files; pieces of the old list stay stored");
  ingest.action((files: string[], options: IngestOptions) => ingestCommand(files, options));
  const consent = configOption(alwaysJson(provider.command("consent")))
    .description("sign a consent for a group's list of pieces; the payer adds this provider with it (R33)")
    .requiredOption("--group <address>", "the group", addressOption("--group"))
    .option("--price <units>", "token units per 2^64 byte·blocks; 0: for nothing", priceOption)
    .option(
      "--price-per-month <tokens>",
      "instead: whole tokens of the group per TiB and month of 30 days, for example 4; the group must exist",
    )
    .option(
      "--committee <address>",
      "committee that serves the group when the data take effect (default: read from the chain)",
      addressOption("--committee"),
    )
    .option(
      "--sequence <number>",
      "sequence number of the consent (default: read from the chain)",
      integerOption("--sequence", { min: 1 }),
    )
    .option(
      "--deadline <block>",
      "last block in which the payer may use the consent (default: 7200 blocks from now)",
      integerOption("--deadline", { min: 1 }),
    );
  consent.action((options: ConsentOptions) => consentCommand(options));
  const list = configOption(jsonOption(provider.command("list")))
    .description("list the pieces of every group with roots, sizes and file names")
    .option("--group <address>", "only this group", addressOption("--group"));
  list.action((options: DataOptions) => listCommand(options));
  const remove = configOption(jsonOption(provider.command("remove")))
    .description("remove pieces from a group's list; with --unused delete pieces that no list contains")
    .argument("[roots...]", "roots of pieces, from `provider list`")
    .option("--group <address>", `${groupText}; default: pieces without a group`, addressOption("--group"))
    .option(
      "--unused",
      "delete pieces that are in no present list and in no list that the chain still pays for",
    );
  remove.action((roots: string[], options: DataOptions & { unused?: true }) => removeCommand(roots, options));
}

const lower = (group: string | undefined): Hex | undefined => group?.toLowerCase() as Hex | undefined;
const whose = (group: string | undefined): string =>
  group === undefined ? "without a group" : `of group ${group}`;

function piecesOf(list: PieceList): { root: Hex; size: number }[] {
  return [...list.pieces].map(({ root, size }) => ({ root: toHex(root), size }));
}

async function openStoreOf(config: ProviderConfig): Promise<PieceStore> {
  const { openStore } = await import("../../provider/ingest.ts");
  return openStore(config);
}

type IngestOptions = DataOptions & { readonly replace?: true; readonly inPlace?: true };

async function ingestCommand(files: readonly string[], options: IngestOptions): Promise<void> {
  const { ingestFiles } = await import("../../provider/ingest.ts");
  const config = await loadProvider(options);
  const group = lower(options.group);
  const { list, skipped, changed } = await asProviderFailure(
    ingestFiles(config, files, {
      replace: options.replace ?? false,
      inPlace: options.inPlace ?? false,
      ...(group === undefined ? {} : { group }),
      onFile: (file) => {
        const onProgress = hashProgressBar(file);
        return onProgress ? { onProgress } : {};
      },
    }),
  );
  const pieces = piecesOf(list);
  const listRoot = toHex(list.root);
  if (options.json === true) {
    const inPlace = options.inPlace === true ? { skipped, changed } : {};
    return printJson({ group, listRoot, bytes: list.totalBytes, pieces, ...inPlace });
  }
  printLine(
    `list      ${listRoot}, ${whose(group)}: ${counted(pieces.length, "piece")}, ${formatBytes(Number(list.totalBytes))}`,
  );
  for (const { root, size } of pieces) printLine(`  piece   ${root}  ${counted(size, "byte")}`);
  for (const { path, reason } of skipped) printLine(`  skipped ${path}: ${reason}`);
  for (const { path, before } of changed) {
    printLine(
      `  changed ${path}: piece ${before} can no longer be proven; restore the file, or remove the piece`,
    );
  }
  say(`next: sign the list: whitepay provider consent --group ${group ?? "GROUP"} > consent.json`);
}

type ConsentOptions = DataOptions & {
  readonly group: string;
  readonly price?: bigint;
  readonly pricePerMonth?: string;
  readonly committee?: string;
  readonly sequence?: number;
  readonly deadline?: number;
};

const maxPrice = (1n << 80n) - 1n;

function priceOption(text: string): bigint {
  const price = /^\d{1,25}$/.test(text) ? BigInt(text) : -1n;
  if (price >= 0n && price <= maxPrice) return price;
  throw usageError("--price is not valid", { expected: `an integer from 0 to ${maxPrice}`, actual: text });
}

async function consentCommand(options: ConsentOptions): Promise<void> {
  const { consentFor } = await import("../../provider/consent.ts");
  const config = await loadProvider(options);
  const keys = await asProviderFailure(providerKeys(config));
  const group = options.group.toLowerCase() as Hex;
  const { sequence, deadline } = options;
  const committee = lower(options.committee);
  const offline = committee !== undefined && sequence !== undefined && deadline !== undefined;
  const { price, text } = await consentPrice(config, group, { ...options, offline });
  const signed = consentFor(config, keys, group, {
    price,
    ...(committee === undefined ? {} : { committee }),
    ...(sequence === undefined ? {} : { sequence }),
    ...(deadline === undefined ? {} : { deadline }),
  });
  printJson(await asProviderFailure(signed));
  if (text !== undefined) say(`price: ${text}`);
  const free = await (await openStoreOf(config)).currentList();
  if (free !== undefined)
    say(
      `not in this consent: ${counted(free.pieces.length, "piece")} without a group: whitepay provider list`,
    );
  say("next: send it to the payer of the group, who adds this provider");
}

async function listCommand(options: DataOptions): Promise<void> {
  const store = await openStoreOf(await loadProvider(options));
  const wanted = lower(options.group);
  const lists = (await asProviderFailure(store.currentLists())).filter(
    ({ group }) => wanted === undefined || group === wanted,
  );
  const shown = await Promise.all(
    lists.map(async ({ group, list }) => ({
      group,
      listRoot: toHex(list.root),
      bytes: list.totalBytes,
      pieces: await Promise.all(
        piecesOf(list).map(async (piece) => ({ ...piece, name: await store.nameOf(fromHex(piece.root)) })),
      ),
    })),
  );
  if (options.json === true) return printJson({ lists: shown });
  if (shown.length === 0) printLine("no pieces are stored");
  for (const { group, listRoot, bytes, pieces } of shown) {
    printLine(
      `list      ${listRoot}, ${whose(group)}: ${counted(pieces.length, "piece")}, ${formatBytes(Number(bytes))}`,
    );
    for (const { root, size, name } of pieces)
      printLine(`  piece   ${root}  ${counted(size, "byte")}  ${name ?? ""}`.trimEnd());
  }
}

async function removeCommand(
  roots: readonly string[],
  options: DataOptions & { unused?: true },
): Promise<void> {
  if (options.unused === true && roots.length === 0) return deleteUnused(options);
  if (options.unused === true || roots.length === 0) {
    throw usageError("expected either roots of pieces or --unused", {
      hint: "whitepay provider list prints the roots",
    });
  }
  const parse = hexOption("the root of a piece", 32);
  const wanted = new Set(roots.map((root) => parse(root).toLowerCase()));
  const store = await openStoreOf(await loadProvider(options));
  const group = lower(options.group);
  const before = await asProviderFailure(store.currentList(group));
  const there = new Set<string>(before === undefined ? [] : piecesOf(before).map(({ root }) => root));
  const missing = [...wanted].filter((root) => !there.has(root));
  if (missing.length > 0) {
    throw usageError(`${missing.join(", ")}: not in the list ${whose(group)}`, {
      hint: "whitepay provider list prints the pieces of each list",
    });
  }
  const left = await store.removeFromList(wanted, group);
  const listRoot = left === undefined ? undefined : toHex(left.root);
  if (options.json === true) return printJson({ group, removed: [...wanted], listRoot });
  printLine(
    `removed   ${counted(wanted.size, "piece")}; left in the list ${whose(group)}: ${left?.pieces.length ?? 0}`,
  );
  say(
    group === undefined
      ? "next: delete the bytes: whitepay provider remove --unused"
      : `next: sign a new consent (the payer pays for the old list until it accepts one): whitepay provider consent --group ${group}
  to void an earlier consent that is not used yet: whitepay provider revoke-consent --group ${group}
  to delete the bytes after the change is settled: whitepay provider remove --unused`,
  );
}

/** Pieces in a present list, or in a list that the chain still pays for: challenges may select them. */
async function neededPieces(
  store: PieceStore,
  { provider, operator, groups, at }: ReaderContext,
): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  const add = (list: PieceList | undefined): void => {
    for (const { root } of list === undefined ? [] : piecesOf(list)) needed.add(root);
  };
  for (const { list } of await asProviderFailure(store.currentLists())) add(list);
  for (const list of await asProviderFailure(store.waitingLists())) add(list);
  const served = new Set([...groups.map((group) => group.toLowerCase()), ...(await store.groups())]);
  for (const group of served) {
    for (const root of await committedLists(provider, at(group), operator)) {
      add(await asProviderFailure(store.list(fromHex(root))));
    }
  }
  return needed;
}

async function deleteUnused(options: DataOptions): Promise<void> {
  // Pieces of all configured groups are needed: ignore --group.
  const { group: _group, ...others } = options;
  await withReader(others, async (context) => {
    const store = await openStoreOf(context.config);
    // Read first: a piece that arrives by offer is stored after its list.
    const stored = await store.storedRoots();
    const needed = await neededPieces(store, context);
    const unused = stored.filter((root) => !needed.has(root));
    let bytes = 0;
    for (const root of unused) bytes += await store.deletePiece(root);
    if (options.json === true) return printJson({ deleted: unused, bytes });
    printLine(`deleted   ${counted(unused.length, "piece")}, ${formatBytes(bytes)}`);
  });
}
