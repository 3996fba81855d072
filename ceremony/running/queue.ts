/** The state of a ceremony: a pure function of its log. Time comes with the entries. */
import type { Hex } from "../../protocol/hash.ts";
import { accept, reject } from "../../storage/core/result.ts";
import type { Result } from "../../storage/core/result.ts";
import { futureFault, valueFault } from "./announced.ts";
import type { Announced, FinalContribution } from "./announced.ts";
import type { CeremonyContribution } from "../../protocol/contribution.ts";
import { ceremonyId, fileSizes, maxAttestations } from "./definition.ts";
import type { Definition } from "./definition.ts";
import type {
  AttestedStatement,
  ContributionAttestation,
  EntryBody,
  FileHashes,
  ResponseStatement,
} from "./entries.ts";

export type Person = {
  readonly name: string;
  /** Times that the participant joined. */
  readonly turns: number;
  readonly contributed: boolean;
};

export type Slot = {
  readonly participant: Hex;
  /** Of the contribution that it is to make. */
  readonly index: number;
  readonly started_s: number;
  /** From this time on it is lost, unless the whole response is there. */
  readonly ends_s: number;
  readonly submitted: ResponseStatement | undefined;
};

export type Contribution = {
  readonly index: number;
  readonly participant: Hex;
  /** Root of the challenge that it answers. */
  readonly challenge: FileHashes;
  readonly statement: ResponseStatement;
  readonly response: FileHashes;
  readonly accepted_s: number;
  /** Of the committee's members, each once. */
  readonly attestations: readonly ContributionAttestation[];
  /** The next participant may start from it. */
  readonly settled: boolean;
};

export type Missed = {
  readonly participant: Hex;
  readonly index: number;
  readonly time_s: number;
  /** Empty for a lost slot. */
  readonly failed: readonly string[];
  readonly reason: string;
};

export type CeremonyState = {
  readonly ceremony: Hex;
  readonly definition: Definition;
  readonly phase: "new" | "open" | "announced" | "closed";
  readonly time_s: number;
  /** From which the next contribution starts; undefined before the first entry. */
  readonly challenge: FileHashes | undefined;
  readonly people: ReadonlyMap<Hex, Person>;
  /** Who waits, in order; without the participant of the slot. */
  readonly queue: readonly Hex[];
  readonly slot: Slot | undefined;
  readonly contributions: readonly Contribution[];
  readonly lost: readonly Missed[];
  readonly refused: readonly Missed[];
  readonly announced: Announced | undefined;
  readonly beacon: FinalContribution | undefined;
};

/** What an entry's statement may be refused for: stable, and counted. */
export type StepCode = "phase" | "person" | "turn" | "time" | "file" | "attestation" | "beacon" | "order";

export type Ports = {
  /** Signatures that settle a contribution (R2: q); undefined if the definition's committee has no such version. */
  quorumOf(version: number): number | undefined;
  /** R48: whether the member of the definition's committee signed the contribution. */
  verifyAttestation(claim: CeremonyContribution, attestation: ContributionAttestation): boolean;
};

/** For a ceremony without a committee: there is nothing to verify. */
export const noCommittee: Ports = { quorumOf: () => undefined, verifyAttestation: () => false };

export function initialState(definition: Definition): CeremonyState {
  return {
    ceremony: ceremonyId(definition),
    definition,
    phase: "new",
    time_s: 0,
    challenge: undefined,
    people: new Map(),
    queue: [],
    slot: undefined,
    contributions: [],
    lost: [],
    refused: [],
    announced: undefined,
    beacon: undefined,
  };
}

type Step = Result<CeremonyState, StepCode>;
type Body<T extends EntryBody["type"]> = Extract<EntryBody, { type: T }>;

/** Whether the last contribution may be built on. */
export function isSettled({ contributions }: CeremonyState): boolean {
  return contributions.at(-1)?.settled ?? true;
}

/** Number of the contribution that is made next. */
export function nextIndex({ contributions }: CeremonyState): number {
  return contributions.length + 1;
}

function opened(state: CeremonyState, { challenge }: Body<"opened">): Step {
  if (state.phase !== "new") return reject("phase", "the ceremony was opened before");
  const { challenge: size } = fileSizes(state.definition);
  if (challenge.bytes !== size)
    return reject("file", `challenge: expected ${size} bytes, actual ${challenge.bytes}`);
  return accept({ ...state, phase: "open", challenge });
}

/** Why nobody may join with this address; undefined if it may. */
export function joinFault(
  state: CeremonyState,
  participant: Hex,
): { code: StepCode; detail: string } | undefined {
  const { definition, people, queue, slot } = state;
  const fault = (code: StepCode, detail: string) => ({ code, detail });
  if (state.phase !== "open")
    return fault("phase", `the queue is ${state.phase === "new" ? "not open" : "closed"}`);
  const { participants, maxParticipants, maxSlots } = definition;
  if (participants !== "open" && !participants.includes(participant))
    return fault("person", `${participant} is not among the ceremony's ${participants.length} participants`);
  const known = people.get(participant);
  if (known === undefined && people.size >= maxParticipants)
    return fault("person", `participants: expected at most ${maxParticipants}, actual one more`);
  if (known?.contributed === true) return fault("person", `${participant} has contributed already`);
  if (slot?.participant === participant || queue.includes(participant))
    return fault("person", `${participant} is in the queue already`);
  if ((known?.turns ?? 0) >= maxSlots)
    return fault("turn", `slots of ${participant}: expected at most ${maxSlots}, actual one more`);
  return undefined;
}

