/** Where the value of a ceremony's beacon came from: a round of drand from a file, or a block from an endpoint. */
import { readFile, stat } from "node:fs/promises";
import { drandChain } from "../../ceremony/beacon/drand.ts";
import { valueOf } from "../../ceremony/beacon/origin.ts";
import type { BeaconParameters } from "../../ceremony/contribution-parameters.ts";
import type { CeremonyKind, CeremonyReport } from "../../ceremony/report.ts";
import { fromHex } from "../../storage/core/bytes.ts";
import type { DrandChain, DrandRound } from "../../ceremony/beacon/drand.ts";
import type { BeaconOrigin } from "../../ceremony/beacon/origin.ts";
import { connectChain } from "../../client/connect.ts";
import type { Hex } from "../../protocol/hash.ts";
import { archivePurse, loadPayer, type PayerOptions } from "../chain/account.ts";
import { usageError } from "../console/exit.ts";
import { quote } from "../console/options.ts";

export type BeaconSettings = {
  readonly drandRound?: string;
  readonly drandChain: DrandChain;
  readonly block?: number;
  readonly beaconValue?: Uint8Array;
  readonly beaconIterations?: number;
};

/** A round has three short texts of hex. */
const maxRoundBytes = 4096;

/** For `--beacon-value`: 1 to 255 bytes, as many as `.ptau` files can state. */
export function beaconValueOption(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, "");
  if (/^([0-9a-f]{2}){1,255}$/i.test(digits)) return fromHex(`0x${digits}`);
  throw usageError("--beacon-value is not valid", {
    expected: "1 to 255 bytes in hex",
    actual: quote(text),
  });
}

/**
 * The beacon of the last response, which the file does not state.
 * @throws CliError exit 2 if value and number of hashes are not both known
 */
export function responseBeacon(
  { beaconValue, beaconIterations }: BeaconSettings,
  origin: BeaconOrigin | undefined,
): BeaconParameters | undefined {
  if (beaconIterations === undefined && beaconValue === undefined) return undefined;
  const value = beaconValue ?? (origin && fromHex(valueOf(origin)));
  if (beaconIterations !== undefined && value !== undefined) return { value, exponent: beaconIterations };
  throw usageError("the beacon of a response is not fully named", {
    expected: "--beacon-iterations, with --beacon-value, --drand-round or --block",
    actual: beaconIterations === undefined ? "--beacon-value alone" : "--beacon-iterations alone",
  });
}

const chainKinds: readonly CeremonyKind[] = ["powers-of-tau-response", "powers-of-tau-chain"];

/** @throws CliError exit 2 if the user named a beacon that these files cannot have */
export function assertBeacon(
  { kind }: CeremonyReport,
  {
    origin,
    ofResponse,
  }: { readonly origin: BeaconOrigin | undefined; readonly ofResponse: BeaconParameters | undefined },
): void {
  const states = kind === "ptau" || kind === "zkey";
  if (ofResponse !== undefined && !chainKinds.includes(kind))
    throw usageError("the beacon of a response is for responses", {
      expected: "a response as the last contribution",
      actual: states ? `${kind}, which states its beacon itself` : kind,
    });
  if (origin !== undefined && !states && ofResponse === undefined)
    throw usageError("these files state no beacon", {
      expected: chainKinds.includes(kind)
        ? "--beacon-iterations: responses do not say how often the value was hashed"
        : "a .ptau or .zkey file, or a response, with --drand-round or --block",
      actual: kind,
    });
}

/** For `--drand-chain`. */
export function drandChainOption(text: string): DrandChain {
  try {
    return drandChain(text);
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : "--drand-chain is not valid");
  }
}

/** Reads a round as a relay of drand returns it. @throws CliError exit 2 if the file is none */
export async function readRound(path: string): Promise<DrandRound> {
  const refuse = (actual: string): never => {
    throw usageError(`${path} is no round of drand`, {
      expected: 'JSON with "round" and "signature", and "previous_signature" on the chain default',
      actual,
      hint: "fetch it with: curl https://api.drand.sh/CHAIN-HASH/public/ROUND",
    });
  };
  const { size } = await stat(path).catch((error: NodeJS.ErrnoException) =>
    refuse(error.code === "ENOENT" ? "no such file" : error.message),
  );
  if (size > maxRoundBytes) refuse(`${size} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, "utf8"));
  } catch {
    return refuse("no JSON");
  }
  if (typeof json !== "object" || json === null) return refuse(quote(JSON.stringify(json)));
  const { round, signature, previous_signature: previous } = json as Record<string, unknown>;
  if (typeof round !== "number" || typeof signature !== "string") return refuse("a document without them");
  if (!/^([0-9a-f]{2})+$/i.test(signature)) return refuse(`the signature ${quote(signature)}, no hex text`);
  if (typeof previous !== "string" || previous === "") return { round, signature: `0x${signature}` };
  return { round, signature: `0x${signature}`, previousSignature: `0x${previous}` };
}

async function readBlock(options: PayerOptions, number: number): Promise<BeaconOrigin> {
  const { id, rpc } = (await loadPayer(options, archivePurse)).config.chain;
  if (rpc === undefined)
    throw usageError("a block needs its chain", {
      expected: "--block and --rpc together",
      actual: "--block alone",
    });
  const provider = await connectChain({ id, rpc });
  try {
    const { chainId } = await provider.getNetwork();
    const hash = (await provider.getBlock(number))?.hash;
    if (hash === undefined || hash === null)
      throw usageError(`${rpc.join(", ")}: no block ${number}`, {
        expected: "a block that the chain has",
        actual: `the head is block ${await provider.getBlockNumber()}`,
      });
    return { source: "block", chainId, number, hash: hash as Hex };
  } finally {
    provider.destroy();
  }
}

/**
 * The origin that the options name; undefined if they name none.
 * @throws CliError exit 2 for options that do not fit, a file that is no round, or a block that the chain does not have
 */
export async function beaconOrigin(
  settings: BeaconSettings & PayerOptions,
): Promise<BeaconOrigin | undefined> {
  const { drandRound, drandChain: chain, block } = settings;
  if (drandRound !== undefined && block !== undefined)
    throw usageError("a beacon has one origin", {
      expected: "--drand-round or --block",
      actual: "both",
    });
  if (drandRound !== undefined) return { source: "drand", chain, round: await readRound(drandRound) };
  return block === undefined ? undefined : readBlock(settings, block);
}
