/**
 * Limits on what other parties may cost a keeper or provider, derived from committee sizes and measured costs (D6, L4).
 * docs/figures/limits.md has the derivations as a table and the measured costs.
 *
 * A rate has two parts. The burst is twice what an honest party may need at once. The refill is a share of one core, divided by
 * the largest number of faulty keepers, so all of them together never cost more than that share.
 */
import { maxBytesOf } from "../codec/message.ts";
import { maxPagePieces, maxTargets } from "../codec/challenge.ts";
import type { CommitteeSnapshot } from "../committee.ts";
import { maxCommitteeSize } from "../quorum.ts";
import { maxPages, maxPinned } from "../pinned.ts";
import { pageCount } from "../values.ts";
import type { Question } from "../codec/question.ts";
import { maxPieces } from "../../storage/core/piece-list.ts";
import { maxProofBytes } from "../../storage/core/proof.ts";
import type { Rate } from "./token-buckets.ts";

/** Limits on the connections that a node keeps open. */
export type Room = {
  /** Connections of one peer: one, and a second while the first has not timed out. */
  readonly perPeer: number;
  /** Connections of all unexpected peers together. */
  readonly strangers: number;
  /** A connection that was idle for this time may be closed. */
  readonly idle_ms: number;
};

/** The size of a keeper's work. */
export type Scale = {
  /** Committees in which it has a seat. */
  readonly committees: number;
  /** Members of the largest committee. */
  readonly n: number;
  /** Different keepers over all committees. */
  readonly keepers: number;
  /** Groups of the committee with the most of them. */
  readonly groups: number;
  /** Providers of all groups of the committee with the most of them. */
  readonly providers: number;
};

/** Used before the first read of the chain: one group in a committee of the smallest size. */
export const smallestScale: Scale = { committees: 1, n: 4, keepers: 4, groups: 1, providers: 1 };

export function scaleOf(committees: readonly CommitteeSnapshot[]): Scale {
  if (committees.length === 0) return smallestScale;
  const seats = committees.flatMap(({ version, next }) => [...version.members, ...(next?.members ?? [])]);
  const providersOf = ({ groups }: CommitteeSnapshot): number =>
    groups.reduce((sum, { providers }) => sum + providers.length, 0);
  return {
    committees: committees.length,
    n: Math.max(...committees.map(({ version }) => version.members.length)),
    keepers: new Set(seats.map(({ operator }) => operator)).size,
    groups: Math.max(1, ...committees.map(({ groups }) => groups.length)),
    providers: Math.max(1, ...committees.map(providersOf)),
  };
}

/** Share of one core that all faulty keepers together may use, for each kind of work. */
export const cpuShare = 0.25;

/** Measured cost of work in ms of one core, rounded up. */
export const cost_ms = {
  /** Recovering the signer of one message. */
  signature: 1.5,
  /** Decoding and refusing a message before any signature check. */
  refused: 0.2,
  /** Receiving one megabyte without a request, in its most expensive form. */
  megabyte: 60,
  /** Reading, encoding and encrypting a reply of one megabyte. */
  reply: 8,
  /** Checking one seed under one key (R9). */
  seed: 25,
  /** A stream of its own for one request that is refused. */
  stream: 3,
} as const;

/** Tokens for a refused message; a longer one takes more time to read. */
export function refusedTokens(bytes: number): number {
  return 1 + Math.floor(bytes / (32 * 1024));
}

/** Largest number of faulty keepers among `keepers`, at least one: f of each committee. */
export function liarsAmong(keepers: number): number {
  return Math.max(1, Math.floor(keepers / 3));
}

/** Refill with which all faulty keepers together use `cpuShare` of a core, at `each_ms` per token. */
function sharedRefill(keepers: number, each_ms: number): number {
  return (cpuShare * 1000) / (each_ms * liarsAmong(keepers));
}

/** Pages of the longest piece list (R10). */
const listPages = Math.ceil(maxPieces / maxPagePieces);
/** Pages of one keeper's records of one provider in an interval of 256 slots. */
const recordPages = 4;

/** Messages of one author in a turn, without its closed set: one of each other kind, large ones twice, hellos, one restart. */
const otherTokensOfTurn = 16;

/** New messages of one author over all committees, from any sender: two turns that it leads in each. */
export function authorRate(scale: Scale): Rate {
  const turn = scale.n + otherTokensOfTurn;
  return { burst: 2 * scale.committees * turn, perSecond: sharedRefill(scale.keepers, cost_ms.signature) };
}

/**
 * Bytes of one author's messages: those of two turns that it leads. The bytes of all faulty authors together fit half of the bytes
 * that each peer may send.
 */
export function authorBytes(scale: Scale): Rate {
  const { perSecond } = gossipBytes(scale);
  const burst = 2 * scale.committees * (leaderBytes + eachBytes);
  return { burst, perSecond: perSecond / (2 * liarsAmong(scale.keepers)) };
}