function join(state: CeremonyState, { participant, name, turn }: Body<"join">): Step {
  const fault = joinFault(state, participant);
  if (fault) return reject(fault.code, fault.detail);
  const turns = state.people.get(participant)?.turns ?? 0;
  if (turn !== turns) return reject("turn", `turn: expected ${turns}, actual ${turn}`);
  const people = new Map(state.people).set(participant, { name, turns: turns + 1, contributed: false });
  return accept({ ...state, people, queue: [...state.queue, participant] });
}

function startSlot(state: CeremonyState, { participant, index }: Body<"slot">): Step {
  const { queue, definition, time_s } = state;
  if (state.phase !== "open") return reject("phase", "the queue is not open");
  if (state.slot) return reject("order", `the slot of ${state.slot.participant} has not ended`);
  if (!isSettled(state)) return reject("order", `contribution ${index - 1} is not settled`);
  if (queue[0] !== participant)
    return reject("order", `expected ${queue[0] ?? "nobody"}, actual ${participant}`);
  if (index !== nextIndex(state))
    return reject("order", `index: expected ${nextIndex(state)}, actual ${index}`);
  const slot = {
    participant,
    index,
    started_s: time_s,
    ends_s: time_s + definition.slot_s,
    submitted: undefined,
  };
  return accept({ ...state, queue: queue.slice(1), slot });
}

/** The slot that an entry names. */
function slotOf(
  { slot }: CeremonyState,
  { index, participant }: { readonly index: number; readonly participant?: Hex },
): Result<Slot, StepCode> {
  if (slot === undefined) return reject("order", "nobody has a slot");
  if (slot.index !== index) return reject("order", `index: expected ${slot.index}, actual ${index}`);
  if (participant !== undefined && slot.participant !== participant)
    return reject("person", `the slot is that of ${slot.participant}, actual ${participant}`);
  return accept(slot);
}

function lose(state: CeremonyState, body: Body<"lost">): Step {
  const slot = slotOf(state, body);
  if (!slot.ok) return slot;
  if (slot.value.submitted) return reject("order", "the response is there");
  const { ends_s, participant, index } = slot.value;
  if (state.time_s < ends_s) return reject("time", `the slot ends at ${ends_s}, actual ${state.time_s}`);
  const missed = {
    participant,
    index,
    time_s: state.time_s,
    failed: [],
    reason: "no whole response in its slot",
  };
  return accept({ ...state, slot: undefined, lost: [...state.lost, missed] });
}

/** Checks a response's statement against the slot, but not its signature. */
export function submit(state: CeremonyState, body: ResponseStatement): Step {
  const slot = slotOf(state, body);
  if (!slot.ok) return slot;
  if (slot.value.submitted) return reject("order", "the slot has a response already");
  if (state.time_s >= slot.value.ends_s)
    return reject("time", `the slot ended at ${slot.value.ends_s}, actual ${state.time_s}`);
  if (body.challenge !== state.challenge?.root)
    return reject("file", `challenge: expected ${state.challenge?.root}, actual ${body.challenge}`);
  const { response: size } = fileSizes(state.definition);
  if (body.response.bytes !== size)
    return reject("file", `response: expected ${size} bytes, actual ${body.response.bytes}`);
  return accept({ ...state, slot: { ...slot.value, submitted: body } });
}

function acceptResponse(state: CeremonyState, body: Body<"accepted">): Step {
  const slot = slotOf(state, body);
  if (!slot.ok) return slot;
  const { submitted, participant, index } = slot.value;
  const { challenge } = state;
  if (submitted === undefined || challenge === undefined) return reject("order", "no response was submitted");
  if (body.challenge.bytes !== challenge.bytes)
    return reject("file", `challenge: expected ${challenge.bytes} bytes, actual ${body.challenge.bytes}`);
  const contribution: Contribution = {
    index,
    participant,
    challenge,
    statement: submitted,
    response: submitted.response,
    accepted_s: state.time_s,
    attestations: [],
    settled: state.definition.committee === undefined,
  };
  const person = state.people.get(participant);
  const people = new Map(state.people);
  if (person) people.set(participant, { ...person, contributed: true });
  const contributions = [...state.contributions, contribution];
  return accept({ ...state, people, contributions, slot: undefined, challenge: body.challenge });
}

function refuse(state: CeremonyState, { index, failed, reason }: Body<"refused">): Step {
  const slot = slotOf(state, { index });
  if (!slot.ok) return slot;
  if (slot.value.submitted === undefined) return reject("order", "no response was submitted");
  const missed = { participant: slot.value.participant, index, time_s: state.time_s, failed, reason };
  return accept({ ...state, slot: undefined, refused: [...state.refused, missed] });
}

