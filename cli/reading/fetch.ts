/** `whitepay fetch ROOT`: reads a piece from sources that nobody needs to trust; every range is verified, and kept for the next run (R44). */
import type { Command } from "commander";
import type { Libp2p } from "@libp2p/interface";
import { filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile } from "../../archive/schema.ts";
import { readManifestFile } from "../archive/manifest-file.ts";
import { placesOf } from "../../client/reading/file-places.ts";
import { openPiece } from "../../client/reading/piece.ts";
import type { PieceSource } from "../../client/reading/source.ts";
import type { Hex } from "../../protocol/hash.ts";
import { payerOptions, readerPurse, withChain, type PayerOptions } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { jsonOption, quote } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { dialingNode } from "../group/retrieve/download.ts";
import { fetchFile, sayFault, type FetchedFile, type WantedPiece } from "./fetch-file.ts";
import { manifestByRoot } from "./manifest-by-root.ts";
import { openPaying, payOptions, type Paid, type Paying, type PayFlags } from "./pay.ts";
import { defaultKey } from "./reader.ts";
import { readReaderKey } from "./reader-key.ts";
import { permissionOf, readShareFile, type ShareFile } from "./share-file.ts";
import { registeredLocator } from "../chain/relays.ts";
import { libp2pPayee, registrySources } from "./sources.ts";

const shownNames = 5;
type FetchOptions = PayerOptions &
  PayFlags & {
    readonly from?: readonly string[];
    readonly share?: string;
    readonly manifest?: string;
    readonly readerKey: string;
    readonly out: string;
  };

export function register(program: Command): void {
  const command = program
    .command("fetch")
    .description(
      "read a piece by its root from any sources, verify it, and write it to a file; re-run to continue",
    )
    .argument(
      "[root]",
      "root of the piece, 64 hex digits, or with --manifest a file's name; default: that of --share",
    )
    .option("--manifest <file>", "manifest of the archive in which the file has this name")
    .option("--from <urls...>", "URLs of providers' servers for readers, or of the piece")
    .option("--share <file>", "file of `whitepay share --file`: its providers, with the payer's permission")
    .option("--reader-key <file>", "key of the peer id in the permission (`whitepay reader`)", defaultKey)
    .requiredOption("--out <file>", "file for the piece");
  payerOptions(jsonOption(payOptions(command)), readerPurse).action(
    (root: string | undefined, options: FetchOptions) => fetchPiece(root, options),
  );
}

/** @throws CliError exit 2 if it is no root */
function rootOf(text: string): Hex {
  const digits = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text)?.[1];
  if (digits === undefined)
    throw usageError("the root is not valid", { expected: "64 hex digits", actual: quote(text) });
  return `0x${digits.toLowerCase()}`;
}

async function fetchPiece(text: string | undefined, options: FetchOptions): Promise<void> {
  const shared = options.share === undefined ? undefined : await readShareFile(options.share);
  const named = options.manifest === undefined ? undefined : await namedFile(text, options.manifest);
  const root = named?.root ?? (text === undefined ? shared?.copies[0]?.root : rootOf(text));
  if (root === undefined) throw usageError("the root is missing", { expected: "ROOT, or --share FILE" });
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort(new Error("interrupted"));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const { signal } = interrupt;
  const key =
    shared === undefined || shared.with === "anybody" ? undefined : await readReaderKey(options.readerKey);
  const paying = await openPaying(options);
  const libp2p = await dialingNode(key);
  try {
    const providersOf = async (wanted: Hex, isLast: boolean): Promise<PieceSource[]> => [
      ...(options.from ?? []).map((url) => paying.http(url)),
      ...(shared === undefined ? [] : sharedSources(shared, wanted, { libp2p, paying })),
      ...(await found(options, wanted, { libp2p, paying, signal, isLast })),
    ];
    const fetched = await settled(paying, () =>
      named === undefined
        ? fetchPieceOf(root, providersOf, options, signal)
        : fetchNamed(named, providersOf, options, signal),
    );
    report(fetched, options);
  } catch (error) {
    if (!signal.aborted) throw error;
    const hint = "verified ranges are kept; run the same command again to continue";
    throw new CliError({ code: exitCodes.interrupted, message: "interrupted", hint, cause: error });
  } finally {
    process.removeListener("SIGINT", stop);
    process.removeListener("SIGTERM", stop);
    await libp2p.stop();
    await paying.close();
  }
}

