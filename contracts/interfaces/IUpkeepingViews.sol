// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    ClaimableRoots,
    Committee,
    DataCheckpoint,
    Escrow,
    KeeperAccount,
    Member,
    Parameters,
    PastSettlement,
    Provider,
    ProviderOutlook,
    Settlement,
    SettlementRoot,
    State
} from "./UpkeepingTypes.sol";

/// @title Views of a group (R35)
/// @notice Lists come in pages [from, from + count), cut at the end, so that no call's cost grows with history.
interface IUpkeepingViews {
    /// @notice Parameters, which never change.
    function parameters() external view returns (Parameters memory);

    /// @notice State, which changes over time.
    function state() external view returns (State memory);

    /// @notice The active committee.
    function committee() external view returns (Committee memory);

    /// @notice The committee the payer proposed; version 0 if there is none.
    function pendingCommittee() external view returns (Committee memory);

    /// @notice Any version: past, active, rotated, proposed or cancelled.
    function committeeAt(uint64 version) external view returns (Committee memory);

    /// @notice Members of a version with the keys (G2, 256 bytes) they sign with in it.
    function members(uint64 version, uint256 from, uint256 count) external view returns (Member[] memory);

    /// @notice Bitmap of members of the active committee that resigned.
    function resigned() external view returns (uint256);

    /// @notice Money of keepers of a version.
    function keeperAccounts(uint64 version, uint256 from, uint256 count) external view returns (KeeperAccount[] memory);

    /// @notice Number of provider indices ever given.
    function providerCount() external view returns (uint32);

    /// @notice Providers by index.
    function providers(uint256 from, uint256 count) external view returns (Provider[] memory);

    /// @notice Expected credit of providers, by index, if the escrow suffices (`fundedUntil`).
    function providerOutlook(uint256 from, uint256 count) external view returns (ProviderOutlook[] memory);

    /// @notice Expected share of each payee of the active committee for the open interval, if providers prove all
    ///         committed bytes and no leader fails.
    function shareOutlook() external view returns (uint256);

    /// @notice Index of an operator that is a provider now; found = false if it is none.
    function providerOf(address operator) external view returns (bool found, uint32 provider);

    /// @notice Highest consent number an operator has used in this group.
    function consentSequence(address operator) external view returns (uint64);

    /// @notice A provider's data checkpoints, oldest first, ascending and distinct in `fromBlock`.
    function dataHistory(uint32 provider, uint256 from, uint256 count) external view returns (DataCheckpoint[] memory);

    /// @notice Committed space-time of a provider over [fromBlock, toBlock), both not before `settledThrough` (R16).
    function committedSpaceTime(uint32 provider, uint64 fromBlock, uint64 toBlock) external view returns (uint256);

    /// @notice Committed space-time of all providers over [fromBlock, toBlock), both not before `settledThrough`.
    function committedTotal(uint64 fromBlock, uint64 toBlock) external view returns (uint256);

    /// @notice First block at which a change made now would take effect (R33).
    function nextEffectiveBlock() external view returns (uint64);

    /// @notice The group's money.
    function escrow() external view returns (Escrow memory);

    /// @notice Amount that the payer may withdraw now.
    function withdrawable() external view returns (uint256);

    /// @notice First block that is not paid for with what is committed on chain, changes that lie ahead included;
    ///         type(uint64).max if the money reaches to the end of all that is committed.
    function fundedUntil() external view returns (uint64);

    /// @notice Payee of the payer, and the payee that was named and has not accepted yet.
    function payerPayee() external view returns (address payee, address pendingPayee);

    /// @notice Past settlements, oldest first. The `Settled` event, indexed by ts, has the leader and the payees.
    function pastSettlements(uint256 from, uint256 count) external view returns (PastSettlement[] memory);

    /// @notice The te of each past settlement.
    function settlements(uint256 from, uint256 count) external view returns (uint64[] memory ends);

    /// @notice In Merkle mode, the roots that have money to claim.
    function claimableRoots() external view returns (ClaimableRoots memory);

    /// @notice The latest Merkle root and the end of its interval; zero if there is none.
    function merkleRoot() external view returns (bytes32 root, uint64 te);

    /// @notice EIP-712 domain separator.
    function domainSeparator() external view returns (bytes32);

    /// @notice EIP-712 digest of a settlement (R27).
    function settlementDigest(Settlement calldata settlement) external view returns (bytes32);

    /// @notice EIP-712 digest of a Merkle settlement (R27).
    function settlementRootDigest(SettlementRoot calldata settlement) external view returns (bytes32);

    /// @notice EIP-712 digest of a provider's consent.
    function providerDataDigest(
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence
    ) external view returns (bytes32);

    /// @notice EIP-712 digest of a keeper's acceptance of its seat.
    function seatAcceptanceDigest(uint64 committee) external view returns (bytes32);
}
