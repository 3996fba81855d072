/**
 * How much keepers and providers let others do, derived from the sizes of committees and from what the work costs (D6, L4).
 * docs/figures/limits.md has the derivations as a table and the measured costs.
 *
 * A rate has two parts. The burst is what an honest party may need at once, twice. The refill is a share of one core, divided
 * among the liars that there can be: so all of them together never cost more than that share, however many they are.
 */
import { maxBytesOf } from "../codec/message.ts";
import { maxPagePieces } from "../codec/challenge.ts";
import type { GroupSnapshot } from "../group.ts";
import { maxCommitteeSize } from "../quorum.ts";
import { maxPages } from "../pinned.ts";
import type { Question } from "../codec/question.ts";
import { maxPieces } from "../../storage/core/piece-list.ts";
import type { Rate } from "./token-buckets.ts";

/** Connections that a node keeps open. */
export type Room = {
  /** Connections of one peer: one, and a new one while the old one is not known to be dead. */
  readonly perPeer: number;
  /** Connections of all peers that are not expected. */
  readonly strangers: number;
  /** A connection without use for so long may be closed. */
  readonly idle_ms: number;
};

/** What a keeper serves. */
export type Scale = {
  /** Groups that it is a member of. */
  readonly groups: number;
  /** Members of the largest committee. */
  readonly n: number;
  /** Different keepers over all groups. */
  readonly keepers: number;
  /** Providers of the largest group. */
  readonly providers: number;
};

/** Before the first look at the chain: one group of the smallest size. */
export const smallestScale: Scale = { groups: 1, n: 4, keepers: 4, providers: 1 };

export function scaleOf(groups: readonly GroupSnapshot[]): Scale {
  if (groups.length === 0) return smallestScale;
  const committees = groups.map(({ committee, pending }) => [
    ...committee.members,
    ...(pending?.members ?? []),
  ]);
  return {
    groups: groups.length,
    n: Math.max(...groups.map(({ committee }) => committee.members.length)),
    keepers: new Set(committees.flatMap((members) => members.map(({ operator }) => operator))).size,
    providers: Math.max(1, ...groups.map(({ providers }) => providers.length)),
  };
}

/** Part of one core that all liars together may use up, for each kind of work by itself. */
export const cpuShare = 0.25;

/** What the work costs, in ms of one core, rounded up. */
export const cost_ms = {
  /** Recovery of the signer of one message. */
  signature: 1.5,
  /** A message that is decoded and refused before any signature. */
  refused: 0.2,
  /** A megabyte that nobody asked for, in the form that costs most. */
  megabyte: 60,
  /** A reply of a megabyte: read, encoded, encrypted. */
  reply: 8,
} as const;

/** Tokens of a message that is refused, since it takes time to read a long one. */
export function refusedTokens(bytes: number): number {
  return 1 + Math.floor(bytes / (32 * 1024));
}

/** Liars among so many keepers of any groups, at least one: f of each committee. */
export function liarsAmong(keepers: number): number {
  return Math.max(1, Math.floor(keepers / 3));
}

/** The refill that gives all liars together the stated share of a core, at `each_ms` a token. */
export function sharedRefill(keepers: number, each_ms: number): number {
  return (cpuShare * 1000) / (each_ms * liarsAmong(keepers));
}

/** Pages of the longest piece list (R10). */
export const listPages = Math.ceil(maxPieces / maxPagePieces);
/** Pages of one keeper's records of one provider in an interval of 256 slots. */
const recordPages = 4;

/** Messages of an author in a turn beside its closed set: one of each other kind, large ones twice, hellos, and a start. */
const otherTokensOfTurn = 16;

/** How much one keeper may say anew, over all groups, whoever hands it on: two turns that it leads in each group. */
export function authorRate(scale: Scale): Rate {
  const turn = scale.n + otherTokensOfTurn;
  return { burst: 2 * scale.groups * turn, perSecond: sharedRefill(scale.keepers, cost_ms.signature) };
}

/**
 * Bytes of that: what one keeper says in two turns that it leads. All that liars may say, and whatever honest keepers hand on of it,
 * fits half of what each peer may send.
 */
export function authorBytes(scale: Scale): Rate {
  const { perSecond } = gossipBytes(scale);
  const burst = 2 * scale.groups * (leaderBytes + eachBytes);
  return { burst, perSecond: perSecond / (2 * liarsAmong(scale.keepers)) };
}

/** Messages that a peer may hand on in vain: what a committee said in a turn that is over here and not there, twice. */
export function refusedRate(scale: Scale): Rate {
  return { burst: 8 * scale.groups * scale.n, perSecond: sharedRefill(scale.keepers, cost_ms.refused) };
}

/** Questions that one keeper may ask here. */
export function questionRate(question: Question, scale: Scale): Rate {
  const { groups, n, keepers, providers } = scale;
  const perSecond = sharedRefill(keepers, cost_ms.reply);
  switch (question) {
    case "pull":
      // One a block and group (R22): what a keeper asks in the blocks that it catches up with at once.
      return { burst: 16 * groups, perSecond };
    case "records":
      // Each keeper's records of each disputed provider, in pages, of two turns (R24).
      return { burst: 2 * groups * providers * n * recordPages, perSecond };
    case "page":
      // Every page of the records that a leader pinned, of two turns (R24).
      return { burst: 2 * groups * maxPages, perSecond };
    case "pieces":
      // Every page of every provider's list, twice (R10).
      return { burst: 2 * groups * providers * listPages, perSecond };
  }
}

