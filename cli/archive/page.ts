/** `whitepay archive page`: writes the public page of an archive, as files that any static server serves (R46). Needs no key. */
import { readFile, readdir } from "node:fs/promises";
import { extname } from "node:path";
import type { Command } from "commander";
import type { JsonRpcProvider } from "ethers";
import { canonicalBytes } from "../../archive/manifest.ts";
import { listsFolder } from "../../archive/page/read-lists.ts";
import { maxLists, maxReaders, pageSettingsSchema, type PageSettings } from "../../archive/page/settings.ts";
import type { Manifest } from "../../archive/schema.ts";
import { httpSource } from "../../client/reading/source.ts";
import type { RecordsAt } from "../../client/records.ts";
import { pathOfPiece } from "../../protocol/codec/piece-http.ts";
import { counted } from "../../protocol/counted.ts";
import { loadPayer, payerOptions, type PayerOptions } from "../chain/account.ts";
import { contractsOf } from "../chain/contracts.ts";
import { usageError } from "../console/exit.ts";
import { registrySources, type RegistryScope } from "../reading/sources.ts";
import { addressOption, integerOption, jsonOption, quote } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { KnownLists } from "./known-lists.ts";
import { readManifestFile } from "./manifest-file.ts";
import { pageModules } from "./page-modules.ts";
import { PageFolder } from "./page-folder.ts";
import { withStanding, type Standing } from "./standing.ts";

const defaultDays = 90;
const entries = ["archive/page/app", "archive/page/worker", "archive/page/download-worker"] as const;
const extension = extname(import.meta.filename);
/** The manifest beside the page. */
const manifestFile = "manifest.json";

type PageOptions = PayerOptions & {
  readonly manifest: string;
  readonly out: string;
  readonly publicRpc?: readonly string[];
  readonly manifestUrl?: readonly string[];
  readonly reader?: readonly string[];
  readonly groups?: readonly string[];
  readonly days: number;
  readonly least: number;
  readonly lists?: string;
};

export function register(archive: Command): void {
  const command = archive
    .command("page")
    .description(
      "write a public page of the copies over time, for any static web server; readable without a wallet",
    )
    .requiredOption("--manifest <file>", "the archive's manifest")
    .requiredOption("--out <folder>", "folder to write; a page that is there already is renewed")
    .option("--public-rpc <urls...>", "RPC endpoints that the page asks; anybody sees them (default: --rpc)")
    .option("--manifest-url <urls...>", "where the page reads the manifest (default: a copy beside it)")
    .option(
      "--reader <urls...>",
      "providers' servers for readers, for piece lists and links to files (default: those that registered providers name)",
    )
    .option(
      "--groups <addresses>",
      "groups that store it, separated by commas (default: those that announced it)",
      (text: string) => text.split(",").map(addressOption("--groups")),
    )
    .option("--days <n>", "days to look back", integerOption("--days", { min: 1, max: 3650 }), defaultDays)
    .option(
      "--least <n>",
      "alarm for files with fewer proven copies; derivable files need none",
      integerOption("--least", { min: 0, max: 256 }),
      2,
    )
    .option("--lists <folder>", "folder that keeps providers' piece lists (default: MANIFEST.lists)");
  payerOptions(jsonOption(command)).action((options: PageOptions) => page(options));
}

async function page(options: PageOptions): Promise<void> {
  const { manifest } = await readManifestFile(options.manifest);
  const folder = await PageFolder.open(options.out);
  const { groups, days } = options;
  const lists = options.lists ?? `${options.manifest}.lists`;
  // Reads the lists that only libp2p gives, and shows that the page will find what it needs.
  await withStanding(options, manifest, { groups, days, lists }, async (standing, provider, line) => {
    const contracts = await contractsOf(provider, await loadPayer(options));
    const readers =
      options.reader ?? (await namedReaders({ provider, line, registry: contracts.registry }, standing));
    const known = new KnownLists(lists);
    const settings = await settingsOf(options, standing, { provider, contracts, readers, known });
    await writeModules(folder, settings);
    if (options.manifestUrl === undefined) await folder.write(manifestFile, canonicalBytes(manifest));
    await writeLists(folder, settings, known);
    // At last, so that an interruption leaves the page that was there.
    await folder.write("settings.json", `${JSON.stringify(settings, undefined, 1)}\n`);
    print(options, manifest, standing, settings);
  });
}

