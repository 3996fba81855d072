/** `whitepay ceremony next`: waits for the turn, checks what the contribution builds on, makes it, checks it and submits it. */
import { createInterface } from "node:readline/promises";
import { mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Tools } from "../../ceremony/powers-of-tau/point-stream.ts";
import type { Slot } from "../../ceremony/running/queue.ts";
import { CliError, exitCodes, usageError } from "../console/exit.ts";
import { say } from "../console/output.ts";
import { stepBars } from "../inspect/ceremony.ts";
import { runContribution } from "./contribute.ts";
import {
  ceremonyTools,
  challengeName,
  responseName,
  verifyResponse,
  writeFirstChallenge,
  writeNextChallenge,
} from "./files.ts";
import { clock } from "./options.ts";
import {
  isWaiting,
  joinQueue,
  openParticipant,
  openRemote,
  ownSlot,
  positionOf,
  printContribution,
  submitResponse,
} from "./participant.ts";
import type { Participant, ParticipantOptions } from "./participant.ts";
import type { RemoteCeremony } from "./remote.ts";

export type NextOptions = ParticipantOptions & {
  readonly folder: string;
  readonly acceptCommand?: true;
  readonly attestation?: string;
  /** Seconds to wait for the turn; without it, as long as it takes. */
  readonly wait?: number;
};

const poll_ms = 1_000;

/** The definition is the organiser's: its program runs here only if the participant says so. */
async function consent(command: readonly string[], options: NextOptions): Promise<void> {
  if (options.acceptCommand) return;
  const shown = JSON.stringify(command);
  const hint =
    "check the program, then add --accept-command; or give your own: … -- PROGRAM {challenge} {response}";
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw usageError("the ceremony names a program that is to run here", { actual: shown, hint });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const said = await lines.question(`the ceremony's program: ${shown}\nrun it here? (yes/no) `);
    if (said.trim().toLowerCase() !== "yes")
      throw new CliError({ code: exitCodes.refused, message: "nothing was run", hint });
  } finally {
    lines.close();
  }
}

async function waitForTurn(remote: RemoteCeremony, participant: Participant, wait_s: number): Promise<Slot> {
  const until = performance.now() + wait_s * 1_000;
  for (let shown: number | undefined; ;) {
    const position = positionOf(remote, participant);
    if (position === 0) return ownSlot(remote, participant);
    if (position === undefined)
      throw new CliError({
        code: exitCodes.refused,
        message: "you are no longer in the queue: the slot was lost",
      });
    if (position !== shown) {
      const { slot } = remote.log.state;
      const now =
        slot === undefined
          ? ""
          : `; the slot of ${slot.participant} ends at ${new Date(slot.ends_s * 1_000).toISOString()}`;
      say(`you are number ${position} in the queue${now}`);
      shown = position;
    }
    if (performance.now() > until)
      throw new CliError({
        code: exitCodes.refused,
        message: "your turn has not come",
        actual: `number ${position}`,
      });
    await new Promise((next) => setTimeout(next, poll_ms));
    await remote.followPatiently(say);
  }
}

/**
 * Checks what the challenge of the slot was made from: the last response, against the challenge before it; and that the challenge follows
 * from it. So nobody need trust the service.
 * @returns path of the challenge, which was computed here
 */
async function checkedChallenge(remote: RemoteCeremony, folder: string, tools: Tools): Promise<string> {
  const { state } = remote.log;
  const last = state.contributions.at(-1);
  const index = state.contributions.length + 1;
  const path = join(folder, challengeName(index));
  const expected = state.challenge;
  if (expected === undefined) throw new Error("the log has no challenge");
  if (last === undefined) {
    say("computing the first challenge");
    await writeFirstChallenge(path, state.definition).then((made) => mustEqual(made.root, expected.root));
    return path;
  }
  const before = join(folder, challengeName(last.index));
  const response = join(folder, responseName(last.index));
  await remote.download(challengeName(last.index), before, last.challenge);
  await remote.download(responseName(last.index), response, last.response);
  say(`verifying contribution ${last.index} of ${last.participant}`);
  const verdict = await verifyResponse({ challenge: before, response }, tools, state.definition.depth);
  if (!verdict.ok) {
    throw new CliError({
      code: exitCodes.unsafe,
      message: `contribution ${last.index} does not hold, though the log says so`,
      expected: "all checks",
      actual: `${verdict.failed.join(", ")}: ${verdict.reason}`,
      hint: "the organiser's service lies or is damaged: tell the other participants",
    });
  }
  const made = await writeNextChallenge(path, { response, hash: last.response.blake2b }, tools);
  mustEqual(made.root, expected.root);
  await rm(before, { force: true });
  await rm(response, { force: true });
  return path;
}

function mustEqual(actual: string, expected: string): void {
  if (actual === expected) return;
  throw new CliError({
    code: exitCodes.unsafe,
    message: "the challenge of the log is not the one that follows from the last response",
    expected: `root ${actual}`,
    actual: expected,
    hint: "the organiser's service lies or is damaged: tell the other participants",
  });
}

/** @param own program and arguments in place of the ceremony's */
export async function nextInCeremony(
  url: string,
  own: readonly string[],
  options: NextOptions,
): Promise<void> {
  const participant = await openParticipant(options);
  const remote = await openRemote(url, options);
  const { definition, ceremony } = remote.log.state;
  const command = own.length === 0 ? definition.command : own;
  if (own.length === 0) await consent(command, options);
  else if (!own.includes("{challenge}") || !own.includes("{response}"))
    throw usageError("your program has no place for its files", {
      expected: "{challenge} and {response} as arguments of their own",
      actual: JSON.stringify(own),
    });
  const folder = resolve(options.folder, ceremony.slice(2, 18));
  await mkdir(folder, { recursive: true });
  if (!isWaiting(remote, participant)) await joinQueue(remote, participant, options.name);
  const { index, ends_s } = await waitForTurn(remote, participant, options.wait ?? Number.POSITIVE_INFINITY);
  say(`it is your turn: contribution ${index}, until ${new Date(ends_s * 1_000).toISOString()}`);
  const bars = stepBars();
  const tools = ceremonyTools((step) => bars.show(step));
  try {
    const challenge = await checkedChallenge(remote, folder, tools);
    const response = join(folder, responseName(index));
    await rm(response, { force: true });
    bars.stop();
    await runContribution({
      folder,
      command,
      challenge: challengeName(index),
      response: responseName(index),
      limit_ms: Math.max(1, ends_s - clock()) * 1_000,
    });
    const verdict = await verifyResponse({ challenge, response }, tools, definition.depth);
    if (!verdict.ok) {
      throw new CliError({
        code: exitCodes.failed,
        message: "the program made a response that does not hold; nothing was sent",
        expected: "all checks",
        actual: `${verdict.failed.join(", ")}: ${verdict.reason}`,
      });
    }
    bars.stop();
    const done = await submitResponse(remote, participant, response, options.attestation);
    printContribution(done, options.json);
    say(`your response is still in ${response}`);
  } finally {
    bars.stop();
  }
}