/** What a member signs about a contribution (R48): the roots of its two files. */
export function claimOf(
  { ceremony }: Pick<CeremonyState, "ceremony">,
  { index, challenge, response }: Contribution,
): CeremonyContribution {
  return { ceremony, index, challenge: challenge.root, response: response.root };
}

function attest(state: CeremonyState, body: AttestedStatement, ports: Ports): Step {
  const { index, version, member, signature } = body;
  if (state.definition.committee === undefined) return reject("attestation", "the ceremony has no committee");
  const found = state.contributions[index - 1];
  if (found === undefined) return reject("attestation", `contribution ${index} is not accepted`);
  const { attestations: before } = found;
  if (before.some((one) => one.version === version && one.member === member))
    return reject("attestation", `member ${member} has signed contribution ${index} already`);
  if (before.length >= maxAttestations)
    return reject("attestation", `attestations: expected at most ${maxAttestations}, actual one more`);
  const quorum = ports.quorumOf(version);
  if (quorum === undefined) return reject("attestation", `the committee has no version ${version}`);
  const attestation = { version, member, signature };
  if (!ports.verifyAttestation(claimOf(state, found), attestation))
    return reject("attestation", `the signature is not that of member ${member} for contribution ${index}`);
  const attestations = [...before, attestation];
  // Members of two versions do not add up: each version has its own faulty third.
  const settled = found.settled || attestations.filter((one) => one.version === version).length >= quorum;
  const contributions = state.contributions.with(index - 1, { ...found, attestations, settled });
  return accept({ ...state, contributions });
}

function announce(state: CeremonyState, { beacon, exponent }: Body<"announced">): Step {
  if (state.phase !== "open") return reject("phase", `the ceremony is ${state.phase}`);
  if (state.slot) return reject("order", `the slot of ${state.slot.participant} has not ended`);
  if (state.contributions.length === 0) return reject("order", "there is no contribution");
  if (!isSettled(state)) return reject("order", "the last contribution is not settled");
  const fault = futureFault(beacon, state.time_s);
  if (fault) return reject("beacon", fault);
  return accept({ ...state, phase: "announced", announced: { beacon, exponent, time_s: state.time_s } });
}

function applyBeacon(state: CeremonyState, body: Body<"beacon">): Step {
  const { announced, challenge } = state;
  if (state.phase !== "announced" || announced === undefined || challenge === undefined)
    return reject("phase", "no beacon is announced");
  if (body.index !== nextIndex(state))
    return reject("order", `index: expected ${nextIndex(state)}, actual ${body.index}`);
  const { response: size } = fileSizes(state.definition);
  if (body.response.bytes !== size)
    return reject("file", `response: expected ${size} bytes, actual ${body.response.bytes}`);
  const { type: _, ...rest } = body;
  const final = { ...rest, challenge, time_s: state.time_s };
  const fault = valueFault(announced, final);
  if (fault) return reject("beacon", fault);
  return accept({ ...state, phase: "closed", beacon: final });
}

function close(state: CeremonyState): Step {
  if (state.phase !== "open") return reject("phase", `the ceremony is ${state.phase}`);
  if (state.slot) return reject("order", `the slot of ${state.slot.participant} has not ended`);
  return accept({ ...state, phase: "closed" });
}

/**
 * Applies an entry's body, whose signatures and place in the chain were checked.
 * @param time_s of the entry
 */
export function step(before: CeremonyState, body: EntryBody, time_s: number, ports: Ports): Step {
  if (time_s < before.time_s) return reject("time", `expected at least ${before.time_s}, actual ${time_s}`);
  if (before.phase === "new" && body.type !== "opened")
    return reject("phase", `expected "opened" as the first entry, actual "${body.type}"`);
  const state = { ...before, time_s };
  switch (body.type) {
    case "opened":
      return opened(state, body);
    case "join":
      return join(state, body);
    case "slot":
      return startSlot(state, body);
    case "lost":
      return lose(state, body);
    case "submitted":
      return submit(state, body);
    case "accepted":
      return acceptResponse(state, body);
    case "refused":
      return refuse(state, body);
    case "attested":
      return attest(state, body, ports);
    case "announced":
      return announce(state, body);
    case "beacon":
      return applyBeacon(state, body);
    case "closed":
      return close(state);
  }
}

/** The entry that time alone makes due: the loss of a slot, or the start of the next one. */
export function dueBody(state: CeremonyState, now_s: number): EntryBody | undefined {
  const { slot, queue, phase } = state;
  if (slot) {
    const { participant, index, ends_s, submitted } = slot;
    return submitted === undefined && now_s >= ends_s ? { type: "lost", participant, index } : undefined;
  }
  const [participant] = queue;
  if (phase !== "open" || participant === undefined || !isSettled(state)) return undefined;
  return { type: "slot", participant, index: nextIndex(state) };
}
