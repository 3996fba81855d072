/** Retrieves the pieces of a group and reports the result. Every range is verified against the roots on chain. */
import { basename, join } from "node:path";
import { keccak256, toUtf8Bytes, type JsonRpcProvider, type Wallet } from "ethers";
import type { Libp2p } from "@libp2p/interface";
import { providerClient } from "../../../keeper/adapters/libp2p/provider.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { peerIdText } from "../../../provider/chain-ethers.ts";
import { fromHex, toHex } from "../../../storage/core/bytes.ts";
import type { PieceEntry } from "../../../storage/core/piece-list.ts";
import { GroupView, type DataCheckpoint, type ProviderAccount } from "../../../client/group-view.ts";
import { registeredProvider, registryAt } from "../../../client/registry.ts";
import { CliError, exitCodes, usageError } from "../../console/exit.ts";
import { createdGroup } from "../files/created-group.ts";
import { readJsonInput } from "../../console/json-input.ts";
import { printJson, printLine, say } from "../../console/output.ts";
import type { PayerOptions } from "../../chain/account.ts";
import { formatBytes, progressBar } from "../../console/progress.ts";
import {
  dialingNode,
  isThere,
  retrievePiece,
  type PieceJob,
  type PieceResult,
  type Source,
} from "./download.ts";

export type RetrieveOptions = PayerOptions & {
  readonly out: string;
  readonly names?: string;
  readonly provider?: number;
};

export type RetrieveWork = {
  readonly provider: JsonRpcProvider;
  readonly group: string;
  readonly signer: Wallet;
  readonly options: RetrieveOptions;
};

/** Blocks for which the permission is valid: one day at one block per second. */
const permissionBlocks = 86_400;
const listTimeout_ms = 60_000;

/** The data of a provider: in force now, else the last one. */
async function committed(
  view: GroupView,
  { index }: ProviderAccount,
  head: number,
): Promise<DataCheckpoint | undefined> {
  const history = (await view.dataHistory(index)).filter(({ bytes }) => bytes > 0n);
  return history.findLast(({ fromBlock }) => fromBlock <= head) ?? history.at(-1);
}

async function wantedProviders(view: GroupView, only: number | undefined): Promise<ProviderAccount[]> {
  const all = await view.providers();
  if (only === undefined) {
    const present = all.filter(({ removedAt }) => removedAt === 0);
    return present.length > 0 ? present : all;
  }
  const one = all.filter(({ index }) => index === only);
  if (one.length > 0) return one;
  throw usageError(`the group has no provider ${only}`, { expected: `an index below ${all.length}` });
}

type Listed = {
  readonly jobs: Map<string, { entry: PieceEntry; sources: Source[] }>;
  readonly failures: string[];
};

/** The pieces of the selected providers, each with all providers that store it. */
async function listPieces(work: RetrieveWork, libp2p: Libp2p): Promise<Listed> {
  const { provider, group, options } = work;
  const view = new GroupView(provider, group);
  const { registry } = await view.parameters();
  const [head, { chainId }] = await Promise.all([provider.getBlockNumber(), provider.getNetwork()]);
  const client = providerClient({ libp2p });
  const jobs: Listed["jobs"] = new Map();
  const failures: string[] = [];
  for (const account of await wantedProviders(view, options.provider)) {
    const data = await committed(view, account, head);
    if (data === undefined) continue;
    const { peerId, multiaddrs } = await registeredProvider(registryAt(registry, provider), account.operator);
    const target = { peerId: peerIdText(fromHex(peerId)), addrs: multiaddrs };
    const query = {
      chainId: Number(chainId),
      group: group.toLowerCase() as Hex,
      provider: account.index,
      listRoot: data.listRoot as Hex,
      bytes: data.bytes,
    };
    const listed = await client.pieceList(target, query, { timeout_ms: listTimeout_ms });
    if (!listed.ok) {
      failures.push(`provider ${account.index}: no list of pieces: ${listed.reason}: ${listed.detail}`);
      continue;
    }
    for (const entry of listed.list.pieces) {
      const job = jobs.get(toHex(entry.root)) ?? { entry, sources: [] };
      job.sources.push({ provider: account.index, target });
      jobs.set(toHex(entry.root), job);
    }
  }
  return { jobs, failures };
}

/** File names by root, made distinct. A piece without a name is stored under its root. */
async function namesOf(file: string | undefined): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  if (file === undefined) return names;
  const taken = new Set<string>();
  for (const { root, name } of (await readJsonInput(file, createdGroup)).pieces) {
    const plain = basename(name);
    if (plain === "" || plain === "." || plain === "..") continue;
    names.set(root, taken.has(plain) ? `${root.slice(2, 10)}-${plain}` : plain);
    taken.add(plain);
  }
  return names;
}

