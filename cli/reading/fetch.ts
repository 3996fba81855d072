/** `whitepay fetch ROOT`: reads a piece from sources that nobody needs to trust; every range is verified, and kept for the next run (R44). */
import { stat } from "node:fs/promises";
import type { Command } from "commander";
import type { Libp2p } from "@libp2p/interface";
import { filesOf } from "../../archive/manifest.ts";
import type { ArchiveFile } from "../../archive/schema.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import { readManifestFile } from "../archive/manifest-file.ts";
import { openPiece, type Piece, type SourceFault } from "../../client/reading/piece.ts";
import { httpSource, type PieceSource } from "../../client/reading/source.ts";
import type { Hex } from "../../protocol/hash.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import { payerOptions, readerPurse, withChain, type PayerOptions } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { jsonOption, quote } from "../console/options.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { formatBytes, progressBar } from "../console/progress.ts";
import { dialingNode } from "../group/retrieve/download.ts";
import { isComplete, PartialFile } from "../group/retrieve/partial-file.ts";
import { defaultKey } from "./reader.ts";
import { readReaderKey } from "./reader-key.ts";
import { permissionOf, readShareFile, type ShareFile } from "./share-file.ts";
import { registeredLocator } from "../chain/relays.ts";
import { libp2pSource, registrySources } from "./sources.ts";

const shownNames = 5;
/** Each holds a range of 2 MB. */
const rangesAtOnce = 4;

type FetchOptions = PayerOptions & {
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
  payerOptions(jsonOption(command), readerPurse).action((root: string | undefined, options: FetchOptions) =>
    fetchPiece(root, options),
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
  const libp2p = await dialingNode(key);
  try {
    const sources = [
      ...(options.from ?? []).map((url) => httpSource(url)),
      ...(shared === undefined ? [] : sharedSources(shared, root, libp2p)),
      ...(await found(options, root, libp2p, signal)),
    ];
    await fetchFrom(sources, named ?? { root }, options, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    const hint = "verified ranges are kept; run the same command again to continue";
    throw new CliError({ code: exitCodes.interrupted, message: "interrupted", hint, cause: error });
  } finally {
    process.removeListener("SIGINT", stop);
    process.removeListener("SIGTERM", stop);
    await libp2p.stop();
  }
}

function sharedSources(shared: ShareFile, root: Hex, libp2p: Libp2p): PieceSource[] {
  return shared.copies
    .filter((copy) => copy.root === root)
    .flatMap((copy) => {
      const { url, peerId, addrs, bytes } = copy;
      const permission = permissionOf(copy);
      const overHttp = url === undefined ? [] : [httpSource(url, { permission })];
      return [...overHttp, libp2pSource({ libp2p }, { peerId, addrs }, permission, bytes)];
    });
}

/** Providers of the registry that serve the piece; none if no registry is named. */
async function found(
  options: FetchOptions,
  root: Hex,
  libp2p: Libp2p,
  signal: AbortSignal,
): Promise<PieceSource[]> {
  const named = (options as { registry?: string }).registry;
  const isAsked = named !== undefined || (options.from === undefined && options.share === undefined);
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

/** The piece root leads to these bytes; whoever published the file named it by its BLAKE2b-512. @throws CliError exit 1 if they differ */
async function checkHash(path: string, { name, blake2b }: ArchiveFile): Promise<void> {
  const hashes = await hashFileOnce(path);
  if (hashes.blake2b === blake2b) return;
  throw new CliError({
    code: exitCodes.failed,
    message: `${name}: the manifest's piece root and its BLAKE2b-512 belong to different files`,
    expected: blake2b,
    actual: hashes.blake2b,
    hint: `${path} has the bytes of the piece root; ask the curator, or compare with the published hash`,
  });
}

async function fetchFrom(
  sources: readonly PieceSource[],
  wanted: Pick<ArchiveFile, "root"> | ArchiveFile,
  { out, json }: FetchOptions,
  signal: AbortSignal,
): Promise<void> {
  const onFault = ({ source, kind, reason }: SourceFault): void => {
    say(
      kind === "wrong"
        ? `${source} sent wrong bytes and is not asked again: ${reason}`
        : `${source}: ${reason}`,
    );
  };
  const { root } = wanted;
  const piece = await openPiece(root, sources, { signal, onFault });
  const entry = { root: fromHex(root), size: piece.size };
  const isThere = await isComplete(out, entry);
  if (!isThere && (await stat(out).catch(() => undefined)) !== undefined) {
    throw usageError(`${out} exists already and is not this piece`, {
      hint: "name another file, or remove it",
    });
  }
  const used = isThere ? new Map<string, number>() : await writePiece(piece, entry, out, signal);
  if ("blake2b" in wanted) await checkHash(out, wanted);
  const { faults } = piece;
  const from = [...used].map(([source, bytes]) => ({ source, bytes }));
  if (json === true) return printJson({ root, bytes: piece.size, path: out, sources: from, faults });
  const names = from.length === 0 ? "present already" : from.map(({ source }) => source).join(", ");
  printLine(`${out}  ${formatBytes(piece.size)}, ${names}`);
}

/** Returns the bytes that each source gave. */
async function writePiece(
  piece: Piece,
  entry: { readonly root: Uint8Array; readonly size: number },
  out: string,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const part = await PartialFile.open(out, entry);
  const bar = progressBar({ label: "fetching", total: piece.size, format: formatBytes });
  const used = new Map<string, number>();
  let [next, done] = [0, 0];
  const worker = async (): Promise<void> => {
    for (let range = next++; range < piece.ranges; range = next++) {
      signal.throwIfAborted();
      if (!part.has(range)) {
        const { bytes, source } = await piece.range(range);
        await part.put(range, bytes);
        used.set(source, (used.get(source) ?? 0) + bytes.length);
      }
      bar?.update(Math.min(piece.size, ++done * (piece.size / piece.ranges)));
    }
  };
  try {
    const ended = await Promise.allSettled(Array.from({ length: rangesAtOnce }, worker));
    const failed = ended.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    if (await part.finish()) return used;
    throw new CliError({
      code: exitCodes.failed,
      message: `${out}.part was damaged on this disk`,
      hint: "run the command again: it begins anew",
    });
  } catch (error) {
    await part.note().catch(() => undefined);
    throw error;
  } finally {
    bar?.stop();
    await part.close();
  }
}
