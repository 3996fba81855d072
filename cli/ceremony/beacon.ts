/** `whitepay ceremony beacon announce` and `apply`: a public value that does not exist yet makes the last contribution. */
import { drandRandomness, drandTimeOf } from "../../ceremony/beacon/drand.ts";
import type { DrandChain } from "../../ceremony/beacon/drand.ts";
import { iterateSha256 } from "../../ceremony/beacon/iterated-hash.ts";
import type { BeaconSource, EntryBody } from "../../ceremony/running/entries.ts";
import { futureFault } from "../../ceremony/running/announced.ts";
import type { Announced } from "../../ceremony/running/announced.ts";
import { nextIndex } from "../../ceremony/running/queue.ts";
import { connectRpc } from "../../client/connect.ts";
import { secretKeyAddress } from "../../protocol/codec/receipt.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { openAccount } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";
import { readRound } from "../inspect/ceremony-beacon.ts";
import { stepBars } from "../inspect/ceremony.ts";
import { learnedPorts } from "./committee.ts";
import { ceremonyTools, challengeName, responseName, verifyResponse, writeBeaconResponse } from "./files.ts";
import { CeremonyFolder, signerOf } from "./folder.ts";
import type { EntrySigner } from "./folder.ts";
import { writeEdition } from "./manifest.ts";
import { clock } from "./options.ts";
import type { KeyOptions } from "./options.ts";

type Common = KeyOptions & { readonly rpc?: readonly string[]; readonly json?: true };
export type AnnounceOptions = Common & {
  readonly drandRound?: number;
  readonly drandChain: DrandChain;
  readonly block?: number;
  readonly exponent: number;
};
export type ApplyOptions = Common & { readonly drandRound?: string };

type Organised = { readonly folder: CeremonyFolder; readonly signer: EntrySigner };

/** Opens the folder as its organiser. */
async function withOrganiser<T>(
  path: string,
  options: Common,
  work: (own: Organised) => Promise<T>,
): Promise<T> {
  const secret = await openAccount(options.key, options.passwordFile);
  const folder = await CeremonyFolder.open(path, (own, entries) =>
    learnedPorts(own, entries, options.rpc ?? []),
  );
  try {
    const { organiser } = folder.state.definition;
    const actual = secretKeyAddress(fromHex(secret));
    if (actual !== organiser)
      throw usageError("--key is not the organiser's", { expected: organiser, actual });
    return await work({ folder, signer: signerOf(secret) });
  } finally {
    await folder.close();
  }
}

async function announcedSource(options: AnnounceOptions): Promise<BeaconSource> {
  const { drandRound, drandChain, block, rpc } = options;
  if ((drandRound === undefined) === (block === undefined))
    throw usageError("a beacon has one source", { expected: "--drand-round or --block" });
  if (drandRound !== undefined) return { source: "drand", chain: drandChain.hash, round: drandRound };
  const provider = await connectRpc(endpointOf(rpc));
  try {
    const [{ chainId }, head] = await Promise.all([provider.getNetwork(), provider.getBlockNumber()]);
    return { source: "block", chainId: Number(chainId), number: block ?? 0, head };
  } finally {
    provider.destroy();
  }
}

function endpointOf(rpc: readonly string[] | undefined): string {
  const [url] = rpc ?? [];
  if (url !== undefined) return url;
  throw usageError("a block needs its chain", {
    expected: "--rpc with an endpoint of the chain",
    actual: "none",
  });
}