async function permissionFor(
  work: RetrieveWork,
  libp2p: Libp2p,
): Promise<{ until: number; signature: Uint8Array }> {
  const { provider, group, signer } = work;
  const until = (await provider.getBlockNumber()) + permissionBlocks;
  const { chainId } = await provider.getNetwork();
  const domain = { name: "WhitePay", version: "1", chainId, verifyingContract: group };
  const types = {
    Retrieval: [
      { name: "peer", type: "bytes32" },
      { name: "until", type: "uint64" },
    ],
  };
  const peer = keccak256(toUtf8Bytes(libp2p.peerId.toString()));
  return { until, signature: fromHex(await signer.signTypedData(domain, types, { peer, until })) };
}

type Fetched = { readonly root: string; readonly size: number; readonly file: string } & PieceResult;

export async function retrieve(work: RetrieveWork): Promise<void> {
  const { options, group, provider } = work;
  const names = await namesOf(options.names);
  const libp2p = await dialingNode();
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once("SIGINT", stop);
  try {
    const listed = await listPieces(work, libp2p);
    const jobs = [...listed.jobs].map(([root, { entry, sources }]) => ({
      root,
      job: { entry, sources, path: join(options.out, names.get(root) ?? root.slice(2)) },
    }));
    const total = jobs.reduce((sum, { job }) => sum + job.entry.size, 0);
    const permission = await permissionFor(work, libp2p);
    const { chainId } = await provider.getNetwork();
    const scope = {
      libp2p,
      chainId: Number(chainId),
      group: group.toLowerCase() as Hex,
      permission,
      signal: interrupt.signal,
    };
    const { results, rate } = await fetchAll(scope, jobs, total);
    report({ work, results, rate, failures: listed.failures });
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    const hint = "verified ranges are kept; re-run to resume";
    throw new CliError({ code: exitCodes.interrupted, message: "interrupted", hint, cause: error });
  } finally {
    process.removeListener("SIGINT", stop);
    await libp2p.stop();
  }
}

type Named = { readonly root: string; readonly job: PieceJob };
type Rate = { readonly fetched: number; readonly kept: number; readonly seconds: number };

async function fetchAll(
  scope: Omit<Parameters<typeof retrievePiece>[0], "onBytes">,
  jobs: readonly Named[],
  total: number,
): Promise<{ results: Fetched[]; rate: Rate }> {
  const bar = total > 0 ? progressBar({ label: "retrieving", total, format: formatBytes }) : undefined;
  const start_ms = performance.now();
  let [fetched, kept] = [0, 0];
  const onBytes = (bytes: number, isKept: boolean): void => {
    if (isKept) kept += bytes;
    else fetched += bytes;
    bar?.update(fetched + kept);
  };
  const results: Fetched[] = [];
  try {
    for (const { root, job } of jobs) {
      const about = { root, size: job.entry.size, file: job.path };
      if (await isThere(job)) {
        onBytes(job.entry.size, true);
        results.push({ ...about, ok: true, providers: [], kept: job.entry.size });
      } else {
        results.push({ ...about, ...(await retrievePiece({ ...scope, onBytes }, job)) });
      }
    }
  } finally {
    bar?.stop();
  }
  return { results, rate: { fetched, kept, seconds: (performance.now() - start_ms) / 1000 } };
}

type Report = {
  readonly work: RetrieveWork;
  readonly results: readonly Fetched[];
  readonly rate: Rate;
  readonly failures: readonly string[];
};

function report({ work, results, rate, failures }: Report): void {
  const { group, options } = work;
  const whole = results.filter(({ ok }) => ok);
  if (options.json === true) printJson({ group, pieces: results, ...rate, failures });
  else {
    for (const piece of results) {
      const from = piece.ok
        ? piece.providers.length === 0
          ? "present already"
          : `provider ${piece.providers.join(", ")}`
        : "INCOMPLETE";
      printLine(`${piece.file}  ${piece.size} bytes, ${from}`);
    }
    const speed = formatBytes(rate.fetched / Math.max(rate.seconds, 0.001));
    printLine(
      `${whole.length} of ${results.length} pieces complete and verified: ${formatBytes(rate.fetched)} fetched at ${speed}/s, ${formatBytes(rate.kept)} present already`,
    );
  }
  const missed = results.flatMap((piece) =>
    piece.ok ? [] : piece.failures.map((why) => `${piece.file}: ${why}`),
  );
  for (const text of [...failures, ...missed]) say(text);
  // A provider that sent no list may store pieces that no other provider has.
  if (whole.length === results.length && failures.length === 0 && results.length > 0) return;
  throw new CliError({
    code: results.length === 0 && failures.length > 0 ? exitCodes.network : exitCodes.failed,
    message: results.length === 0 ? "no piece was fetched" : "some pieces were not fetched",
    hint: "verified ranges are kept; re-run to resume",
  });
}
