/** Every reason why something was skipped, refused or missed: one code, a short and a long text. */

type Text = { readonly short: string; readonly long: string };

export const reasons = {
  // challenge and record
  "challenge-late-start": {
    short: "slot skipped: the keeper came too late",
    long: "The keeper saw its first block of the slot, or had its seed, after the last moment at which an answer could still be verified. The slot has no record and carries the bytes of the slot before it (R8, R14).",
  },
  "slots-missed": {
    short: "whole slots passed unseen",
    long: "The keeper saw no block of these slots in time to ask anybody, as after an outage of its chain endpoint. They have no record and carry the bytes of the slot before them (R14).",
  },
  "challenge-unreachable": {
    short: "provider unreachable",
    long: "No connection or no answer from the provider, while others could be reached. Recorded as failed (R13). Check the provider's address in the registry and its firewall.",
  },
  "challenge-cut-off": {
    short: "this keeper was cut off",
    long: "No answer came, and neither another provider nor a quorum of keepers could be reached in the slot, so the fault is here: the slot has no record and nothing is taken from the provider (R13). Check this machine's network.",
  },
  "challenge-late": {
    short: "answer too late",
    long: "The answer was not verified by the challenge block plus `answer` blocks. Recorded as failed (R13).",
  },
  "challenge-refused": {
    short: "provider refused the challenge",
    long: "The provider answered with a refusal. Recorded as failed (R13). Its log names the cause.",
  },
  "challenge-bad-proof": {
    short: "storage proof does not verify",
    long: "The answer's Merkle proof does not lead to the root on chain. Recorded as failed (R13).",
  },
  "challenge-bad-receipt": {
    short: "receipt does not verify",
    long: "The receipt's signature or fields do not match the provider's registered receipt key. Recorded as failed (R13).",
  },
  "data-unproven": {
    short: "a provider does not prove all of its data",
    long: "Of the bytes committed in the last 4 slots recorded the provider proved a part, or nothing. It is paid for what it proves (R14). Told when that begins, and when it becomes nothing; a line says when all is proven again. Tell the provider's operator, and the payer.",
  },
  "answer-unexpected": {
    short: "answer to no open challenge",
    long: "An answer came for a slot that already has a record or was never asked. Ignored.",
  },
  "record-not-canonical": {
    short: "record of a block that a reorg removed",
    long: "The slot's first block is no longer canonical, so the slot has no record (R13).",
  },
  // agreement
  "turn-missed": {
    short: "a turn lapsed without a settlement",
    long: "The leader of the turn did not settle inside its window. It takes no share of this interval; the next keeper in turn order leads (R7).",
  },
  "barred-after-start": {
    short: "no new signatures in this turn after a start",
    long: "After a start a keeper signs new digests only in turns that begin after everything it may have seen before (R23). It takes part again from the next turn on.",
  },
  "listening-after-start": {
    short: "no new signatures before others know of no double",
    long: "After a start a keeper first asks f+1 others whether they have heard another process with its key (D9). It signs as soon as they have answered.",
  },
  "barred-after-reorg": {
    short: "no new signatures in an interval that was settled long ago",
    long: "A reorg brought back an interval whose notes of what was signed are gone already. Rather than to risk a second signature for one turn, nothing is signed in it (S5).",
  },
  "second-instance": {
    short: "another process uses this keeper's key",
    long: "A fresh message signed with this keeper's own key came from another process. Two instances could sign two digests, so this one stops signing. Stop one of them, then restart the other.",
  },
  "not-a-member": {
    short: "this keeper has no seat in the committee",
    long: "The operator key is in neither the active nor the pending committee of the group, so there is nothing to do. Ask the group's payer for a seat, or take the group out of the configuration.",
  },
  "early-overflow": {
    short: "too many early messages of one keeper",
    long: "The sender's bounded buffer of early messages is full; the oldest was dropped. It can be pulled again.",
  },
  "message-stale": {
    short: "message of a past turn",
    long: "The round it belongs to is over. Ignored.",
  },
  "wrong-round": {
    short: "message names a wrong round",
    long: "ts, te, turn, leader or committee do not match this keeper's view of the chain (D4).",
  },
  "not-the-leader": {
    short: "only the turn's leader may send this",
    long: "The sender is not the leader of the turn (R17).",
  },
  "scope-mismatch": {
    short: "providers of the round differ",
    long: "The leader's list is not the list of providers active in the interval on chain (R17).",
  },
  "bad-announce-head": {
    short: "announcement names a head before its turn",
    long: "A leader announces when its view has reached te, so its head is at least te + confirmations (R17). The announcement is ignored.",
  },
  "announce-too-late": {
    short: "announcement heard too late to take part",
    long: "The announcement names head P and came after P + a, with a = ⌊turn/12⌋ blocks (R17). This keeper sends no commit in this turn and takes no share, but may still sign. If it happens with every leader, check this machine's network.",
  },
  "left-out": {
    short: "the closed set lacks this keeper",
    long: "The leader's closed set does not list this keeper's commit, so it reveals nothing and takes no share this time (R19). Keepers that had passed the commit on in time do not sign such a set. If it happens with every leader, check this machine's network.",
  },
  "keeper-left-out": {
    short: "the leader left out a keeper that was in time",
    long: "The closed set or the bundle omits a keeper whose commit or reveal this keeper had passed on in time. It signs nothing in this turn, so the next leader's turn comes (R19).",
  },
  "leader-contradicts-itself": {
    short: "the leader said two different things",
    long: "The leader signed two different announcements, closed sets, bundles or proposals in one turn. Both are kept as evidence, and nothing new is signed in this turn (R19).",
  },
  "bad-pages": {
    short: "pages of an exchange do not hold",
    long: "The pages that the leader's proposal names have the right hashes, but their records do not lead to the roots of the bundle or lack their receipts (R24). Nothing is signed in this turn.",
  },
  "message-surplus": {
    short: "more messages of one kind than are kept",
    long: "A keeper said more than two different things where one is due. Two are kept as evidence; the rest is dropped.",
  },
  "bad-closed-set": {
    short: "closed set does not hold",
    long: "Fewer than a quorum of commits, not ascending, or with a commit that differs from this keeper's own (R19).",
  },
  "close-too-late": {
    short: "closed set came at or after its audit block",
    long: "A keeper accepts a closed set only while its own head is below the audit block, else the leader could choose the audit (R19).",
  },
  "bad-audit-block": {
    short: "audit block outside its bounds",
    long: "The audit block must leave time for the reveal before the turn's last third (R19).",
  },
  "no-time-to-close": {
    short: "not enough commits in time",
    long: "No audit block fits any more before the turn's last third (R19). The turn lapses.",
  },
  "reveal-mismatch": {
    short: "reveal does not match its commit",
    long: "Values, records root or salt do not hash to the commitment, or the audited leaves do not lead to the records root (R21). Not counted.",
  },
  "reveal-bad-receipt": {
    short: "reveal with an invalid receipt",
    long: "An audited proven leaf has no valid receipt of its provider (R21). Not counted.",
  },
  "reveal-bad-proof": {
    short: "reveal whose full proof does not verify",
    long: "The full proof of the first drawn proven leaf fails (R21). Not counted.",
  },
  "piece-list-missing": {
    short: "full proof cannot be checked yet",
    long: "Neither the provider nor a keeper asked served the piece list behind a reveal's full proof. If the leader counts the reveal, the leader is asked for the list and the reveal is looked at again (R21, L3).",
  },
  "receipt-lost": {
    short: "own receipt or proof is missing",
    long: "The store no longer holds a receipt or proof that the audit asks for, so this keeper cannot reveal. Check the disk.",
  },
  "salt-lost": {
    short: "salt of the own commit is missing",
    long: "The store lacks the salt of a commit that this keeper sent, for example because an older copy of it was restored. The keeper cannot reveal in this turn (R18, R21).",
  },
  "values-changed": {
    short: "own records changed since the commit",
    long: "A reorg changed the records after this keeper committed in the turn. It cannot reveal; the next turn starts afresh.",
  },
  "bad-bundle": {
    short: "bundle does not hold",
    long: "Fewer than a quorum of reveals, or one that does not count in this keeper's own check (R22).",
  },
  "digest-mismatch": {
    short: "the leader's digest is not the one recomputed",
    long: "From the same bundle and records this keeper computes another settlement (R23). Not signed.",
  },
  "already-signed": {
    short: "another digest was signed in this turn",
    long: "A durable note says that this keeper already signed a different digest for (group, ts, turn). Never twice (R23).",
  },
  "bad-partial": {
    short: "partial signature does not verify",
    long: "Found by bisection after the aggregate failed. Left out.",
  },
  "exchange-incomplete": {
    short: "records not complete in time",
    long: "Fewer than a quorum of keepers served the records of a disputed provider in time; the median stands (R22).",
  },
  "records-refused": {
    short: "records of an exchange that do not hold",
    long: "What a keeper served does not lead to the root, is no full page, or comes with other receipts than those of the leaves. Another holder is asked (R24).",
  },
  equivocation: {
    short: "two different messages of one keeper for one round",
    long: "Both signed messages are kept as evidence. Nobody is slashed: there is no bond.",
  },
  // wire (D3–D6)
  "wire-oversized": {
    short: "message larger than its kind allows",
    long: "Refused before decoding (D3).",
  },
  "wire-malformed": {
    short: "message that does not decode",
    long: "Not the canonical encoding of a known message (D3).",
  },
  "wire-version": {
    short: "message of an unknown wire version",
    long: "The sender runs a version that this keeper does not understand. Update the older one.",
  },
  "wire-wrong-group": {
    short: "message for another group or chain",
    long: "Ignored (D4).",
  },
  "wire-not-a-member": {
    short: "sender is not a member",
    long: "The named index or committee version is unknown here (D4).",
  },
  "wire-stranger": {
    short: "a peer that no group names",
    long: "Its peer key is not the registered one of a keeper of any of the groups served here, so it is not talked to (D4). A flood of them is counted, and logged now and then. A keeper that has just moved is known from the next slot on.",
  },
  "peer-unproven": {
    short: "a peer that could not prove which keeper it is",
    long: "It is at the peer id that the registry names, but its statement is not signed by the operator or is not of the operator's present registration (R3). It is not believed, and asked again while it is connected. A keeper that has just registered is known from the next slot on.",
  },
  "wire-bad-signature": {
    short: "message signature does not match the keeper",
    long: "The operator key of the named keeper did not sign this (D4).",
  },
  "wire-flood": {
    short: "too many messages of one peer",
    long: "More than the allowed rate; the excess is dropped (D6).",
  },
  // chain
  "rpc-down": {
    short: "a chain endpoint does not answer, or answers with an error",
    long: "The next endpoint is asked; without one the keeper waits and resumes by itself. Check the endpoint, or add a second one.",
  },
  "group-unreadable": {
    short: "a group's state could not be read",
    long: "What is at the group's address does not answer like a group, or the endpoints fail or differ about it. It is read again with every block until it answers; the keeper's other groups go on. If it lasts, check the address in the configuration and the endpoints.",
  },
  "chain-stopped": {
    short: "the chain has stopped, or the way to it",
    long: "The newest block is older than the larger of 10 s and five times the 95th percentile of the last 100 block times. Nothing can be asked, signed or paid until blocks come again; then the keeper goes on by itself. Check the endpoints, and whether the chain makes blocks elsewhere.",
  },
  "rpc-lagging": {
    short: "an endpoint is behind the others and does not move",
    long: "Its head is more than four blocks below another's and has stood still for seconds (D7). It is not used until it moves. If that lasts, check the node behind it, or name another endpoint.",
  },
  "rpc-disagrees": {
    short: "endpoints contradict each other, or one contradicts itself",
    long: "At one height they name different blocks (D7), they tell a group's state at one block differently, or a block does not name the one before it as its parent. The majority is believed; if there is none the keeper waits, or keeps the state that it knew, as a wrong payment is worse than a late one. A third endpoint decides.",
  },
  "rpc-wrong-chain": {
    short: "the endpoint serves another chain",
    long: "The chain id differs from the configured one (D7). The endpoint is not used. Correct chain.id or chain.rpc.",
  },
  "fee-high": {
    short: "the settlement waits for a lower fee",
    long: "Sending it costs this leader more than its own share. It is sent two blocks before others may at the latest, if all keepers' shares together pay for it; if they do not, four blocks before the window closes or not at all (R25).",
  },
  "fee-above-share": {
    short: "the turn lapses: sending costs more than all keepers get",
    long: "Until four blocks before the window closed the fee was above the keepers' whole share of the interval, so this leader did not send. The next leader settles a longer interval. If it lasts, the group pays its keepers too little for this chain: a longer interval or a higher price would cover it (R25). Tell its payer.",
  },
  "fee-above-gain": {
    short: "not sent in the leader's place: the fee is above what it brings",
    long: "The leader has not sent, and the leader's share, which goes to whoever sends in its place, is below the fee (R25). If nobody sends, the turn lapses.",
  },
  "submit-failed": {
    short: "the settlement transaction failed",
    long: "The contract or the node refused it; the detail says which rule, expected and actual. Check the operator's coin: whitepay keeper check.",
  },
  // books
  "ledger-failed": {
    short: "the ledger could not be written",
    long: "Rows wait and are tried again; challenges and payments go on without it. Check the database and its disk.",
  },
  "ledger-overflow": {
    short: "rows of the ledger were given up",
    long: "The ledger failed for so long that its queue is full. What the chain tells is read again by itself; challenges of that time are missing from the figures. Check the database and its disk.",
  },
  "ledger-behind": {
    short: "the ledger could not follow the chain",
    long: "Settlements could not be read from the chain, or not written. The next pass tries again from where the last one ended.",
  },
} as const satisfies Record<string, Text>;

export type ReasonCode = keyof typeof reasons;

/**
 * Reasons that the operator of this keeper has to do something about: warnings in the log. All others are the business of somebody
 * else, or pass by themselves.
 */
export const needsAction: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "challenge-cut-off",
  "second-instance",
  "not-a-member",
  "receipt-lost",
  "wire-version",
  "rpc-down",
  "group-unreadable",
  "rpc-lagging",
  "rpc-disagrees",
  "rpc-wrong-chain",
  "chain-stopped",
  "data-unproven",
  "fee-above-share",
  "submit-failed",
  "ledger-failed",
  "ledger-overflow",
]);