export async function announceBeacon(path: string, options: AnnounceOptions): Promise<void> {
  const beacon = await announcedSource(options);
  const now_s = clock();
  const fault = futureFault(beacon, now_s);
  if (fault) throw usageError(`the beacon is not one of the future: ${fault}`);
  await withOrganiser(path, options, async ({ folder, signer }) => {
    const body: EntryBody = { type: "announced", beacon, exponent: options.exponent };
    await folder.mustAppend(body, now_s, signer);
    const { edition } = await writeEdition(folder, signer);
    if (options.json) return printJson({ beacon, exponent: options.exponent, edition });
    const from =
      beacon.source === "drand"
        ? `round ${beacon.round}, from ${new Date(drandTimeOf(options.drandChain, beacon.round) * 1_000).toISOString()}`
        : `block ${beacon.number} of chain ${beacon.chainId}, whose head is ${beacon.head}`;
    printLine(`announced  ${from}`);
    printLine("the queue is closed");
    printLine(
      `next       publish edition ${edition} before the value exists, then: whitepay ceremony beacon apply ${path}`,
    );
  });
}

type Value = Pick<Extract<EntryBody, { type: "beacon" }>, "value" | "round">;

async function valueOf({ beacon }: Announced, options: ApplyOptions): Promise<Value> {
  if (beacon.source === "block") {
    const block = await blockOf(beacon, endpointOf(options.rpc));
    return { value: block.hash };
  }
  if (options.drandRound === undefined) {
    throw usageError("the announced beacon is a round of drand", {
      expected: "--drand-round with a file that has the round",
      hint: `curl https://api.drand.sh/${beacon.chain.slice(2)}/public/${beacon.round} > round.json`,
    });
  }
  const round = await readRound(options.drandRound);
  const { previousSignature, ...rest } = round;
  return {
    value: drandRandomness(round),
    round: previousSignature === undefined ? rest : { ...rest, previousSignature },
  };
}

/** The announced block. @throws CliError exit 2 if the endpoint is of another chain or does not have it */
export async function blockOf(
  { chainId, number }: Extract<BeaconSource, { source: "block" }>,
  rpc: string,
): Promise<{ readonly hash: Hex; readonly time_s: number }> {
  const provider = await connectRpc(rpc);
  try {
    const { chainId: actual } = await provider.getNetwork();
    if (Number(actual) !== chainId)
      throw usageError(`${rpc} is of another chain`, { expected: `${chainId}`, actual: `${actual}` });
    const block = await provider.getBlock(number);
    if (block?.hash) return { hash: block.hash as Hex, time_s: block.timestamp };
    throw new CliError({
      code: exitCodes.failed,
      message: `${rpc}: block ${number} does not exist yet`,
      actual: `the head is block ${await provider.getBlockNumber()}`,
    });
  } finally {
    provider.destroy();
  }
}

export async function applyBeacon(path: string, options: ApplyOptions): Promise<void> {
  await withOrganiser(path, options, async ({ folder, signer }) => {
    const { state } = folder;
    const { announced, challenge: last } = state;
    if (announced === undefined || last === undefined || state.phase !== "announced")
      throw usageError("there is no announced beacon to apply", { actual: `the ceremony is ${state.phase}` });
    const value = await valueOf(announced, options);
    const index = nextIndex(state);
    const bars = stepBars();
    try {
      const tools = ceremonyTools((step) => bars.show(step));
      const seed = await iterateSha256(fromHex(value.value), announced.exponent);
      const challenge = folder.file(challengeName(index));
      const made = folder.file(responseName(index));
      const response = await writeBeaconResponse(made, { challenge, hash: last.blake2b, seed }, tools);
      const verdict = await verifyResponse({ challenge, response: made }, tools);
      if (!verdict.ok) throw new Error(`the beacon's response does not hold: ${verdict.reason}`);
      const body = { type: "beacon" as const, ...value, index, response, checks: verdict.checks };
      await folder.mustAppend(body, clock(), signer);
      const { edition } = await writeEdition(folder, signer);
      bars.stop();
      const shown = {
        index,
        value: value.value,
        file: responseName(index),
        blake2b: response.blake2b,
        edition,
      };
      if (options.json) return printJson(shown);
      printLine(`beacon     ${value.value}`);
      printLine(`final      ${responseName(index)}`);
      printLine(`BLAKE2b    ${response.blake2b}`);
      printLine(`edition    ${edition}: ${path}/archive.json`);
    } finally {
      bars.stop();
    }
  });
}
