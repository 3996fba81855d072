/** `whitepay ceremony join` and `submit`: what a participant signs and sends. */
import { SigningKey } from "ethers";
import { joinDigest, maxDocumentBytes, responseDigest } from "../../ceremony/running/entries.ts";
import type { ResponseStatement } from "../../ceremony/running/entries.ts";
import { joinFault } from "../../ceremony/running/queue.ts";
import type { Slot } from "../../ceremony/running/queue.ts";
import { secretKeyAddress } from "../../protocol/codec/receipt.ts";
import { fromHex } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { readBounded } from "../archive/archive-file.ts";
import { hashFileOnce } from "../archive/file-stream.ts";
import { openAccount } from "../chain/account.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { printJson, printLine, say } from "../console/output.ts";
import { ceremonyTools, responseName, verifyResponse } from "./files.ts";
import type { KeyOptions } from "./options.ts";
import { RemoteCeremony } from "./remote.ts";

export type ParticipantOptions = KeyOptions & {
  readonly name?: string;
  readonly ceremony?: string;
  readonly rpc?: readonly string[];
  readonly json?: true;
};

export type SubmitOptions = ParticipantOptions & {
  readonly response: string;
  readonly challenge?: string;
  readonly attestation?: string;
};

export type Participant = { readonly address: Hex; sign(digest: Hex): Hex };

/** Between two looks at the log. */
const poll_ms = 1_000;

export async function openParticipant({ key, passwordFile }: KeyOptions): Promise<Participant> {
  const secret = await openAccount(key, passwordFile);
  const signer = new SigningKey(secret);
  return {
    address: secretKeyAddress(fromHex(secret)),
    sign: (digest) => signer.sign(digest).serialized as Hex,
  };
}

/** @throws CliError exit 6 if it is another ceremony than --ceremony says */
export async function openRemote(
  url: string,
  { ceremony, rpc }: Pick<ParticipantOptions, "ceremony" | "rpc">,
): Promise<RemoteCeremony> {
  const remote = await RemoteCeremony.open(url, rpc ?? []);
  const actual = remote.log.state.ceremony;
  if (ceremony === undefined || ceremony.toLowerCase() === actual) return remote;
  throw new CliError({
    code: exitCodes.unsafe,
    message: `${url} serves another ceremony`,
    expected: ceremony,
    actual,
  });
}

export function isWaiting({ log: { state } }: RemoteCeremony, { address }: Participant): boolean {
  return state.slot?.participant === address || state.queue.includes(address);
}

/** Joins the queue. @throws CliError exit 4 if the participant may not */
export async function joinQueue(
  remote: RemoteCeremony,
  participant: Participant,
  name: string | undefined,
): Promise<void> {
  const { state, head } = remote.log;
  const { address } = participant;
  const fault = joinFault(state, address);
  if (fault) throw new CliError({ code: exitCodes.refused, message: `you cannot join: ${fault.detail}` });
  const statement = {
    type: "join" as const,
    participant: address,
    name: name ?? address,
    turn: state.people.get(address)?.turns ?? 0,
    seen: head,
  };
  await remote.join({ ...statement, signature: participant.sign(joinDigest(state.ceremony, statement)) });
  await remote.follow();
}

/** Position from 1; 0 with the slot; undefined if the participant is not in the queue. */
export function positionOf({ log: { state } }: RemoteCeremony, { address }: Participant): number | undefined {
  if (state.slot?.participant === address) return 0;
  const at = state.queue.indexOf(address);
  return at < 0 ? undefined : at + 1;
}

export async function joinCeremony(url: string, options: ParticipantOptions): Promise<void> {
  const participant = await openParticipant(options);
  const remote = await openRemote(url, options);
  if (!isWaiting(remote, participant)) await joinQueue(remote, participant, options.name);
  const position = positionOf(remote, participant);
  const { ceremony } = remote.log.state;
  if (options.json)
    return printJson({ ceremony, participant: participant.address, position: position ?? null });
  printLine(position === 0 ? "it is your turn" : `you are number ${position} in the queue`);
  printLine(`next       whitepay ceremony next ${url} --key FILE`);
}

