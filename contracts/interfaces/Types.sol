// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// What a committee signs (R27)

/// @notice The head word of a group's leaf: items(16) ‖ number(32) ‖ group(160), in the lower 208 bits (R27).
type LeafHead is uint256;

/// @notice One provider of a leaf: provider(32) ‖ spaceTime(128), in the lower 160 bits (R27). Higher bits are refused.
type Item is uint256;

/// @notice Certificate that a committee signs (R27).
/// @param ts start of the interval, equal to the committee's `certifiedThrough`
/// @param te end of the interval, ts + h + (turn − 1)·t
/// @param version version of the members that sign
/// @param leader index of the turn's leader
/// @param failed bitmap of min(turn − 1, f) members that let a turn of this interval lapse
/// @param payees bitmap of members that take a share; may be 0
/// @param count groups in scope
/// @param groups root over the leaves of these groups, in the order of their numbers; 0 if count is 0
struct Certificate {
    uint64 ts;
    uint64 te;
    uint64 version;
    uint8 leader;
    uint256 failed;
    uint256 payees;
    uint32 count;
    bytes32 groups;
}

// What a committee passes to a group (R29)

/// @notice Interval of a certificate, as the committee passes it to a group:
///         number(32) ‖ version(32) ‖ versionFrom(40) ‖ certifiedThrough(40) ‖ ts(40) ‖ te(40), in the lower 224 bits.
///         `number` is the group's in the leaf, `version` are the members that signed this certificate, `versionFrom`
///         is ts if they took effect at ts, else an earlier block,
///         `certifiedThrough` the te of the committee's latest certificate at the time of the call.
type Period is uint256;

/// @notice How the keepers' part is divided: sender(8) ‖ paid(8) ‖ divisor(8) ‖ n(8) ‖ unpaid(124), in the lower 156
///         bits. `paid` = number of payees, `divisor` = n − |failed|. `unpaid` is the bitmap of members that get no
///         ordinary share: all that are no payees, and the leader if another member takes its share (R25). `sender` is
///         the index of that member, `NO_SENDER` = 255 if the leader keeps its share.
type Payout is uint256;

// What a group tells (R35)

/// @notice Interval that a group settled: version(32) ‖ from(40) ‖ through(40) ‖ sender(8) ‖ unpaid(124), in the lower
///         244 bits; `sender` and `unpaid` as in `Payout`.
type SettledInterval is uint256;

/// @notice What the keepers earned of it: divisor(8) ‖ cut(96) ‖ fee(96), in the lower 200 bits. Each member that is
///         not in `unpaid` got ⌊(cut + fee) / divisor⌋, and the `sender` as much again.
type KeepersPart is uint256;

/// @notice What a provider got of it: provider(32) ‖ spaceTime(128) ‖ amount(96). `spaceTime` is what was paid for,
///         min(signed, committed) (R16); `amount` what was credited for it, after the keepers' cut. Arrears that were
///         paid in the same settlement are not in it, see `ArrearsPaid`.
type ProviderPart is uint256;

// Committees

/// @notice Fixed for a committee's life (R4).
/// @param interval h, blocks
/// @param turn t, blocks
/// @param slot c, blocks
/// @param answer d, blocks that a provider has to answer
/// @param confirmations blocks that a keeper waits before it acts on a block
/// @param toleranceBps maximum distance of revealed values, in 1/10000 (read by keepers only)
struct Rhythm {
    uint32 interval;
    uint32 turn;
    uint32 slot;
    uint32 answer;
    uint32 confirmations;
    uint16 toleranceBps;
}

/// @notice What a group must meet to enter (R38); every member consents to it.
/// @param token the one token that the committee is paid in; zero: the chain's own coin
/// @param leastKeeperFee least `keeperFee` of a group; above 0 in an open committee
/// @param leastKeeperShareBps least `keeperShareBps` of a group
/// @param mostProviders most providers that all groups together may reserve
/// @param open true: any group that meets the terms enters; false: the convener lets each one in
struct Terms {
    address token;
    uint96 leastKeeperFee;
    uint16 leastKeeperShareBps;
    uint32 mostProviders;
    bool open;
}

/// @notice A version of a committee's members.
/// @param version 1 is the first
/// @param base version with which the members took effect on whose seats it was proposed, key rotations not counted; 0
///        for the first
/// @param proposer who proposed it
/// @param completedAt block of the last consent that it needed, 0 while one is missing
/// @param effectiveFrom te of the certificate with which it took effect; the origin for the first; 0 if it has not
/// @param retiredFrom te of the certificate with which another took its place, 0 if none has
/// @param seed committeeSeed (R5)
/// @param consented bitmap of its seats whose operators consented
/// @param keysBlob contract with the members' keys and operators: a code blob, or the committee itself for version 1
struct Version {
    uint64 version;
    uint64 base;
    address proposer;
    uint64 completedAt;
    uint64 effectiveFrom;
    uint64 retiredFrom;
    bytes32 seed;
    uint256 consented;
    address keysBlob;
}

/// @notice A group in a committee (R38). Its blocks are [entered, left).
/// @param group its address
/// @param ceiling providers that it reserved
/// @param entered its first block, a slot boundary of the committee
/// @param left the first block that it does not serve any more, 0 while it is not known
struct Membership {
    address group;
    uint16 ceiling;
    uint64 entered;
    uint64 left;
}

