/** `whitepay ceremony init`: defines a ceremony, computes its first challenge, and opens its log. */
import { join } from "node:path";
import { isSourceUrl } from "../../archive/schema.ts";
import { ceremonyId, fileSizes, readDefinition } from "../../ceremony/running/definition.ts";
import { secretKeyAddress } from "../../protocol/codec/receipt.ts";
import { fromHex } from "../../protocol/hash.ts";
import { openAccount } from "../chain/account.ts";
import { usageError } from "../console/exit.ts";
import { printJson, printLine } from "../console/output.ts";
import { formatBytes } from "../console/progress.ts";
import { learnedPorts } from "./committee.ts";
import { challengeName, writeFirstChallenge } from "./files.ts";
import { CeremonyFolder, signerOf } from "./folder.ts";
import { saveUrl, writeEdition } from "./manifest.ts";
import { clock } from "./options.ts";
import type { KeyOptions } from "./options.ts";

export type InitOptions = KeyOptions & {
  readonly title: string;
  readonly curve: "bn254" | "bls12-381";
  readonly power: number;
  readonly depth: "hashes" | "points";
  readonly slot: number;
  readonly participants?: readonly string[];
  readonly maxParticipants: number;
  readonly maxSlots: number;
  readonly committee?: string;
  readonly chainId?: number;
  readonly rpc?: readonly string[];
  readonly url?: string;
  readonly json?: true;
};

/** The program that the participants run, unless the organiser names another one. */
function usualCommand(curve: InitOptions["curve"]): string[] {
  const name = curve === "bn254" ? "bn128" : curve;
  return ["snarkjs", "powersoftau", "challenge", "contribute", name, "{challenge}", "{response}"];
}

export async function initCeremony(
  path: string,
  command: readonly string[],
  options: InitOptions,
): Promise<void> {
  const { curve, power, committee, chainId, participants, url } = options;
  if ((committee === undefined) !== (chainId === undefined))
    throw usageError("a committee needs its chain", { expected: "--committee and --chain-id together" });
  if (url !== undefined && !isSourceUrl(url))
    throw usageError("--url is not valid", { expected: "an http or https URL", actual: url });
  const secret = await openAccount(options.key, options.passwordFile);
  const read = readDefinition({
    format: "whitepay-ceremony/1",
    title: options.title,
    kind: "powers-of-tau",
    curve,
    power,
    depth: options.depth,
    organiser: secretKeyAddress(fromHex(secret)),
    slot_s: options.slot,
    participants: participants?.map((address) => address.toLowerCase()) ?? "open",
    maxParticipants: options.maxParticipants,
    maxSlots: options.maxSlots,
    ...(committee === undefined ? {} : { committee: { chainId, address: committee.toLowerCase() } }),
    command: command.length === 0 ? usualCommand(curve) : [...command],
  });
  if (!read.ok) throw usageError(`the ceremony cannot be defined so: ${read.detail}`);
  const definition = read.value;
  await CeremonyFolder.create(path, definition);
  if (url !== undefined) await saveUrl(path, url);
  const folder = await CeremonyFolder.open(path, (own, entries) =>
    learnedPorts(own, entries, options.rpc ?? []),
  );
  try {
    const signer = signerOf(secret);
    const challenge = await writeFirstChallenge(folder.file(challengeName(1)), definition);
    await folder.mustAppend({ type: "opened", challenge }, clock(), signer);
    const manifest = await writeEdition(folder, signer);
    const id = ceremonyId(definition);
    if (options.json) {
      printJson({ ceremony: id, folder: path, organiser: definition.organiser, edition: manifest.edition });
      return;
    }
    const sizes = fileSizes(definition);
    printLine(`ceremony   ${id}`);
    printLine(`organiser  ${definition.organiser}`);
    printLine(
      `files      challenge ${formatBytes(sizes.challenge)}, response ${formatBytes(sizes.response)}`,
    );
    printLine(`written    ${join(path, "ceremony.json")}, ${join(path, "archive.json")}`);
    printLine(`next       whitepay ceremony serve ${path} --key FILE`);
  } finally {
    await folder.close();
  }
}
