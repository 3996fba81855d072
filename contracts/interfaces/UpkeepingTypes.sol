// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Parameters of a group, fixed for its life (R4).
/// @param token ERC-20 token, or zero for the chain's own coin
/// @param price token units per GiB·block, at least 1
/// @param interval h, blocks
/// @param turn t, blocks
/// @param slot c, blocks
/// @param answer d, blocks a provider has to answer
/// @param confirmations blocks a keeper waits before it acts on a block
/// @param lockup blocks that stay funded after a terminate
/// @param keeperShareBps the committee's part of every amount, in 1/10000
/// @param toleranceBps maximum distance of revealed values, in 1/10000 (read by keepers only)
/// @param merkle false: settle item by item, at most 256 providers; true: one signed root per interval
struct Config {
    address token;
    uint96 price;
    uint32 interval;
    uint32 turn;
    uint32 slot;
    uint32 answer;
    uint32 confirmations;
    uint32 lockup;
    uint16 keeperShareBps;
    uint16 toleranceBps;
    bool merkle;
}

/// @notice Fixed parameters of a group.
struct Parameters {
    address payer;
    address registry;
    uint64 originBlock;
    Config config;
}

/// @notice Current state of a group.
/// @param settledThrough ts of the interval now open (R5)
/// @param committee version of the active committee
/// @param pendingCommittee version the payer proposed, or 0
/// @param rotatedCommittee version prepared by key rotations, or 0
/// @param listedProviders providers that are not closed: active, about to be, or removed and not settled yet
/// @param providerCount all indices ever given
/// @param terminatedAt block of the terminate, or 0
/// @param endBlock terminatedAt + lockup, or 0
/// @param ended nothing is settled any more
/// @param abandonments how often R34 was used
struct State {
    uint64 settledThrough;
    uint64 committee;
    uint64 pendingCommittee;
    uint64 rotatedCommittee;
    uint32 listedProviders;
    uint32 providerCount;
    uint64 terminatedAt;
    uint64 endBlock;
    bool ended;
    uint32 abandonments;
}

/// @notice One provider of a settlement (R27).
struct Item {
    uint32 provider;
    uint128 spaceTime;
}

/// @notice Settlement that a committee signs, item by item (R27).
/// @param ts start of the interval, equal to the group's `settledThrough`
/// @param te end of the interval, ts + h + (turn − 1)·t
/// @param committee version of the committee that signs
/// @param leader index of the turn's leader
/// @param failed bitmap of min(turn − 1, f) keepers that let a turn lapse
/// @param payees bitmap of keepers that take a share
/// @param items every provider active in [ts, te), strictly ascending, zeros included
struct Settlement {
    uint64 ts;
    uint64 te;
    uint64 committee;
    uint8 leader;
    uint256 failed;
    uint256 payees;
    Item[] items;
}

/// @notice Settlement that a committee signs in Merkle mode (R27).
/// @param root over leaves keccak256(keccak256(abi.encode(uint32 provider, uint256 cumulative space-time))), sorted
///        pairs
/// @param totalSpaceTime space-time of all providers in this interval
struct SettlementRoot {
    uint64 ts;
    uint64 te;
    uint64 committee;
    uint8 leader;
    uint256 failed;
    uint256 payees;
    bytes32 root;
    uint256 totalSpaceTime;
}

/// @notice A committee version.
/// @param version as signed in settlements; 1 is the first
/// @param proposedAt block in which it was put together
/// @param readyAt block of the last member's consent, 0 while one is missing
/// @param effectiveFrom block of the transaction in which it took effect, 0 if it has not
/// @param retiredAt block in which another version took its place, 0 if none has
/// @param seed committeeSeed: hash of the block before effectiveFrom (R5)
/// @param keysBlob contract whose code is 00 ‖ negated sum (192) ‖ n keys (192 each) ‖ n operators (20 each); above 115
///        members the operators are in a second such contract (00 ‖ n × 20), whose address (20) stands in their place.
///        For a first committee of at most 112 members it is the group itself, with the same data from byte 141 of its
///        code on
/// @param accepted bitmap of members that consented (all of them for version 1)
/// @param operators in contract order: a keeper's index is its place here
struct Committee {
    uint64 version;
    uint64 proposedAt;
    uint64 readyAt;
    uint64 effectiveFrom;
    uint64 retiredAt;
    bytes32 seed;
    address keysBlob;
    uint256 accepted;
    address[] operators;
}

