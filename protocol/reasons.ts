/** All reasons for a skip, a refusal or a miss: one code, a short and a long text. */

type Text = { readonly short: string; readonly long: string };

export const reasons = {
  // challenge and record
  "challenge-late-start": {
    short: "challenge skipped: too late in the slot",
    long: "The keeper saw the slot's first block, or had its seed, after the last block at which a challenge leaves time for the answer. The slot has no record and carries the bytes of the slot before (R8, R14).",
  },
  "slots-missed": {
    short: "whole slots missed",
    long: "The keeper saw no block of these slots in time for a challenge, for instance during an outage of its chain endpoint. The slots have no record and carry the bytes of the slot before (R14).",
  },
  "challenge-unreachable": {
    short: "provider unreachable",
    long: "The provider could not be reached or sent no answer, while others could be reached. Recorded as failed (R13). Check the provider's address in the registry and its firewall.",
  },
  "challenge-cut-off": {
    short: "this keeper was cut off",
    long: "No answer came, and in the slot neither another provider nor a quorum of keepers could be reached. So this keeper was cut off: the slot has no record and the provider loses nothing (R13). Check this machine's network.",
  },
  "challenge-late": {
    short: "answer too late",
    long: "The answer was not verified by head = challenge block + `answer`. Recorded as failed (R13).",
  },
  "challenge-refused": {
    short: "provider refused the challenge",
    long: "The provider answered with a refusal. Recorded as failed (R13). The provider's log names the cause.",
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
    long: "In the last 4 recorded slots the provider proved only a part of its committed bytes, or none. It is paid for the bytes that it proves (R14). Reported when this begins and when the part becomes 0; a log line reports when all bytes are proven again. Tell the provider's operator and the payer.",
  },
  "answer-unexpected": {
    short: "answer without an open challenge",
    long: "The slot of the answer already has a record, or the provider was not challenged in it. Ignored.",
  },
  "record-not-canonical": {
    short: "record for a block that a reorg removed",
    long: "The slot's first block is no longer canonical, so the slot has no record (R13).",
  },
  // agreement
  "turn-missed": {
    short: "a turn lapsed without a settlement",
    long: "The leader of the turn did not settle inside its window. It takes no share of this interval; the next keeper in turn order leads (R7).",
  },
  "barred-after-start": {
    short: "after its start the keeper signs nothing new in this turn",
    long: "After a start a keeper signs new digests only in turns whose te is above every head that it may have seen before the start (R23). It signs again from the next turn on.",
  },
  "listening-after-start": {
    short: "waiting for f+1 peers to confirm that no second instance runs",
    long: "After a start a keeper asks f+1 other keepers for hellos of another process with its key (D9). It signs as soon as they have answered without one.",
  },
  "barred-after-reorg": {
    short: "the keeper signs nothing new in an interval whose notes are deleted",
    long: "A reorg restored an interval for which the notes of signed digests are deleted already. The keeper signs nothing new in it, so that it cannot sign a second digest for one turn (S5).",
  },
  "second-instance": {
    short: "another process uses this keeper's key",
    long: "Another process sent a new message with this keeper's key. Two instances could sign two digests, so this one stops signing. Stop one of them, then restart the other.",
  },
  "not-a-member": {
    short: "this keeper has no seat in the committee",
    long: "The operator key is in neither the active nor the pending committee of the group, so the keeper has no task there. Ask the group's payer for a seat, or remove the group from the configuration.",
  },
  "consented-alone": {
    short: "consented to the replacement of members that resigned",
    long: "The daemon consented to a proposed version by itself: it replaces only members that resigned, its new members have consented, and at most f members were replaced since the operator last approved a version (R37). `policy.replaceResigned: false` switches this off.",
  },
  "consent-withheld": {
    short: "a proposed version waits for the operator",
    long: "A version was proposed to which the daemon does not consent by itself; the detail says why (R37). Check the proposal: `whitepay committee accept COMMITTEE --version N` consents.",
  },
  "early-overflow": {
    short: "too many early messages of one keeper",
    long: "The bounded buffer for early messages of this sender is full and the oldest message was dropped. The keeper can ask for it again.",
  },
  "message-stale": {
    short: "message of a past turn",
    long: "The round of the message is over. Ignored.",
  },
  "wrong-round": {
    short: "message with a wrong round key",
    long: "ts, te, turn, leader or committee do not match this keeper's view of the chain (D4).",
  },
  "not-the-leader": {
    short: "only the turn's leader may send this",
    long: "The sender is not the leader of the turn (R17).",
  },
  "scope-mismatch": {
    short: "announced providers differ from those on chain",
    long: "The leader's list is not the list of providers active in the interval on chain (R17).",
  },
  "bad-announce-head": {
    short: "announcement with a head before its turn",
    long: "A leader announces when its view has reached te, so its head is at least te + confirmations (R17). The announcement is ignored.",
  },
  "announce-too-late": {
    short: "announcement received too late to take part",
    long: "The announcement names head P and arrived after P + a, with a = ⌊turn/12⌋ blocks (R17). This keeper sends no commit in this turn and gets no share, but it may still sign. If this happens with every leader, check this machine's network.",
  },
  "left-out": {
    short: "the closed set lacks this keeper",
    long: "The leader's closed set does not list this keeper's commit, so this keeper reveals nothing and gets no share of this interval (R19). Keepers that had passed on the commit in time do not sign. If this happens with every leader, check this machine's network.",
  },
  "keeper-left-out": {
    short: "the leader omitted a keeper that was in time",
    long: "The closed set or the bundle omits a keeper whose commit or reveal this keeper had passed on in time. This keeper signs nothing in this turn; the next leader follows (R19).",
  },
  "leader-contradicts-itself": {
    short: "the leader signed two contradicting messages",
    long: "The leader signed two different announcements, closed sets, bundles or proposals in one turn. Both are kept as evidence, and nothing new is signed in this turn (R19).",
  },
  "bad-pages": {
    short: "invalid pages in an exchange",
    long: "The pages in the leader's proposal have the right hashes, but their records do not match the roots of the bundle or lack their receipts (R24). This keeper signs nothing in this turn.",
  },
  "message-surplus": {
    short: "more messages of one kind than are kept",
    long: "A keeper sent more than two different messages where one is due. Two are kept as evidence, the others are dropped.",
  },
  "bad-closed-set": {
    short: "invalid closed set",
    long: "Fewer than a quorum of commits, not ascending, or with a commit that differs from this keeper's own (R19).",
  },
  "close-too-late": {
    short: "closed set came at or after its audit block",
    long: "A keeper accepts a closed set only while its own head is below the audit block. Otherwise the leader could choose the audit (R19).",
  },
  "bad-audit-block": {
    short: "audit block outside its bounds",
    long: "The audit block must leave time for the reveal before the turn's last third (R19).",
  },
  "no-time-to-close": {
    short: "not enough commits in time",
    long: "The commits of a quorum came too late for an audit block before the turn's last third (R19). The turn lapses.",
  },
  "reveal-mismatch": {
    short: "reveal does not match its commit",
    long: "Values, records root or salt do not hash to the commitment, or the audited leaves do not match the records root (R21). Not counted.",
  },
  "reveal-bad-receipt": {
    short: "reveal with an invalid receipt",
    long: "An audited proven leaf has no valid receipt of its provider (R21). Not counted.",
  },
  "reveal-bad-proof": {
    short: "reveal with an invalid full proof",
    long: "The full proof of the first drawn proven leaf does not verify (R21). Not counted.",
  },
  "piece-list-missing": {
    short: "full proof cannot be checked yet",
    long: "Neither the provider nor another keeper served the piece list for the full proof of a reveal. This keeper asks again with every block, the leader too, and then checks the reveal (R21, L3).",
  },
  "receipt-lost": {
    short: "own receipt or proof is missing",
    long: "The audit asks for a receipt or proof that the store no longer holds, so this keeper cannot reveal. Check the disk.",
  },
  "salt-lost": {
    short: "salt of the own commit is missing",
    long: "The store lacks the salt of a commit that this keeper sent, for example because an older copy of it was restored. The keeper cannot reveal in this turn (R18, R21).",
  },
  "values-changed": {
    short: "own records changed since the commit",
    long: "A reorg changed the records after this keeper committed in the turn. It cannot reveal in this turn and takes part again in the next one.",
  },
  "bad-bundle": {
    short: "invalid bundle",
    long: "Fewer than a quorum of reveals, or one that does not count in this keeper's own check (R22).",
  },
  "digest-mismatch": {
    short: "the leader's digest differs from the computed one",
    long: "From the same bundle and records this keeper computes another settlement (R23). Not signed.",
  },
  "already-signed": {
    short: "another digest was signed in this turn",
    long: "The store has a note of a different digest that this keeper signed for (group, ts, turn). It never signs two (R23).",
  },
  "bad-partial": {
    short: "partial signature does not verify",
    long: "Found by bisection after the aggregate did not verify. Left out.",
  },
  "exchange-incomplete": {
    short: "records of a disputed provider incomplete",
    long: "Fewer than a quorum of keepers served the records of a disputed provider in time. Its value is the median (R22, R24).",
  },
  "records-refused": {
    short: "invalid records in an exchange",
    long: "The served records do not match the root, are not a full page, or have other receipts than those of the leaves. They are not used (R24).",
  },
  equivocation: {
    short: "two different messages of one keeper for one round",
    long: "Both signed messages are kept as evidence. Nobody is slashed: there is no bond.",
  },
  // wire (D3–D6)
  "wire-oversized": {
    short: "message larger than the limit of its kind",
    long: "Refused before decoding (D3).",
  },
  "wire-malformed": {
    short: "message cannot be decoded",
    long: "Not the canonical encoding of a known message (D3).",
  },
  "wire-version": {
    short: "message with an unknown wire version",
    long: "The sender runs a version that this keeper does not understand. Update the older one.",
  },
  "wire-wrong-committee": {
    short: "message for another committee or chain",
    long: "Ignored (D4).",
  },
  "wire-not-a-member": {
    short: "sender is not a member",
    long: "The named index or committee version is unknown here (D4).",
  },
  "wire-stranger": {
    short: "unknown peer",
    long: "Its peer key is not registered for a keeper of any group served here, so the connection is refused (D4). In a flood these refusals are counted and logged at intervals. A keeper that has just changed its peer key is known from the next slot on.",
  },
  "peer-unproven": {
    short: "a peer did not prove its keeper identity",
    long: "The registry names its peer id, but its statement is not signed by the operator or is not of the operator's present registration (R3). The peer is not accepted as a keeper; the proof is repeated while it is connected. A keeper that has just registered is known from the next slot on.",
  },
  "wire-bad-signature": {
    short: "message signature does not match the keeper",
    long: "The operator key of the named keeper did not sign this (D4).",
  },
  "wire-flood": {
    short: "too many messages of one peer",
    long: "The peer or author exceeds its allowed rate; the excess is dropped (D6).",
  },
  // chain
  "rpc-down": {
    short: "a chain endpoint does not answer or returns an error",
    long: "The keeper asks the next endpoint. Without another one it waits and resumes by itself. Check the endpoint, or add a second one.",
  },
  "group-unreadable": {
    short: "a group's state could not be read",
    long: "The contract at the group's address does not answer like a group, or the endpoints fail or contradict each other. The keeper reads the group again with every block; its other groups are not affected. If this lasts, check the address in the configuration and the endpoints.",
  },
  "chain-stopped": {
    short: "the chain has stopped, or no endpoint shows new blocks",
    long: "The newest block is older than the larger of 10 s and five times the 95th percentile of the last 100 block times. Until new blocks arrive the keeper can neither challenge nor sign nor submit; then it resumes by itself. Check the endpoints, and check elsewhere whether the chain produces blocks.",
  },
  "rpc-lagging": {
    short: "an endpoint lags behind the others",
    long: "Its head is more than four blocks below that of another endpoint and has not moved for seconds (D7). It is not used until it moves. If this lasts, check its node, or configure another endpoint.",
  },
  "rpc-disagrees": {
    short: "endpoints contradict each other, or one endpoint itself",
    long: "They return different blocks for one height (D7), different states of a group at one block, or a block whose parent hash is not the hash of the block before. The keeper uses the answer of the majority. Without a majority it waits or keeps the last known state, because a wrong payment is worse than a late one. A third endpoint decides.",
  },
  "rpc-wrong-chain": {
    short: "the endpoint serves another chain",
    long: "The chain id differs from the configured one (D7). The endpoint is not used. Correct chain.id or chain.rpc.",
  },
  "fee-high": {
    short: "the settlement waits for a lower fee",
    long: "The fee is above this leader's own share. The leader submits at the latest two blocks before others may, if the shares of all keepers together cover the fee. If they do not, it waits for a lower fee until four blocks before the window closes (R25).",
  },
  "fee-above-share": {
    short: "the turn lapses: the keepers' share does not cover the gas",
    long: "Until four blocks before the window closed the fee was above the share of all keepers, so this leader did not submit. The next leader settles a longer interval. If this lasts, the group pays its keepers too little for this chain; a longer interval or a higher price covers the fee (R25). Tell the group's payer.",
  },
  "fee-above-gain": {
    short: "not submitted in the leader's place: the fee is above the gain",
    long: "The leader has not submitted. A keeper that submits in its place gets the leader's share, which is below the fee (R25). If no keeper submits, the turn lapses.",
  },
  "submit-failed": {
    short: "the settlement transaction failed",
    long: "The contract or the node refused it; the detail names the rule, the expected and the actual value. Check the operator's coin balance: whitepay keeper check.",
  },
  // machine
  "disk-low": {
    short: "the disk of the data folder is nearly full",
    long: "Less than 2 GiB are free. A keeper that cannot store a digest does not sign it (R23), and it ends when its disk is full. Free some space, or move the data folder to a larger disk.",
  },
  // books
  "ledger-failed": {
    short: "the ledger could not be written",
    long: "Its rows wait and are written later; challenges and payments are not affected. Check the database and its disk.",
  },
  "ledger-overflow": {
    short: "rows for the ledger were dropped",
    long: "The ledger failed for so long that its queue is full. Settlements are read again from the chain; the challenges of that time are missing from the figures. Check the database and its disk.",
  },
  "ledger-behind": {
    short: "the ledger could not follow the chain",
    long: "Settlements could not be read from the chain or not be written. The next pass continues where the last one ended.",
  },
} as const satisfies Record<string, Text>;

export type ReasonCode = keyof typeof reasons;

/**
 * Reasons that require action of this keeper's operator; they are warnings in the log. The others require action of somebody else, or
 * end by themselves.
 */
export const needsAction: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  "challenge-cut-off",
  "second-instance",
  "not-a-member",
  "consent-withheld",
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
  "disk-low",
  "ledger-failed",
  "ledger-overflow",
]);