/** Refused messages of one peer: twice the messages of a turn that is over here but not at the peer. */
export function refusedRate(scale: Scale): Rate {
  return { burst: 8 * scale.committees * scale.n, perSecond: sharedRefill(scale.keepers, cost_ms.refused) };
}

/** Questions that one keeper may ask this keeper. */
export function questionRate(question: Question, scale: Scale): Rate {
  const { committees, n, keepers, providers } = scale;
  const perSecond = sharedRefill(keepers, cost_ms.reply);
  switch (question) {
    case "pull":
      // One for each block and committee (R22): a keeper that catches up asks for several blocks at once.
      return { burst: 16 * committees, perSecond };
    case "records":
      // Pages of each keeper's records of each pinned provider, for two turns (R24).
      return { burst: 2 * committees * Math.min(providers, maxPinned) * n * recordPages, perSecond };
    case "page":
      // Pages of pinned records, and of the values of every keeper, for two turns (R17, R24).
      return { burst: 2 * committees * (maxPages + n * pageCount(providers)), perSecond };
    case "certificate":
      // One for each block and committee, and the pages of the largest certificate (R29).
      return { burst: (16 + pageCount(providers)) * committees, perSecond };
    case "pieces":
      // Pages of every provider's list, twice (R10).
      return { burst: 2 * committees * providers * listPages, perSecond };
  }
}

/** Limits on piece lists in memory (R10). All lists stay on disk until their last slot is certified. */
export const listCache = {
  /** About 20 lists of the greatest length, or thousands of common ones. */
  bytes: 64 * 1024 * 1024,
  /** Concurrent fetches. A silent source occupies one of them until its call times out. */
  fetches: 32,
};

/** Log lines for one reason in one group. Metrics and ledger count every occurrence. */
export const reasonLogRate: Rate = { burst: 64, perSecond: 0.2 };

/** Most committees in which a keeper has a seat at a time; what it holds for each of them is bounded by this. */
export const maxCommittees = 64;

/** Keeper names in a rate limit: all members of the current and the next committee, at their largest size. */
export function maxKeeperNames(committees: number): number {
  return 2 * maxCommitteeSize * Math.max(1, committees);
}

/** Length of the longest message of any kind. */
export const longestMessageBytes = Math.max(...Object.values(maxBytesOf));

const MiB = 1024 * 1024;

/** Largest sum of a leader's messages in its turn, and of every keeper's other messages. */
const leaderBytes = maxBytesOf.announce + maxBytesOf.close + maxBytesOf.bundle + maxBytesOf.proposal;
const eachBytes = 2 * maxBytesOf.hello + maxBytesOf.commit + maxBytesOf.reveal + maxBytesOf.partial;

/** Largest sum of a committee's messages in one turn, each counted once. */
function turnBytes(n: number): number {
  return leaderBytes + n * eachBytes;
}

/** Gossip bytes of one peer: twice the messages of two turns, because a peer forwards all messages. */
export function gossipBytes(scale: Scale): Rate {
  return {
    burst: 4 * scale.committees * turnBytes(scale.n),
    perSecond: sharedRefill(scale.keepers, cost_ms.megabyte / MiB),
  };
}