/// @notice A member of a committee version, with the key it signs with in that version.
struct Member {
    address operator;
    address payee;
    bytes blsKey;
}

/// @notice Money of a keeper in one committee version.
/// @param earned everything ever credited
/// @param withdrawn everything ever paid out
struct KeeperAccount {
    uint8 index;
    address operator;
    address payee;
    uint256 earned;
    uint256 withdrawn;
}

/// @notice A provider of the group.
/// @param activeFrom first block it is committed to
/// @param removedAt first block it is no longer committed to, 0 if it was not removed
/// @param closed removed, and settled through removedAt
/// @param bytesNow bytes committed at the block of the call
/// @param firstCheckpoint first index of `dataHistory` that still matters: in force at `settledThrough`, or the first
///        of all
/// @param checkpointCount length of its data history
/// @param sequence highest consent number used; the next consent must carry one more
/// @param credited everything ever credited; of abandoned intervals, those it has been touched since
/// @param withdrawn everything ever paid out
/// @param arrears owed, and not covered by the escrow when it was settled
struct Provider {
    uint32 index;
    address operator;
    address payee;
    uint64 activeFrom;
    uint64 removedAt;
    bool closed;
    uint64 bytesNow;
    uint32 firstCheckpoint;
    uint32 checkpointCount;
    uint64 sequence;
    uint256 credited;
    uint256 withdrawn;
    uint256 arrears;
}

/// @notice A provider's data from a slot boundary on (R33).
/// @param fromBlock slot boundary
/// @param size total bytes; 0 after a removal
/// @param root list root (R10)
/// @param receiptKey address of the key that signs receipts
/// @param sequence number of the consent behind it
struct DataCheckpoint {
    uint64 fromBlock;
    uint64 size;
    bytes32 root;
    address receiptKey;
    uint64 sequence;
}

/// @notice The money of the group; deposited = paidOut + balance, balance = unallocated + credits.
/// @param deposited everything that ever came in
/// @param paidOut everything that ever went out
/// @param balance what the group holds on its books
/// @param unallocated belongs to the payer, as far as it is not reserved
/// @param credits belongs to keepers and providers
/// @param arrears owed to providers beyond what was there when they were settled
/// @param reserve what unsettled intervals and the lockup may still cost, rounded up (R32); with the arrears it is what
///        is required
/// @param withdrawable max(0, unallocated − arrears − reserve)
struct Escrow {
    uint256 deposited;
    uint256 paidOut;
    uint256 balance;
    uint256 unallocated;
    uint256 credits;
    uint256 arrears;
    uint256 reserve;
    uint256 withdrawable;
}

/// @notice A settled interval [ts, te) and the turn that settled it.
struct PastSettlement {
    uint64 ts;
    uint64 te;
    uint32 turn;
}

/// @notice Funded roots of a Merkle group: all through `fundedTe` are funded in full, those from there through `partTe`
///         in the ratio paid / due. While nothing is owed, both are the latest root.
struct ClaimableRoots {
    bytes32 fundedRoot;
    uint64 fundedTe;
    bytes32 partRoot;
    uint64 partTe;
    uint256 paid;
    uint256 due;
}

/// @notice Expected credit of a provider. The last three are estimates; the committee's settlement decides.
/// @param credit may be withdrawn now
/// @param arrears owed since a settlement for which the escrow was short
/// @param abandoned for abandoned intervals, credited when it is touched; never more than this
/// @param running for the interval now open, at the rate of its last settlement, less the keepers' cut; 0 if it had
///        none
/// @param runningMost the same if it proves all it has committed
struct ProviderOutlook {
    uint32 index;
    uint256 credit;
    uint256 arrears;
    uint256 abandoned;
    uint256 running;
    uint256 runningMost;
}