/** The servers for readers of registered providers that serve the manifest, or the archive's first file, to anybody. */
async function namedReaders(scope: RegistryScope, { manifest, files }: Standing): Promise<string[]> {
  const found = new Set<string>();
  for (const root of [manifest, ...files.slice(0, 1).map(({ file }) => file.root)]) {
    const end = pathOfPiece(root);
    await registrySources(scope, root, (url) => {
      if (url.endsWith(end)) found.add(url.slice(0, -end.length));
      return httpSource(url);
    });
  }
  return [...found].slice(0, maxReaders);
}

type PageScope = {
  readonly provider: JsonRpcProvider;
  readonly contracts: RecordsAt;
  readonly readers: readonly string[];
  readonly known: KnownLists;
};

async function settingsOf(
  options: PageOptions,
  { manifest, groups }: Standing,
  { provider, contracts: { factory, lens }, readers, known }: PageScope,
): Promise<PageSettings> {
  const payer = await loadPayer(options);
  const { chainId } = await provider.getNetwork();
  const parsed = pageSettingsSchema.safeParse({
    version: 1,
    rpc: options.publicRpc ?? payer.config.chain.rpc,
    chainId: Number(chainId),
    factory,
    lens,
    manifest,
    manifestUrls: options.manifestUrl ?? [manifestFile],
    readers,
    lists: (await known.roots()).slice(-maxLists),
    groups: options.groups === undefined ? null : groups,
    days: options.days,
    least: options.least,
  } satisfies Record<keyof PageSettings, unknown>);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const names: Readonly<Record<string, string>> = {
    rpc: "public-rpc",
    readers: "reader",
    manifestUrls: "manifest-url",
  };
  const key = String(issue?.path[0] ?? "");
  throw usageError(`--${names[key] ?? key} is not valid`, {
    expected: "http or https URLs",
    actual: quote(issue?.message ?? ""),
  });
}

/** What the page's security policy lets it ask. */
function connectSources({ rpc, readers, manifestUrls }: PageSettings): string {
  const far = [...rpc, ...readers, ...manifestUrls.filter((url) => /^https?:/i.test(url))];
  return [...new Set(["'self'", ...far.map((url) => new URL(url).origin)])].join(" ");
}

async function writeModules(folder: PageFolder, settings: PageSettings): Promise<void> {
  const { files } = await pageModules(entries, extension);
  for (const [path, text] of files) await folder.write(path, text);
  const source = new URL("../../", import.meta.url);
  const frame = await readFile(new URL("archive/page/index.html", source), "utf8");
  await folder.write("index.html", frame.replace("{{connect}}", connectSources(settings)));
  await folder.write("page.css", await readFile(new URL("archive/page/page.css", source)));
  for (const name of ["style.css", "icon.svg"]) {
    await folder.write(name, await readFile(new URL(`daemon/page/${name}`, source)));
  }
}

/** Lists do not change, so those of an earlier page stay as they are. */
async function writeLists(folder: PageFolder, { lists }: PageSettings, known: KnownLists): Promise<void> {
  const there = new Set(await readdir(folder.at(listsFolder)).catch(() => []));
  for (const root of lists) {
    if (there.has(root.slice(2))) continue;
    const list = await known.get(root);
    if (list === undefined) say(`the list ${root} is damaged: the page does without it`);
    else await folder.write(`${listsFolder}/${root.slice(2)}`, list.pieces.bytes);
  }
}

function print(
  { out, json }: PageOptions,
  { title }: Manifest,
  { manifest, groups, unread }: Standing,
  { rpc, readers, lists }: PageSettings,
): void {
  if (json === true) {
    return printJson({ out, manifest, groups, rpc, readers, lists: lists.length, unread: unread.length });
  }
  printLine(`page      ${out}: ${title}`);
  printLine(`manifest  ${manifest}`);
  printLine(`groups    ${groups.length === 0 ? "none announced it" : groups.join(", ")}`);
  printLine(`lists     ${counted(lists.length, "piece list")} beside the page`);
  printLine(`asks      ${[...rpc, ...readers].join(", ")}`);
  for (const { operator } of unread) {
    say(`provider ${operator} does not give a list of its data: its files are not counted`);
  }
  say(
    "serve the folder with any web server; write it again from time to time, so that lists of lost providers stay",
  );
}
