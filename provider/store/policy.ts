/** R42, R43: what this provider accepts. Pure: the caller reads chain and disk. */
import { refusal } from "../../protocol/codec/challenge.ts";
import type { Refusal, RefusalCode } from "../../protocol/codec/challenge.ts";
import type { OfferPrice } from "../../protocol/codec/offer.ts";
import type { StoreRequest } from "../../protocol/codec/store-request.ts";
import type { GroupFacts } from "./group-facts.ts";
import type { OfferSettings } from "./settings.ts";

/** Blocks for which data waits without an escrow or without being added (R43). */
export const waitingBlocks = 600;
/** Requests of one payer that wait at a time, and of all payers. */
const maxWaiting = { ofPayer: 8, all: 256 };

export type Room = {
  /** Bytes of data for which there is room, after what was promised. */
  readonly free: number;
  /** `free` and all that is stored and promised. */
  readonly all: number;
  /** The largest piece that fits one volume. */
  readonly largestPiece: number;
};

/** What this payer has here, without the request that is judged. */
export type PayersData = {
  /** Committed to by other groups. */
  readonly bytes: number;
  /** Committed to by the request's group: most of a new list are pieces of the one before. */
  readonly inGroup: number;
  readonly waitingBytes: number;
  readonly waiting: number;
  /** Waiting requests of all payers. */
  readonly waitingOfAll: number;
};

export type Judged = {
  readonly settings: OfferSettings;
  readonly prices: readonly OfferPrice[];
  readonly head: number;
  readonly request: StoreRequest;
  readonly group: GroupFacts;
  /** Largest price × bytes to which the group commits here already. */
  readonly committedValue: bigint;
  readonly room: Room;
  readonly payers: PayersData;
  /** The room of this request is promised already. */
  readonly isPromised: boolean;
};

const scale = 2n ** 64n;

function cost(value: bigint): bigint {
  return (value + scale - 1n) / scale;
}

/** The reason why a request is not accepted; undefined: it is. The signature is checked apart. */
export function refusalOf(judged: Judged): Refusal | undefined {
  const { request, head, isPromised } = judged;
  if (head > request.deadline) {
    return refusal("expired", `the request ended with block ${request.deadline}, head is ${head}`);
  }
  return (
    personalRefusal(judged) ??
    termsRefusal(judged) ??
    escrowRefusal(judged) ??
    (isPromised ? undefined : roomRefusal(judged))
  );
}

function personalRefusal({ settings, request, group }: Judged): Refusal | undefined {
  const { payer, isPublic } = request;
  const { allow, deny, committees } = settings;
  if (group.payer !== undefined && group.payer !== payer) {
    return refusal("not-the-payer", `the group's payer: expected ${group.payer}, actual ${payer}`);
  }
  if (deny.includes(payer) || (allow.length > 0 && !allow.includes(payer))) {
    return notOffered(`nothing is offered to the payer ${payer}`);
  }
  if (isPublic && !settings.public) return notOffered("no public data is taken");
  const foreign = group.committees.find((one) => committees.length > 0 && !committees.includes(one));
  return foreign === undefined ? undefined : notOffered(`groups of the committee ${foreign} are not taken`);
}

function termsRefusal({ settings, prices, request, group }: Judged): Refusal | undefined {
  const offered = prices.find(({ token }) => token === group.token);
  if (offered === undefined) return notOffered(`no price is offered in the token ${group.token}`);
  if (request.price < offered.price) {
    return refusal("price-too-low", `price: expected at least ${offered.price}, actual ${request.price}`);
  }
  if (group.lockup < settings.minLockup) {
    return notOffered(`blocks of lockup: expected at least ${settings.minLockup}, actual ${group.lockup}`);
  }
  if (group.keeperShareBps > settings.maxKeeperShareBps) {
    const { keeperShareBps } = group;
    return notOffered(
      `keepers' share: expected at most ${settings.maxKeeperShareBps} bps, actual ${keeperShareBps}`,
    );
  }
  return group.ends ? notOffered("the group ends") : undefined;
}

/** R32, after this provider's data were added or changed, and the runway that the provider asks beyond it. */
export function neededEscrow({ settings, request, group, committedValue }: Omit<Judged, "room">): bigint {
  const value = request.price * BigInt(request.bytes);
  const more = value > committedValue ? value - committedValue : 0n;
  const runway = BigInt(settings.minRunway) * value;
  return group.required + cost(BigInt(group.lockup) * more) + cost(runway);
}

function escrowRefusal(judged: Judged): Refusal | undefined {
  const needed = neededEscrow(judged);
  const { available } = judged.group;
  if (available >= needed) return undefined;
  return refusal("underfunded", `units available: expected ${needed}, actual ${available}; deposit more`);
}

function roomRefusal({ settings, request, room, payers }: Judged): Refusal | undefined {
  const bytes = Math.max(0, request.bytes - payers.inGroup);
  const most = Math.floor((room.all / 100) * settings.maxPayerShare);
  const limits: readonly (readonly [RefusalCode, string, number, number])[] = [
    ["no-space", "bytes", room.free, bytes],
    ["too-large", "bytes of this payer", most, payers.bytes + payers.waitingBytes + payers.inGroup + bytes],
    ["busy", "bytes of this payer that wait", settings.maxWaitingBytes, payers.waitingBytes + bytes],
    ["busy", "requests of this payer that wait", maxWaiting.ofPayer, payers.waiting + 1],
    ["busy", "requests that wait", maxWaiting.all, payers.waitingOfAll + 1],
  ];
  const passed = limits.find(([, , expected, actual]) => actual > expected);
  if (passed === undefined) return undefined;
  const [code, what, expected, actual] = passed;
  return refusal(code, `${what}: expected at most ${expected}, actual ${actual}`);
}

function notOffered(detail: string): Refusal {
  return refusal("not-offered", detail);
}