/** Limits of a gossip frame: one message, control messages, and the subscriptions of a new peer. */
export function gossipFrame(topics: number): { readonly bytes: number; readonly limits: DecodeLimits } {
  const ids = 512;
  return {
    bytes: longestMessageBytes + ids * 40 + topics * 256 + 1024,
    limits: {
      maxSubscriptions: Math.max(1, topics),
      // Two, because a peer may put two messages in one frame.
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

/** Identity handshakes of one peer: one for each connection, and some more while two views of the registry differ (R3). */
export const identityRate: Rate = { burst: 8, perSecond: 1 };

/** Inbound connections before their encryption handshake ends. */
export const pendingConnections = {
  /** All hosts together. One connection costs about 50 kB. */
  all: 256,
  /** Several keepers may share one address. */
  perHost: 32,
  /** New connections per second of one host. An encryption handshake costs about 4 ms. */
  perSecondAndHost: 64,
  /** A connection is closed if its handshake takes longer. */
  limit_ms: 3_000,
};

/**
 * Connections of a keeper. A peer has one, and while it is replaced, a new one that each end may make. Strangers are peers that the
 * registry names and that have not yet proven their identity.
 */
export const keeperConnections: Room = { perPeer: 3, strangers: 2 * maxCommitteeSize, idle_ms: 15_000 };

/** Connections of a provider. Strangers are payers and unknown peers; every keeper has a reserved connection. */
export const providerConnections: Room = { perPeer: 2, strangers: 64, idle_ms: 30_000 };

/** Timeout of a ping: a machine under load answers late. */
export const signOfLife_ms = 10_000;

/** Hard limit of libp2p, above all limits here: those close surplus connections after they open. */
export const hardMaxConnections = 8192;

/** Concurrent streams of one peer at a keeper. */
export const streamsOfPeer = { question: 16, all: 3 * 16 + 16 };

/** Flow-control window of one stream. */
export const streamBytes = MiB;

/** Providers in a keeper's rate limit, and its largest number of connections to providers. */
export const maxProviderNames = 4096;

/** Bytes of a provider without a request: handshakes and pings. */
export const providerBytes: Rate = { burst: 64 * 1024, perSecond: 4 * 1024 };

/** Bytes of one peer at a provider; a request has a few hundred bytes. */
export const requestBytes: Rate = { burst: 128 * 1024, perSecond: 16 * 1024 };

/** Concurrent streams of one peer at a provider. */
export const streamsOfCaller = { request: 8, all: 5 * 8 + 8 };

/** The size of a provider's work. */
export type ProviderScale = {
  /** Committees that serve its groups, now or next. */
  readonly committees: number;
  /** Groups that it serves. */
  readonly groups: number;
  /** Different members of these committees. */
  readonly keepers: number;
};

/** Used before the first read of the chain: one committee of the smallest size for each group. */
export function unknownProviderScale(groups: number): ProviderScale {
  return { committees: Math.max(1, groups), groups: Math.max(1, groups), keepers: 4 * Math.max(1, groups) };
}

/**
 * Requests of one peer at a provider for pages of piece lists, and for ranges that are refused. A range that its payer permits takes no
 * token: reading back as fast as the network allows is what the payer pays for, and `rangesInFlight` bounds it.
 */
export function requestRate(groups: number): Rate {
  return { burst: 64 + 8 * groups, perSecond: 16 + groups };
}

/**
 * Groups in the challenges of one keeper: two slots, each asked twice. An answer that was given before costs the reading and sending of its
 * bytes; an answer is made once for each keeper, group and slot (R12).
 */
export function challengeRate({ groups, keepers }: ProviderScale): Rate {
  const answer_ms = (cost_ms.reply * maxProofBytes) / MiB;
  return { burst: maxTargets + 4 * groups, perSecond: sharedRefill(keepers, answer_ms) };
}

/** Challenges of all peers together that are no keepers of the provider: each is refused, in a stream of its own. */
export const strangerChallengeRate: Rate = { burst: 64, perSecond: (cpuShare * 1000) / cost_ms.stream };

/** Wrong seeds of one keeper. A right one costs no token. Burst: one for each committee and slot that is open to challenges. */
export function wrongSeedRate({ committees, keepers }: ProviderScale): Rate {
  return { burst: 2 * committees, perSecond: sharedRefill(keepers, cost_ms.seed) };
}

/** Challenges that wait in a provider's queue: those of one keeper for a slot in all of its committees, twice. */
export function challengeQueue({ committees, groups, keepers }: ProviderScale): {
  readonly total: number;
  readonly perPeer: number;
} {
  const perPeer = Math.max(8, 2 * (committees + Math.floor(groups / maxTargets)));
  return { total: keepers * perPeer, perPeer };
}

/** Questions of one peer for the offer: one in a while. */
export const offerRate: Rate = { burst: 16, perSecond: 1 };

/** Requests to store that are small, of one peer: a client asks about each piece and then about the next. */
export const storeRate: Rate = { burst: 256, perSecond: 64 };

/** Proposals of one peer: one for each list. */
export const proposalRate: Rate = { burst: 16, perSecond: 1 };

/** Proposals of all peers: each costs a signature and some eight calls of the chain's endpoint. */
export const allProposalsRate: Rate = { burst: 64, perSecond: 8 };

/** Ranges of one peer that were stored already, or do not match their piece: a client that goes on after a failure repeats a few. */
export const wastedRate: Rate = { burst: 64, perSecond: 1 };
/** What a range costs that does not match its piece: an honest client sends none. */
export const wrongRangeTokens = 8;

/** Ranges and list pages that are received at a time, of all peers: about 64 MB. */
export const maxBodiesInFlight = 32;
/** Of one peer. */
export const maxBodiesOfPeer = 8;

/** Ranges that a provider reads and sends at a time: of all groups, about 64 MB, and of one, so that no payer keeps the others waiting. */
export const rangesInFlight = { all: 32, ofGroup: 16 };

/** Bytes of a peer whose request was accepted: its data, as fast as it is hashed. The number of its requests under way is bounded. */
export const senderBytes: Rate = { burst: 64 * MiB, perSecond: 1024 * MiB };

/** Concurrent piece-list pages, of all peers and of one; a page has about 640 kB. */
export const pageQueue = { total: 8, perPeer: 2 };

/** Peers in a provider's rate limit. */
export const maxCallerNames = 4096;
