/** `whitepay provider volunteer`: stores what an archive needs most, for nothing, and follows its editions (R33, R46). */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { canonicalBytes, filesOf } from "../../../archive/manifest.ts";
import type { Manifest } from "../../../archive/schema.ts";
import { announcedIn, newestManifest } from "../../../client/archives.ts";
import { groupAbi } from "../../../client/abi.ts";
import type { GroupAt } from "../../../client/group-view.ts";
import { httpSource, type PieceSource } from "../../../client/reading/source.ts";
import { registryOf } from "../../../client/group-plans.ts";
import { archiveStanding } from "../../../client/standing.ts";
import { callView } from "../../../client/view-call.ts";
import { counted } from "../../../protocol/counted.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { toHex } from "../../../storage/core/bytes.ts";
import type { PieceStore } from "../../../storage/disk/store.ts";
import { KnownLists } from "../../archive/known-lists.ts";
import { readManifestFile } from "../../archive/manifest-file.ts";
import { rootsIn } from "../../archive/standing.ts";
import { registeredLocator } from "../../chain/relays.ts";
import { CliError, exitCodes, usageError } from "../../console/exit.ts";
import { addressOption, bytesOption, integerOption, jsonOption } from "../../console/options.ts";
import { printJson, printLine, say } from "../../console/output.ts";
import { formatBytes } from "../../console/progress.ts";
import { dialingNode } from "../../group/retrieve/download.ts";
import { sayFault } from "../../reading/fetch-file.ts";
import { manifestByRoot } from "../../reading/manifest-by-root.ts";
import { registrySources } from "../../reading/sources.ts";
import type { Line } from "../../store/wire.ts";
import {
  asProviderFailure,
  configOption,
  withProvider,
  type ProviderContext,
  type ProviderOptions,
} from "../context.ts";
import { chooseFiles, type Choice } from "./choose.ts";
import { checkUnpaid, volunteerConsent, type ConsentState } from "./consent.ts";
import { announcedEdition, editionOf, keepEdition, keptEdition, type Edition } from "./edition.ts";
import { begunRoots, fetchAll, storeManifest, type FetchScope } from "./fetch.ts";
import { missingMoney } from "./money.ts";

const defaultCopies = 3;
/** Between two looks with --follow: a new edition is awaited for months, and what is proven changes with intervals. */
const defaultEvery_s = 600;

type VolunteerOptions = Omit<ProviderOptions, "group"> & {
  readonly group?: string;
  readonly capacity: number;
  readonly copies: number;
  readonly folder?: string;
  readonly from?: readonly string[];
  readonly follow?: true;
  readonly every: number;
};

export function registerVolunteer(provider: Command): void {
  const command = configOption(jsonOption(provider.command("volunteer")))
    .description(
      "store the files of an archive that are needed most, for nothing, and sign the consent that its payer adds; re-run to continue",
    )
    .argument("<manifest>", "archive.json of an edition of the archive")
    .requiredOption(
      "--capacity <size>",
      "bytes on the disk for this archive, hash trees and what is stored of it included, for example 200GB",
      bytesOption("--capacity"),
    )
    .option(
      "--group <address>",
      "the archive's group; default: the one that announced it, of the offer's factories",
      addressOption("--group"),
    )
    .option(
      "--copies <n>",
      "take files with fewer proven copies",
      integerOption("--copies", { min: 1, max: 256 }),
      defaultCopies,
    )
    .option("--folder <path>", "folder for the files (default: archive in the data folder)")
    .option("--from <urls...>", "servers of providers for readers, beside those of the registry")
    .option("--follow", "go on: follow new editions and what is needed until Ctrl-C")
    .option(
      "--every <seconds>",
      "time between two looks with --follow",
      integerOption("--every", { min: 1, max: 86_400 }),
      defaultEvery_s,
    );
  command.action((manifest: string, options: VolunteerOptions) => volunteer(manifest, options));
}

type Scope = Pick<ProviderContext, "config" | "keys" | "provider" | "operator"> & {
  readonly group: GroupAt;
  readonly factory: string;
  readonly registry: string;
  readonly store: PieceStore;
  readonly line: Line;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly options: VolunteerOptions;
};

