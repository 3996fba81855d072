// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Settlement, SettlementRoot} from "./UpkeepingTypes.sol";

/// @title Settling an interval (R27–R30)
interface IUpkeepingSettlement {
    /// @notice An interval was settled. The items are in the transaction's input; what the contract pays for each is
    ///         ⌊spaceTime × price / 2^30⌋ unless `Capped` or `Shortfall` says otherwise.
    event Settled(
        uint64 indexed ts,
        uint64 te,
        uint8 leader,
        uint256 failed,
        uint256 payees,
        uint256 signers,
        bytes32 digest
    );
    /// @notice More was signed than the provider had committed: it is paid for `committed` (R16).
    event Capped(uint64 indexed ts, uint32 indexed provider, uint256 signed, uint256 committed);
    /// @notice The escrow held only `available` of the `due` amounts: all were scaled by available / due (R32).
    event Shortfall(uint64 indexed ts, uint256 due, uint256 available);
    /// @notice Old arrears of a provider were part of this settlement's amounts, and this is what remains in arrears.
    event ArrearsChanged(uint32 indexed provider, uint256 before, uint256 afterwards);
    /// @notice The same for what the provider was owed for abandoned blocks, of which keepers have no cut (R34).
    event AbandonArrearsChanged(uint32 indexed provider, uint256 before, uint256 afterwards);
    /// @notice Another keeper than the leader sent the settlement and took the leader's share in its place (R25).
    event LeaderReplaced(uint64 indexed ts, uint8 leader, uint8 sender, uint256 share);
    /// @notice In Merkle mode, what the interval's root is worth to all providers together, and to each payee.
    event RootSettled(uint64 indexed te, bytes32 root, uint256 spaceTime, uint256 toProviders, uint256 share);
    /// @notice A provider was credited from a root.
    event Claimed(uint32 indexed provider, uint64 te, uint256 spaceTime, uint256 amount);
    /// @notice In Merkle mode, after the end: arrears of the roots were covered by money that came in since; each
    ///         member of the last committee got `share` of the cut.
    event PoolFunded(uint256 toProviders, uint256 share);
    /// @notice In Merkle mode, after the end: all providers have claimed; the rounding remainder returns to the payer.
    event PoolReturned(uint256 amount);
    /// @notice A removed provider was settled through its last block; it takes no further part.
    event ProviderClosed(uint32 indexed provider, uint64 te);

    /// @notice The settlement does not start where the last one ended.
    error Upkeeping_StaleStart(uint64 expected, uint64 actual);
    /// @notice te is not ts + h + k·t; `expected` is the nearest valid te at or below it, or ts + h.
    error Upkeeping_WrongEnd(uint64 expected, uint64 actual);
    /// @notice The turn's window has not begun.
    error Upkeeping_TooEarly(uint256 expectedFrom, uint256 actual);
    /// @notice The turn's window is over.
    error Upkeeping_TooLate(uint256 expectedBefore, uint256 actual);
    /// @notice Signed by another committee than the one in force.
    error Upkeeping_WrongCommittee(uint64 expected, uint64 actual);
    /// @notice There is no such leader index.
    error Upkeeping_NoSuchLeader(uint256 expectedBelow, uint256 actual);
    /// @notice The leader is among the failed.
    error Upkeeping_LeaderFailed(uint8 leader);
    /// @notice A bitmap has bits beyond the committee.
    error Upkeeping_BitmapOutOfRange(uint256 expectedBelow, uint256 actual);
    /// @notice Fewer signers than a quorum.
    error Upkeeping_TooFewSigners(uint256 expected, uint256 actual);
    /// @notice The number of failed keepers does not fit the turn.
    error Upkeeping_WrongFailedCount(uint256 expected, uint256 actual);
    /// @notice A failed keeper is named a payee; `overlap` is the bitmap of those.
    error Upkeeping_FailedPayee(uint256 expected, uint256 overlap);
    /// @notice Only the leader's operator may send it yet.
    error Upkeeping_NotLeader(address expected, address actual);
    /// @notice The sender is not an operator of the committee.
    error Upkeeping_NotMember(address actual);
    /// @notice Not one item for each provider active in the interval.
    error Upkeeping_WrongItemCount(uint256 expected, uint256 actual);
    /// @notice Items are not strictly ascending by provider.
    error Upkeeping_ItemsNotAscending(uint256 expectedAbove, uint256 actual);
    /// @notice An item's provider is above 2^32 − 1 or its space-time above 2^128 − 1.
    error Upkeeping_ItemOutOfRange(uint256 provider, uint256 spaceTime);
    /// @notice The provider of an item is not active in the interval.
    error Upkeeping_ProviderNotActive(uint32 provider);
    /// @notice A signature of the wrong size.
    error Upkeeping_BadSignatureLength(uint256 expected, uint256 actual);
    /// @notice The signature is the point at infinity.
    error Upkeeping_Infinity();
    /// @notice The signature is not of these signers over this digest, or it is not a point of the subgroup.
    error Upkeeping_BadSignature(bytes32 digest, uint256 signers);
    /// @notice The group settles in the other mode (items or Merkle).
    error Upkeeping_WrongMode(bool expectedMerkle, bool actualMerkle);
    /// @notice The group has ended: nothing is left to settle.
    error Upkeeping_Ended(uint64 endBlock, uint64 settledThrough);
    /// @notice The proof does not lead to a root that can be claimed under; `expected` is the latest.
    error Upkeeping_BadMerkleProof(bytes32 expected, bytes32 actual);
    /// @notice The provider has too many abandoned intervals to go through; call `touch` first.
    error Upkeeping_TouchFirst(uint32 provider);
    /// @notice There is no root yet.
    error Upkeeping_NoRoot();

    /// @notice Settles the interval [ts, te) item by item (R29). Money is credited only; no transfer is made.
    /// @param settlement settlement that the committee signed
    /// @param signers bitmap of ≥ 2f+1 keepers whose signatures are in the aggregate
    /// @param signature aggregate signature, G1 point of 128 bytes, over `settlementDigest(settlement)` with the tag
    ///        `BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_`
    function settle(Settlement calldata settlement, uint256 signers, bytes calldata signature) external;

    /// @notice Settles the interval in Merkle mode: the same rules, one root for all providers.
    function settleRoot(SettlementRoot calldata settlement, uint256 signers, bytes calldata signature) external;

    /// @notice Credits a provider with all it is due under the latest root; anyone may call it. While the escrow owes
    ///         for roots, `claimableRoots` says for which ones there is money.
    /// @param provider index
    /// @param cumulativeSpaceTime space-time of all settled intervals up to the root, as in its leaf
    /// @param proof sibling hashes from the leaf up
    /// @return amount what was credited now
    function claim(
        uint32 provider,
        uint256 cumulativeSpaceTime,
        bytes32[] calldata proof
    ) external returns (uint256 amount);
}