/** The sources of a piece. @param isLast there are no others */
type ProvidersOf = (root: Hex, isLast: boolean) => Promise<PieceSource[]>;
type Fetched = FetchedFile & { readonly wanted: WantedPiece };

/** Pays for what was read last, however the work ends. */
async function settled(
  paying: Paying,
  work: () => Promise<Fetched>,
): Promise<Fetched & { readonly paid: readonly Paid[] }> {
  let paid: readonly Paid[] = [];
  let fetched: Fetched;
  try {
    fetched = await work();
  } finally {
    paid = await paying.settle();
  }
  return { ...fetched, paid };
}

/** How sources are reached. */
type Means = { readonly libp2p: Libp2p; readonly paying: Paying };

function sharedSources(shared: ShareFile, root: Hex, { libp2p, paying }: Means): PieceSource[] {
  return shared.copies
    .filter((copy) => copy.root === root)
    .flatMap((copy) => {
      const { url, peerId, addrs, bytes } = copy;
      const permission = permissionOf(copy);
      const overHttp = url === undefined ? [] : [paying.http(url, { permission })];
      return [...overHttp, paying.of(libp2pPayee({ libp2p }, { peerId, addrs }, permission, bytes))];
    });
}

/** Providers of the registry that serve the piece; none if no registry is named and there may be other sources. */
async function found(
  options: FetchOptions,
  root: Hex,
  { libp2p, paying, signal, isLast }: Means & { readonly signal: AbortSignal; readonly isLast: boolean },
): Promise<PieceSource[]> {
  const named = (options as { registry?: string }).registry;
  const isAsked =
    named !== undefined || (isLast && options.from === undefined && options.share === undefined);
  if (!isAsked) return [];
  return withChain(
    options,
    async (provider, payer) => {
      const { registry } = payer.config.chain;
      if (registry === undefined) {
        throw usageError("no source is named", {
          expected: "--from URL, --share FILE, or --registry ADDRESS with --rpc URL",
        });
      }
      return registrySources(
        {
          provider,
          registry,
          line: { libp2p, signal, locator: registeredLocator(libp2p, provider, async () => registry) },
        },
        root,
        (url) => paying.http(url),
      );
    },
    readerPurse,
  );
}

/** The file of a manifest. @throws CliError exit 2 if the manifest has none of this name */
async function namedFile(name: string | undefined, manifest: string): Promise<ArchiveFile> {
  const files = filesOf((await readManifestFile(manifest)).manifest);
  const found = files.find((file) => file.name === name);
  if (found !== undefined) return found;
  throw usageError("the manifest has no file of this name", {
    expected: `one of ${files
      .slice(0, shownNames)
      .map((file) => file.name)
      .join(", ")}${files.length > shownNames ? ", …" : ""}`,
    actual: name === undefined ? "none" : quote(name),
  });
}

/** A file of the manifest: also from the places that the manifest names for it. */
async function fetchNamed(
  file: ArchiveFile,
  providersOf: ProvidersOf,
  { out }: FetchOptions,
  signal: AbortSignal,
): Promise<Fetched> {
  const { urls, notes } = await placesOf(file, async (root) =>
    filesOf(await manifestByRoot(root, await providersOf(root, true), { signal, onFault: sayFault })),
  );
  for (const note of notes) say(note);
  const { root, bytes, name, blake2b } = file;
  const providers = await providersOf(root, urls.length === 0);
  const wanted = { root, bytes, named: { name, blake2b } };
  return { wanted, ...(await fetchFile(wanted, { providers, urls }, out, { signal })) };
}

async function fetchPieceOf(
  root: Hex,
  providersOf: ProvidersOf,
  { out }: FetchOptions,
  signal: AbortSignal,
): Promise<Fetched> {
  const piece = await openPiece(root, await providersOf(root, true), { signal, onFault: sayFault });
  const wanted = { root, bytes: piece.size };
  const fetched = await fetchFile(wanted, { piece }, out, { signal });
  return { wanted, ...fetched, faults: piece.faults };
}

function report(
  { wanted, sources, faults, isOld, paid }: Fetched & { readonly paid: readonly Paid[] },
  { out, json }: FetchOptions,
): void {
  const { root, bytes } = wanted;
  if (json === true) return printJson({ root, bytes, path: out, sources, faults, paid });
  const names = isOld ? "present already" : sources.map(({ source }) => source).join(", ");
  printLine(`${out}  ${formatBytes(bytes)}, ${names}`);
}
