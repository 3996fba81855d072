/** Retrieves the pieces of a group and reports the result. Every range is verified against the roots on chain. */
import { join } from "node:path";
import type { JsonRpcProvider, Wallet } from "ethers";
import type { Libp2p } from "@libp2p/interface";
import { signPermission } from "../../../client/reading/permission.ts";
import { unlimitedBytes, type Permission } from "../../../protocol/codec/permission.ts";
import { zeroHash, type Hex } from "../../../protocol/hash.ts";
import { CliError, exitCodes } from "../../console/exit.ts";
import { printJson, printLine, say } from "../../console/output.ts";
import type { PayerOptions } from "../../chain/account.ts";
import { formatBytes, progressBar } from "../../console/progress.ts";
import { dialingNode, retrievePiece, type PieceJob, type PieceResult } from "./download.ts";
import { isComplete } from "./partial-file.ts";
import { registeredLocator } from "../../chain/relays.ts";
import { registryOfGroup } from "../../../client/group-plans.ts";
import type { GroupAt } from "../../../client/group-view.ts";
import { listPieces, namesOf } from "./piece-jobs.ts";
import { counted } from "../../../protocol/counted.ts";

export type RetrieveOptions = PayerOptions & {
  readonly out: string;
  readonly names?: string;
  readonly provider?: number;
};

export type RetrieveWork = {
  readonly provider: JsonRpcProvider;
  readonly group: GroupAt;
  readonly signer: Wallet;
  readonly options: RetrieveOptions;
};

/** Blocks for which the permission is valid: one day at one block per second. */
const permissionBlocks = 86_400;

async function permissionFor({ provider, group, signer }: RetrieveWork, libp2p: Libp2p): Promise<Permission> {
  const until = (await provider.getBlockNumber()) + permissionBlocks;
  const terms = { root: zeroHash, until, bytesPerDay: unlimitedBytes, sequence: 0 };
  return signPermission(signer, group.address, libp2p.peerId.toString(), terms);
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
    const locator = registeredLocator(libp2p, provider, () => registryOfGroup(provider, group));
    const listed = await listPieces({ libp2p, locator }, { provider, group, only: options.provider });
    const jobs = [...listed.jobs].map(([root, { entry, sources }]) => ({
      root,
      job: { entry, sources, path: join(options.out, names.get(root) ?? root.slice(2)) },
    }));
    const total = jobs.reduce((sum, { job }) => sum + job.entry.size, 0);
    const permission = await permissionFor(work, libp2p);
    const { chainId } = await provider.getNetwork();
    const scope = {
      libp2p,
      locator,
      chainId: Number(chainId),
      group: group.address.toLowerCase() as Hex,
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
      if (await isComplete(job.path, job.entry)) {
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
  if (options.json === true) printJson({ group: group.address, pieces: results, ...rate, failures });
  else {
    for (const piece of results) {
      const from = piece.ok
        ? piece.providers.length === 0
          ? "present already"
          : `provider ${piece.providers.join(", ")}`
        : "INCOMPLETE";
      printLine(`${piece.file}  ${counted(piece.size, "byte")}, ${from}`);
    }
    const speed = formatBytes(rate.fetched / Math.max(rate.seconds, 0.001));
    printLine(
      `${whole.length} of ${counted(results.length, "piece")} complete and verified: ${formatBytes(rate.fetched)} fetched at ${speed}/s, ${formatBytes(rate.kept)} present already`,
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