/** Piece lists here (R10). What is not in memory is on disk, until the last slot under it is certified. */
export const listCache = {
  /** In memory: some 20 of the longest lists, or thousands of usual ones. */
  bytes: 64 * 1024 * 1024,
  /** Fetched at once. A source that says nothing holds one of these for the time of a call. */
  fetches: 32,
};

/** Lines of the log about one reason in one group. Metrics and books count every one. */
export const reasonLogRate: Rate = { burst: 64, perSecond: 0.2 };

/** Names of keepers that are counted at once: all members there can be, of the present and the next committee. */
export function maxKeeperNames(groups: number): number {
  return 2 * maxCommitteeSize * Math.max(1, groups);
}

/** The longest message of any kind. */
export const longestMessageBytes = Math.max(...Object.values(maxBytesOf));

const MiB = 1024 * 1024;

/** Bytes that a leader says in its turn at most, and each keeper beside. */
const leaderBytes = maxBytesOf.announce + maxBytesOf.close + maxBytesOf.bundle + maxBytesOf.proposal;
const eachBytes = 2 * maxBytesOf.hello + maxBytesOf.commit + maxBytesOf.reveal + maxBytesOf.partial;

/** Bytes that a committee says in one turn at most, each message once. */
function turnBytes(n: number): number {
  return leaderBytes + n * eachBytes;
}

/** Bytes that one keeper may send unasked: all that is said in two turns, twice, since it hands on what others say. */
export function gossipBytes(scale: Scale): Rate {
  return {
    burst: 4 * scale.groups * turnBytes(scale.n),
    perSecond: sharedRefill(scale.keepers, cost_ms.megabyte / MiB),
  };
}

/** A gossip frame holds one message, what is said about others, and the topics of a peer that has just come. */
export function gossipFrame(topics: number): { readonly bytes: number; readonly limits: DecodeLimits } {
  const ids = 512;
  return {
    bytes: longestMessageBytes + ids * 40 + topics * 256 + 1024,
    limits: {
      maxSubscriptions: Math.max(1, topics),
      // A message, and one more where two were sent as one.
      maxMessages: 2,
      maxControlMessages: 8 * Math.max(1, topics),
      maxIhaveMessageIDs: ids,
      maxIwantMessageIDs: ids,
      maxIdontwantMessageIDs: ids,
      maxPeerInfos: 0,
    },
  };
}

type DecodeLimits = {
  readonly maxSubscriptions: number;
  readonly maxMessages: number;
  readonly maxControlMessages: number;
  readonly maxIhaveMessageIDs: number;
  readonly maxIwantMessageIDs: number;
  readonly maxIdontwantMessageIDs: number;
  readonly maxPeerInfos: number;
};

/** Handshakes of one peer: one with each connection, and a few more while two views of the registry differ (R3). */
export const identityRate: Rate = { burst: 8, perSecond: 1 };

/** Connections that have not shown their key yet, whoever is called. */
export const pendingConnections = {
  /** Of all hosts. One costs some 50 kB. */
  all: 256,
  /** Several keepers may sit behind one address. */
  perHost: 32,
  /** New ones a second of one host. A handshake of encryption costs some 4 ms. */
  perSecondAndHost: 64,
  /** Who has not shown its key by then is gone. */
  limit_ms: 3_000,
};

/** Connections of a keeper with others. Strangers here are peers that some member claims and that have proven nothing yet. */
export const keeperConnections: Room = { perPeer: 2, strangers: 2 * maxCommitteeSize, idle_ms: 15_000 };

/** Connections of a provider. Strangers are payers, and anybody; keepers have places of their own, as many as there are. */
export const providerConnections: Room = { perPeer: 2, strangers: 64, idle_ms: 30_000 };

/** A sign of life may take so long: a machine under load is slow and not gone. */
export const signOfLife_ms = 10_000;

/** Above what the rooms allow: they close what is too much once it is there. */
export const hardMaxConnections = 8192;

/** Streams that one peer may have open here at once. */
export const streamsOfPeer = { question: 16, all: 3 * 16 + 16 };

/** Bytes of one stream that may be on their way. */
export const streamBytes = MiB;

/** Providers that one keeper calls: 256 of each group, and a keeper of many groups keeps no more connections than this. */
export const maxProviderNames = 4096;

/** What a provider may send unasked: the handshakes of a connection, and signs of life. */
export const providerBytes: Rate = { burst: 64 * 1024, perSecond: 4 * 1024 };

/** What one peer may send a provider unasked: requests are a few hundred bytes each. */
export const requestBytes: Rate = { burst: 128 * 1024, perSecond: 16 * 1024 };

/** Streams that one peer may have open at a provider. */
export const streamsOfCaller = { request: 8, all: 3 * 8 + 8 };

/**
 * Requests of one peer at a provider. A keeper asks once a slot in each group, and again where it was told that the provider is
 * busy; a payer asks for ranges one after the other.
 */
export function requestRate(groups: number): Rate {
  return { burst: 64 + 8 * groups, perSecond: 16 + groups };
}

/** Challenges that wait at a provider while one is answered: two of each keeper and group. */
export function challengeQueue(groups: number): { readonly total: number; readonly perPeer: number } {
  return { total: 2 * maxCommitteeSize * groups, perPeer: Math.max(8, 2 * groups) };
}

/** Pages of piece lists that are made at once, of all peers and of one: some 640 kB each. */
export const pageQueue = { total: 8, perPeer: 2 };

/** Peers that are counted at a provider; the one unseen for the longest time is forgotten first. */
export const maxCallerNames = 4096;
