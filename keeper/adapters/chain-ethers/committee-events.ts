/** State of a committee as its events tell it (R5, R29, R37, R38). */
import { rememberedHash } from "../../../protocol/certificate.ts";
import type { Remembered } from "../../../protocol/committee.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { Proposal } from "../../../protocol/succession.ts";
import type { ChainEvent } from "./logs.ts";

export type Membership = {
  readonly number: number;
  readonly group: Hex;
  readonly entered: number;
  readonly left: number | undefined;
  readonly ceiling: number;
};

/** A version that waits to take effect. */
export type Waiting = {
  readonly version: number;
  /** Block of the last event that changed its keys. */
  readonly changedAt: number;
  readonly resigned: readonly number[];
};

export type CommitteeState = {
  /** Undefined while a consent is missing. */
  readonly originBlock: number | undefined;
  readonly ts: number;
  readonly version: number;
  readonly seed: Hex;
  /** Seats of the version in force that resigned. */
  readonly resigned: readonly number[];
  /** Complete next version with other members. */
  readonly complete: Waiting | undefined;
  /** Version of the same members in which a key is rotated. */
  readonly rotated: Waiting | undefined;
  /** The last version with other members than the one before it, on which proposals have to be based (R37). */
  readonly era: number;
  /** Open ones, by version: at most one of each member and of the convener. */
  readonly proposals: ReadonlyMap<number, Proposal>;
  readonly memberships: ReadonlyMap<number, Membership>;
  /** Latest end of a membership; the contract never lowers it. */
  readonly lastLeft: number;
  /** Ascending by ts. */
  readonly remembered: readonly Remembered[];
};

export const unformed: CommitteeState = {
  originBlock: undefined,
  ts: 0,
  version: 0,
  seed: `0x${"00".repeat(32)}`,
  resigned: [],
  complete: undefined,
  rotated: undefined,
  era: 0,
  proposals: new Map(),
  memberships: new Map(),
  lastLeft: 0,
  remembered: [],
};

type Args = ChainEvent["args"];

function lower(address: unknown): Hex {
  return String(address).toLowerCase() as Hex;
}

export function committeeAfter(state: CommitteeState, { name, args, block }: ChainEvent): CommitteeState {
  const version = Number(args["version"]);
  switch (name) {
    case "Formed": {
      const originBlock = Number(args["originBlock"]);
      return { ...state, originBlock, ts: originBlock, version: 1, era: 1, seed: args["seed"] as Hex };
    }
    case "VersionProposed":
      return proposed(state, version, args);
    case "MemberConsented":
      return consentedTo(state, version, lower(args["operator"]));
    case "VersionVoid":
      return withoutProposal(state, version);
    case "SeatRotated":
      return rotatedKey(state, version, block);
    case "VersionCompleted":
      // A rotation's version has its new key before it is complete, and nobody proposed it.
      if (state.rotated?.version === version) return state;
      // The first complete version wins: all others are void (R37).
      return { ...state, complete: { version, changedAt: block, resigned: [] }, proposals: new Map() };
    case "VersionActivated":
      return activated(state, version, args["seed"] as Hex);
    case "MemberResigned":
      return resignedFrom(state, version, Number(args["index"]));
    case "GroupEntered":
      return entered(state, args);
    case "GroupLeaves":
      return leaves(state, args);
    case "CeilingChanged":
      return withMembership(state, args, (one) => ({ ...one, ceiling: Number(args["ceiling"]) }));
    case "Certified":
      return certified(state, args);
    default:
      return state;
  }
}

function proposed(state: CommitteeState, version: number, args: Args): CommitteeState {
  const operators = [...(args["operators"] as Iterable<unknown>)].map(lower);
  const proposal = { version, base: Number(args["base"]), operators, consented: [] };
  return { ...state, proposals: new Map(state.proposals).set(version, proposal) };
}

function consentedTo(state: CommitteeState, version: number, operator: Hex): CommitteeState {
  const proposal = state.proposals.get(version);
  if (proposal === undefined) return state;
  const consented = [...proposal.consented, operator];
  return { ...state, proposals: new Map(state.proposals).set(version, { ...proposal, consented }) };
}

function withoutProposal(state: CommitteeState, version: number): CommitteeState {
  if (!state.proposals.has(version)) return state;
  const proposals = new Map(state.proposals);
  proposals.delete(version);
  return { ...state, proposals };
}

function rotatedKey(state: CommitteeState, version: number, block: number): CommitteeState {
  const { complete, rotated } = state;
  if (complete?.version === version) return { ...state, complete: { ...complete, changedAt: block } };
  if (rotated?.version === version) return { ...state, rotated: { ...rotated, changedAt: block } };
  return { ...state, rotated: { version, changedAt: block, resigned: [] } };
}

/** A rotation keeps the seed and the resigned seats; other members begin with those that resigned from their version (R5, R37). */
function activated(state: CommitteeState, version: number, seed: Hex): CommitteeState {
  if (state.rotated?.version === version) return { ...state, version, seed, rotated: undefined };
  const resigned = state.complete?.version === version ? state.complete.resigned : [];
  const waiting = { complete: undefined, rotated: undefined, proposals: new Map() };
  return { ...state, version, era: version, seed, resigned, ...waiting };
}

function resignedFrom(state: CommitteeState, version: number, index: number): CommitteeState {
  const { complete } = state;
  if (version === state.version) return { ...state, resigned: [...state.resigned, index] };
  if (complete?.version !== version) return state;
  return { ...state, complete: { ...complete, resigned: [...complete.resigned, index] } };
}

/** R5: a committee without a group that owes no certificate begins anew with this one, and so does one that a later group began. */
function entered(state: CommitteeState, args: Args): CommitteeState {
  const first = Number(args["entered"]);
  const open = [...state.memberships.values()].some(({ left }) => left === undefined);
  const idle = !open && state.ts >= state.lastLeft;
  const number = Number(args["number"]);
  const membership = {
    number,
    group: lower(args["group"]),
    entered: first,
    left: undefined,
    ceiling: Number(args["ceiling"]),
  };
  return {
    ...state,
    ts: idle || first < state.ts ? first : state.ts,
    memberships: new Map(state.memberships).set(number, membership),
  };
}

function leaves(state: CommitteeState, args: Args): CommitteeState {
  const left = Number(args["left"]);
  const membership = state.memberships.get(Number(args["number"]));
  const lastLeft =
    membership !== undefined && left > membership.entered ? Math.max(left, state.lastLeft) : state.lastLeft;
  return { ...withMembership(state, args, (one) => ({ ...one, left })), lastLeft };
}

function withMembership(
  state: CommitteeState,
  args: Args,
  change: (membership: Membership) => Membership,
): CommitteeState {
  const number = Number(args["number"]);
  const membership = state.memberships.get(number);
  if (membership === undefined) return state;
  return { ...state, memberships: new Map(state.memberships).set(number, change(membership)) };
}

function certified(state: CommitteeState, args: Args): CommitteeState {
  const [ts, te] = [Number(args["ts"]), Number(args["te"])];
  if (args["remembered"] !== true) return { ...state, ts: te };
  const hash = rememberedHash({
    ts,
    te,
    version: Number(args["version"]),
    leader: Number(args["leader"]),
    failed: args["failed"] as bigint,
    payees: args["payees"] as bigint,
    count: Number(args["count"]),
    groups: args["groups"] as Hex,
  });
  return { ...state, ts: te, remembered: [...state.remembered, { ts, te, hash }] };
}
