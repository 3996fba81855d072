/** A keeper's check of a ceremony's contributions: it takes nothing from the organiser but bytes, and signs what holds (R48). */
import { mkdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { fileSizes } from "../../ceremony/running/definition.ts";
import type { FileHashes } from "../../ceremony/running/entries.ts";
import { claimOf } from "../../ceremony/running/queue.ts";
import type { Contribution } from "../../ceremony/running/queue.ts";
import type { Tools } from "../../ceremony/powers-of-tau/point-stream.ts";
import { signContribution } from "../../client/contribution.ts";
import type { AttestingMembers } from "../../client/contribution.ts";
import type { Hex } from "../../protocol/hash.ts";
import { CliError, exitCodes } from "../console/exit.ts";
import { noteAttestation } from "./attestation-notes.ts";
import {
  challengeName,
  responseName,
  verifyResponse,
  writeFirstChallenge,
  writeNextChallenge,
} from "./files.ts";
import type { RemoteCeremony } from "./remote.ts";

export type Attester = {
  /** Its version is in force. */
  readonly members: AttestingMembers;
  /** Index of this keeper in that version. */
  readonly member: number;
  /** 32 bytes. */
  readonly blsSecret: Hex;
  /** Folder of the durable notes. */
  readonly notes: string;
  /** Folder of the files: a challenge and two responses at most. */
  readonly work: string;
  readonly tools: Tools;
  readonly say: (text: string) => void;
};

/** The contributions that wait for this keeper's signature, oldest first. */
export function unsigned(
  { log }: Pick<RemoteCeremony, "log">,
  { members, member }: Pick<Attester, "members" | "member">,
): Contribution[] {
  const isOwn = (one: { version: number; member: number }): boolean =>
    one.version === members.version && one.member === member;
  return log.state.contributions.filter(({ settled, attestations }) => !settled && !attestations.some(isOwn));
}

function different(name: string, expected: FileHashes, actual: FileHashes): CliError {
  return new CliError({
    code: exitCodes.failed,
    message: `the log's ${name} is not the one that follows from the files before it`,
    expected: `root ${actual.root}`,
    actual: `root ${expected.root}`,
    hint: "nothing was signed; the organiser's log and files contradict each other: tell the participants",
  });
}

/** Challenge and response are there at once, with the response before them. */
async function mustHaveRoom(folder: string, remote: RemoteCeremony): Promise<void> {
  const { challenge, response } = fileSizes(remote.log.definition);
  const { bavail, bsize } = await statfs(folder);
  const needed = challenge + 2 * response;
  if (bavail * bsize >= needed) return;
  throw new CliError({
    code: exitCodes.failed,
    message: `${folder} has no room for the files of one contribution`,
    expected: `${needed} bytes`,
    actual: `${bavail * bsize} bytes`,
    hint: "name another folder with --work",
  });
}

/** Computes the challenge from what was attested before: the organiser's copy is not needed. */
async function makeChallenge(
  remote: RemoteCeremony,
  { index }: Contribution,
  { work, tools }: Attester,
): Promise<FileHashes> {
  const path = join(work, challengeName(index));
  const before = remote.log.state.contributions[index - 2];
  if (before === undefined) return writeFirstChallenge(path, remote.log.definition);
  const response = join(work, responseName(index - 1));
  await remote.download(responseName(index - 1), response, before.response);
  return writeNextChallenge(path, { response, hash: before.response.blake2b }, tools);
}

/**
 * Verifies one contribution, notes it, signs it and sends the signature.
 * @throws CliError exit 1 if it does not hold, exit 6 if this keeper signed another one in its place
 */
export async function attestContribution(
  remote: RemoteCeremony,
  contribution: Contribution,
  attester: Attester,
): Promise<void> {
  const { index, challenge, response } = contribution;
  const { members, member, work, say } = attester;
  await mkdir(work, { recursive: true });
  await mustHaveRoom(work, remote);
  const made = await makeChallenge(remote, contribution, attester);
  if (made.root !== challenge.root) throw different(challengeName(index), challenge, made);
  const paths = { challenge: join(work, challengeName(index)), response: join(work, responseName(index)) };
  await remote.download(responseName(index), paths.response, response);
  const verdict = await verifyResponse(paths, attester.tools, remote.log.definition.depth);
  if (!verdict.ok)
    throw new CliError({
      code: exitCodes.failed,
      message: `contribution ${index} does not hold, although the organiser accepted it: ${verdict.failed.join(", ")}`,
      actual: verdict.reason,
      hint: "nothing was signed; tell the participants, and the other keepers",
    });
  const claim = claimOf(remote.log.state, contribution);
  await noteAttestation(attester.notes, claim);
  const signature = signContribution(attester.blsSecret, members, claim);
  await remote.attest({ type: "attested", index, version: members.version, member, signature });
  say(
    `contribution ${index} holds (${Object.keys(verdict.checks).length} checks): signed as member ${member}`,
  );
  // The response is the next contribution's start.
  await rm(paths.challenge, { force: true });
  await rm(join(work, responseName(index - 1)), { force: true });
}