/// @notice What a committee checks when a group asks to enter (R4, R38).
/// @param payer of the group: a closed committee's convener need not let in a group of its own
struct GroupTerms {
    address payer;
    address token;
    uint96 keeperFee;
    uint16 keeperShareBps;
    uint32 lockup;
}

/// @notice A consent to be a member, as a signature.
/// @param deadline last block in which it counts
/// @param signature of the operator: EOA (65 bytes) or ERC-1271; empty: this member consents later
struct Consent {
    uint64 deadline;
    bytes signature;
}

// Groups

/// @notice Fixed for a group's life (R4).
/// @param token ERC-20 token, or zero for the chain's own coin
/// @param lockup blocks that stay funded
/// @param keeperShareBps the committee's part of every amount, in 1/10000
/// @param keeperFee token units per reserved provider and 65,536 blocks; may be 0
struct GroupConfig {
    address token;
    uint32 lockup;
    uint16 keeperShareBps;
    uint96 keeperFee;
}

/// @notice A group's service by one committee.
/// @param committee zero: none
/// @param number of the group in that committee
/// @param ceiling providers reserved there
/// @param from first block
struct Service {
    address committee;
    uint32 number;
    uint16 ceiling;
    uint64 from;
}

/// @notice Current state of a group.
/// @param settledThrough every block before it is settled, credited, or had no provider
/// @param service by the present committee
/// @param next by the committee that begins at `next.from` (R38), committee zero if there is none
/// @param left block at which the present service ends by a move, a release or a terminate; 0 if none is scheduled
/// @param endBlock first block after a terminate in which nothing is committed any more; 0 if not terminated
/// @param ended terminated, and settled through endBlock
/// @param listed providers that are not closed
/// @param providerCount all indices ever given
/// @param movedAt a block not before the one in which settledThrough last moved, if a later certificate was there
///        already, as it may be after a move; else 0 (R34 b)
/// @param arrearsSince block since which something is owed without a break, 0 if nothing is
struct GroupState {
    uint64 settledThrough;
    Service service;
    Service next;
    uint64 left;
    uint64 endBlock;
    bool ended;
    uint16 listed;
    uint32 providerCount;
    uint64 movedAt;
    uint64 arrearsSince;
}

/// @notice The money of a group: deposited = paidOut + available + credits, credits those of providers and keepers.
/// @param deposited everything that ever came in
/// @param paidOut everything that ever went out
/// @param available booked balance − credits; it belongs to the payer as far as it is not required (R32)
/// @param providerArrears owed to providers, net
/// @param keeperArrears owed to members of committee versions
/// @param required R32, arrears included; after the end the arrears alone
struct Escrow {
    uint96 deposited;
    uint96 paidOut;
    uint96 available;
    uint128 providerArrears;
    uint128 keeperArrears;
    uint256 required;
}

/// @notice A provider's data from a block on (R33).
/// @param from first block; a slot boundary if a committee served that block
/// @param size bytes; 0: it has left
/// @param price token units per 2^64 byte·blocks
/// @param root list root (R10)
/// @param receiptKey address of the key that signs receipts
/// @param sequence number of the consent behind it
/// @param spaceTime Σ bytes × blocks that it committed before `from`
/// @param value Σ bytes × price × blocks that it committed before `from`
struct DataChange {
    uint64 from;
    uint64 size;
    uint80 price;
    bytes32 root;
    address receiptKey;
    uint64 sequence;
    uint128 spaceTime;
    uint192 value;
}

/// @notice A provider of a group.
/// @param closed it has left and is settled through its last block
/// @param activeFrom first block that it is committed to
/// @param leavesAt first block that it is not committed to any more; 0 if nobody gave notice
/// @param noticeByPayer the payer gave notice
/// @param noticeByProvider the provider gave notice
/// @param credit it may withdraw this
/// @param arrears owed to it beyond that, net of the keepers' cut
/// @param paidSpaceTime p of R34: paid in its last settled interval; 1 if it had none
/// @param committedSpaceTime k of R34: committed in its last settled interval; 1 if it had none
/// @param unsettledChanges changes from settledThrough on, at most 16 and its leaving (R33)
struct ProviderState {
    address operator;
    bool closed;
    uint64 activeFrom;
    uint64 leavesAt;
    bool noticeByPayer;
    bool noticeByProvider;
    uint96 credit;
    uint96 arrears;
    uint128 paidSpaceTime;
    uint128 committedSpaceTime;
    uint8 unsettledChanges;
}

/// @notice Terms of a provider's consent (R33).
/// @param root list root (R10), not zero
/// @param size total bytes, 1 to 2^56 − 1
/// @param price token units per 2^64 byte·blocks, 0 to 2^80 − 1
/// @param receiptKey address of the key that signs receipts, not zero
/// @param sequence one more than the last that the operator used in this group
/// @param deadline last block in which the consent may be used
struct DataTerms {
    bytes32 root;
    uint64 size;
    uint80 price;
    address receiptKey;
    uint64 sequence;
    uint64 deadline;
}

/// @notice A keeper's account in a group, for one version of one committee.
struct KeeperClaim {
    address group;
    address committee;
    uint32 version;
    uint8 index;
}

/// @notice A provider's account in a group.
struct ProviderClaim {
    address group;
    uint32 provider;
}