/** The participant's own slot. @throws CliError exit 4 if it has none */
export function ownSlot({ log: { state } }: RemoteCeremony, { address }: Participant): Slot {
  const { slot } = state;
  if (slot?.participant === address && slot.submitted === undefined) return slot;
  throw new CliError({
    code: exitCodes.refused,
    message: "it is not your turn",
    expected: `a slot of ${address}`,
    actual: slot === undefined ? "nobody has a slot" : `the slot is that of ${slot.participant}`,
  });
}

async function documentOf(path: string | undefined): Promise<ResponseStatement["document"]> {
  if (path === undefined) return undefined;
  const bytes = await readBounded(path, maxDocumentBytes);
  return { kind: "nitro", data: Buffer.from(bytes).toString("base64") };
}

/** Signs, uploads, and waits for the verdict. @throws CliError exit 4 if the response is refused or its slot is lost */
export async function submitResponse(
  remote: RemoteCeremony,
  participant: Participant,
  path: string,
  attestation: string | undefined,
): Promise<{ readonly index: number; readonly statement: ResponseStatement }> {
  const { index } = ownSlot(remote, participant);
  const { state, head } = remote.log;
  const document = await documentOf(attestation);
  const statement = {
    type: "submitted" as const,
    index,
    participant: participant.address,
    challenge: state.challenge?.root as Hex,
    response: await hashFileOnce(path),
    ...(document === undefined ? {} : { document }),
    seen: head,
  };
  const signed = { ...statement, signature: participant.sign(responseDigest(state.ceremony, statement)) };
  await remote.upload(signed, path);
  say("the response is uploaded and is being verified");
  for (;;) {
    await remote.followPatiently(say);
    const found = verdictOf(remote, participant, signed);
    if (found) return { index, statement: signed };
    await new Promise((next) => setTimeout(next, poll_ms));
  }
}

/** Whether it was accepted; undefined if there is no verdict. @throws CliError exit 4 if it was refused, or the slot is lost */
function verdictOf(
  { log: { state } }: RemoteCeremony,
  { address }: Participant,
  { index, response }: ResponseStatement,
): true | undefined {
  const own = state.contributions[index - 1];
  if (own?.participant === address && own.response.root === response.root) return true;
  if (state.slot?.participant === address && state.slot.index === index) return undefined;
  const refused = state.refused.findLast((one) => one.participant === address);
  const why = refused === undefined ? "your slot ended before it was whole" : refused.reason;
  throw new CliError({
    code: exitCodes.refused,
    message: "the response is not accepted",
    expected: "a response that continues the challenge, in its slot",
    actual: refused === undefined ? why : `${refused.failed.join(", ")}: ${why}`,
  });
}

export async function submitCeremony(url: string, options: SubmitOptions): Promise<void> {
  const participant = await openParticipant(options);
  const remote = await openRemote(url, options);
  ownSlot(remote, participant);
  if (options.challenge !== undefined) {
    const { challenge, response } = options;
    const verdict = await verifyResponse(
      { challenge, response },
      ceremonyTools(),
      remote.log.state.definition.depth,
    );
    if (!verdict.ok)
      throw usageError(`${response} does not continue ${challenge}: ${verdict.failed.join(", ")}`, {
        actual: verdict.reason,
      });
  }
  const done = await submitResponse(remote, participant, options.response, options.attestation);
  printContribution(done, options.json);
}

export function printContribution(
  { index, statement }: { readonly index: number; readonly statement: ResponseStatement },
  json: true | undefined,
): void {
  const { blake2b, root } = statement.response;
  if (json) return printJson({ index, file: responseName(index), blake2b, root, accepted: true });
  printLine(`accepted   contribution ${index}, ${responseName(index)}`);
  printLine(`BLAKE2b    ${blake2b}`);
  printLine(
    "keep this hash: whitepay inspect ceremony … --mine HASH says whether your contribution is in the result",
  );
}