async function volunteer(path: string, options: VolunteerOptions): Promise<void> {
  const { manifest } = await readManifestFile(path);
  const { group: _group, ...others } = options;
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort(new Error("interrupted"));
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const { signal } = interrupt;
  try {
    await withProvider(others, async (context) => {
      const libp2p = await dialingNode();
      try {
        const scope = await scopeOf(context, editionOf(manifest), options, {
          libp2p,
          signal,
          locator: registeredLocator(libp2p, context.provider, async () => context.config.chain.registry),
        });
        await follow(scope, manifest);
      } finally {
        await libp2p.stop();
      }
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    // With --follow an interruption is the end that is meant.
    if (options.follow === true) return;
    const hint = "what was fetched is kept; run the same command again to continue";
    throw new CliError({ code: exitCodes.interrupted, message: "interrupted", hint, cause: error });
  } finally {
    process.removeListener("SIGINT", stop);
    process.removeListener("SIGTERM", stop);
  }
}

async function scopeOf(
  { config, keys, provider, operator, at }: ProviderContext,
  edition: Edition,
  options: VolunteerOptions,
  line: Line & { readonly signal: AbortSignal },
): Promise<Scope> {
  const group = at(options.group ?? (await announcingGroup({ config, provider }, edition)));
  const call = { what: "group", abi: groupAbi, address: group.address, name: "factory" };
  const factory = String((await callView(provider, { ...call, args: [], block: "latest" }))[0]);
  const registry = await registryOf(provider, factory);
  if (registry.toLowerCase() !== config.chain.registry.toLowerCase()) {
    throw usageError("the group is of another registry", {
      expected: config.chain.registry,
      actual: registry,
    });
  }
  const { openStore } = await import("../../../provider/ingest.ts");
  const store = await asProviderFailure(openStore(config));
  const folder = options.folder ?? join(config.dataDir, "archive");
  const { signal } = line;
  return { config, keys, provider, operator, group, factory, registry, store, line, folder, signal, options };
}

/** @throws CliError exit 2 unless exactly one group of the offer's factories announced the manifest or the edition before */
async function announcingGroup(
  { config, provider }: Pick<ProviderContext, "config" | "provider">,
  { manifest, root }: Edition,
): Promise<string> {
  const roots = manifest.previous === null ? [root] : [root, manifest.previous];
  const { registry } = config.chain;
  const found = new Set<string>();
  for (const factory of config.offer?.factories ?? []) {
    for (const { group } of await announcedIn(provider, { registry, factory }, roots)) found.add(group);
  }
  const [only] = found;
  if (only !== undefined && found.size === 1) return only;
  throw usageError("the archive's group is not known", {
    expected: "one group of the offer's factories that announced this manifest",
    actual: found.size === 0 ? "none" : [...found].join(", "),
    hint: "name it: --group ADDRESS; the archive's curator knows it",
  });
}

async function follow(scope: Scope, given: Manifest): Promise<void> {
  const { options, signal } = scope;
  let isFirst = true;
  for (;;) {
    const failed = await round(scope, given).catch((error: unknown) => {
      if (options.follow !== true || isFirst || signal.aborted || !(error instanceof Error)) throw error;
      say(`this look failed, the next one follows: ${error.message}`);
      return 0;
    });
    isFirst = false;
    if (options.follow !== true) {
      if (failed === 0) return;
      throw new CliError({
        code: exitCodes.network,
        message: `${counted(failed, "file")} could not be fetched`,
        hint: "the others are stored; run the same command again to try the rest",
      });
    }
    await sleep(options.every * 1000, undefined, { signal });
  }
}

/** Returns the number of files that could not be fetched. */
async function round(scope: Scope, given: Manifest): Promise<number> {
  const { group, provider, store, options, config } = scope;
  const address = group.address.toLowerCase() as Hex;
  await checkUnpaid(scope);
  const kept = join(config.dataDir, "volunteer", `${address}.manifest`);
  const announced = await newestManifest(provider, scope.registry, address);
  if (announced === undefined) {
    throw usageError(`group ${address} announced no manifest`, {
      hint: "its payer announces it: whitepay group publish-manifest ROOT",
    });
  }
  const known = [editionOf(given), await keptEdition(kept)].filter((one) => one !== undefined);
  const read = async (root: Hex): Promise<Manifest> =>
    manifestByRoot(root, await providersOf(scope, root), { signal: scope.signal, onFault: sayFault });
  const edition = await announcedEdition(announced.root, known, read);
  await keepEdition(kept, edition);
  const bytes = canonicalBytes(edition.manifest);
  const stored = await storedOf(store, address);
  const choice = chooseFiles({
    manifest: edition.manifest,
    manifestBytes: bytes.length,
    isManifestStored: stored.some(({ root }) => root === edition.root),
    stored,
    begun: await begunRoots(scope.folder),
    holders: await holdersOf(scope, edition),
    operator: scope.operator,
    capacity: options.capacity,
    copies: options.copies,
  });
  if (options.json !== true) tellChoice(edition, choice, options);
  const fetching: FetchScope = {
    store,
    group: address,
    dataDir: config.dataDir,
    folder: scope.folder,
    providersOf: (root) => providersOf(scope, root),
    openManifest: async (root) => filesOf(await read(root)),
    signal: scope.signal,
    isQuiet: options.json === true,
  };
  const hasManifest = stored.some(({ root }) => root === edition.root);
  if (!hasManifest && stored.length + choice.taken.length > 0)
    await storeManifest(fetching, edition.root, bytes);
  const { fetched, failed } = await fetchAll(fetching, choice.taken);
  const list = await store.currentList(address);
  const isWorth = list !== undefined && stored.length + fetched.length > 0;
  const consent = isWorth ? await asProviderFailure(volunteerConsent(scope, list)) : undefined;
  const missing = await missingMoney(provider, group, scope.operator);
  await tell({ edition, choice, fetched, failed, consent, missing, scope });
  if (consent === undefined && failed.length === 0 && choice.out.length > 0) {
    throw new CliError({
      code: exitCodes.failed,
      message: "no file that the archive needs fits",
      expected: `--capacity ${choice.out.map((one) => one.bytes).reduce((a, b) => Math.min(a, b))} bytes or more`,
      actual: `${options.capacity} bytes`,
    });
  }
  return failed.length;
}

async function storedOf(store: PieceStore, group: Hex): Promise<{ root: string; size: number }[]> {
  const list = await asProviderFailure(store.currentList(group));
  return list === undefined ? [] : [...list.pieces].map(({ root, size }) => ({ root: toHex(root), size }));
}

async function providersOf({ provider, registry, line, options }: Scope, root: Hex): Promise<PieceSource[]> {
  const named = (options.from ?? []).map((url) => httpSource(url));
  return [...named, ...(await registrySources({ provider, registry, line }, root))];
}

/** Providers with a proven copy, for each file. */
async function holdersOf(
  { provider, registry, factory, group, line, config }: Scope,
  { manifest, root }: Edition,
): Promise<string[][]> {
  const known = new KnownLists(join(config.dataDir, "volunteer", "lists"));
  const { files } = await archiveStanding(
    { provider, registry, factory, lens: group.lens },
    {
      manifest: root,
      previous: manifest.previous,
      roots: filesOf(manifest).map((file) => file.root),
      groups: undefined,
      days: 1,
    },
    (wanted) => rootsIn({ provider, registry, line, known }, wanted),
  );
  return files.map(({ holders }) => holders.map((one) => one.provider));
}

function tellChoice({ manifest, root }: Edition, { taken, out }: Choice, options: VolunteerOptions): void {
  printLine(`edition   ${manifest.edition}, ${root}`);
  const bytes = taken.reduce((sum, one) => sum + one.bytes, 0);
  printLine(
    `takes     ${counted(taken.length, "file")}, ${formatBytes(bytes)} of ${formatBytes(options.capacity)}`,
  );
  for (const one of taken) printLine(`  ${one.name}  ${formatBytes(one.bytes)}`);
  for (const { name, why } of out) printLine(`stays out ${name}: ${why}`);
}

type Round = {
  readonly edition: Edition;
  readonly choice: Choice;
  readonly consent: ConsentState | undefined;
  readonly missing: readonly string[];
  readonly scope: Scope;
} & Awaited<ReturnType<typeof fetchAll>>;

async function tell({ edition, choice, fetched, failed, consent, missing, scope }: Round): Promise<void> {
  const { group, options } = scope;
  if (options.json === true) {
    const { state, listRoot, bytes, path } = consent ?? {};
    return printJson({
      group: group.address,
      manifest: edition.root,
      edition: edition.manifest.edition,
      taken: choice.taken.map(({ name }) => name),
      out: choice.out,
      free: choice.free,
      fetched,
      failed,
      consent: consent === undefined ? null : { state, listRoot, bytes, path },
      missing,
    });
  }
  if (consent !== undefined) {
    const text = {
      committed: "the group commits to it",
      waiting: "the payer has not used the consent yet",
      signed: "signed a consent at price 0",
    }[consent.state];
    printLine(`list      ${consent.listRoot}, ${counted(consent.bytes, "byte")}: ${text}`);
    if (consent.path !== undefined) {
      say(`next: keep the provider running; the payer finds the consent there: whitepay group volunteers
  or send the payer ${consent.path}`);
    }
  }
  for (const text of missing) printLine(`missing   ${text}`);
  if ((await readdir(scope.folder).catch(() => [])).length > 0 && consent !== undefined)
    say(`the files are in ${scope.folder}: they must not change`);
}
