// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DataChange, DataTerms, ProviderState} from "./Types.sol";

/// @title Providers of a group and their data (R33)
/// @notice A provider's consent is EIP-712 with the group's domain (name "WhitePay", version "2", chainId,
///         verifyingContract = group): `ProviderData(address committee,bytes32 root,uint64 size,uint80 price,address
///         receiptKey,uint64 sequence,uint64 deadline)`, signed by its operator (EOA of 65 bytes, or ERC-1271).
///         `committee` is the one that serves the block in which the data take effect, zero without one. `deadline` is
///         a block number.
/// @dev From when (R33), at block B: `effectiveFrom` = the first slot boundary ≥ B + confirmations + 1; in a move the
///      old committee's boundaries count before the move's block X, the new one's from X on (X is one). Without a
///      committee: B + 1. Notice: the same with B + lockup in place of B + confirmations + 1; B + 1 without a
///      committee. Who asks to leave before the present or next service begins leaves when it begins, at the latest
///      (R38). A change never takes effect before one that was made earlier. While no provider is listed,
///      `settledThrough` counts as the present block: every call below moves it
///      there first (event `IdlePassed`).
interface IGroupProviders {
    /// @notice A provider was added; its data is committed from `from` on.
    event ProviderAdded(
        uint32 indexed provider,
        address indexed operator,
        uint64 from,
        bytes32 root,
        uint64 size,
        uint80 price,
        address receiptKey,
        uint64 sequence
    );
    /// @notice A provider's data, price or receipt key change at `from`; it replaces a change for the same block.
    event DataChanged(
        uint32 indexed provider,
        uint64 from,
        bytes32 root,
        uint64 size,
        uint80 price,
        address receiptKey,
        uint64 sequence
    );
    /// @notice A provider leaves at `from`: the flags say who gave notice. A second event replaces the block.
    event LeaveScheduled(uint32 indexed provider, uint64 from, bool byPayer, bool byProvider);
    /// @notice A provider has left and is settled through its last block; its index is never used again.
    event ProviderClosed(uint32 indexed provider, uint64 through);
    /// @notice A provider revoked its unused consents up to this sequence number.
    event ConsentRevoked(address indexed operator, uint64 sequence);
    /// @notice No provider had data in [from, through): settledThrough moved over these blocks.
    event IdlePassed(uint64 from, uint64 through);

    /// @notice The operator is not registered as a provider.
    error Upkeeping_NotAProvider(address operator);
    /// @notice The operator is a provider of this group already.
    error Upkeeping_ProviderExists(uint32 provider);
    /// @notice No such provider index.
    error Upkeeping_NoSuchProvider(uint256 expectedBelow, uint256 actual);
    /// @notice The provider has left, or will leave: nothing changes any more.
    error Upkeeping_ProviderLeaves(uint32 provider, uint64 leavesAt);
    /// @notice It would leave in the block in which it begins; try again once that block is nearer than the notice.
    error Upkeeping_NotActiveYet(uint256 activeFrom, uint256 actual);
    /// @notice This side gave notice already.
    error Upkeeping_NoticeGiven(uint32 provider, uint64 leavesAt);
    /// @notice More providers than the reserved ceiling, or 256. A provider counts until it is closed and owed nothing.
    error Upkeeping_TooManyProviders(uint256 expectedMax, uint256 actual);
    /// @notice Too many unsettled changes of one provider; leaving always has room (R33).
    error Upkeeping_TooManyChanges(uint256 expectedMax, uint256 actual);
    /// @notice A size of 0, or above 2^56 − 1.
    error Upkeeping_BadSize(uint256 expectedMax, uint256 actual);
    /// @notice A root of zero.
    error Upkeeping_ZeroRoot();
    /// @notice A receipt key of zero.
    error Upkeeping_ZeroReceiptKey();
    /// @notice The consent is not the next one of this operator.
    error Upkeeping_WrongSequence(uint64 expected, uint64 actual);
    /// @notice The consent's deadline has passed.
    error Upkeeping_ConsentExpired(uint64 deadline, uint64 actual);
    /// @notice The consent is not this operator's over exactly these terms.
    error Upkeeping_BadConsent(address operator, bytes32 digest);
    /// @notice The caller is not this provider's operator.
    error Upkeeping_NotThatProvider(address expected, address actual);
    /// @notice The group is terminated.
    error Upkeeping_Terminated(uint64 endBlock);

    /// @notice Adds a provider with its first data; payer only.
    /// @dev Pre: not terminated; listed < ceiling of every scheduled service; consent valid, deadline ≥ block.
    ///      Post: available ≥ required, else `Upkeeping_Underfunded` (R32); committed from `effectiveFrom`.
    /// @return provider index, never used before
    function addProvider(
        address operator,
        DataTerms calldata terms,
        bytes calldata signature
    ) external returns (uint32 provider);

    /// @notice Changes a provider's data, price or receipt key, with its consent; payer only.
    /// @dev Pre: no notice given; at most 16 unsettled changes, its addition included if that is unsettled. If bytes ×
    ///      price exceed the largest product in force or ahead: post: available ≥ required (R32).
    function changeData(uint32 provider, DataTerms calldata terms, bytes calldata signature) external;

    /// @notice The payer gives a provider notice. If the provider gave notice already, both agree: it leaves at
    ///         `effectiveFrom`.
    function removeProvider(uint32 provider) external;

    /// @notice A provider gives notice; its operator only. If the payer gave notice already, both agree: it leaves at
    ///         `effectiveFrom`.
    function giveNotice(uint32 provider) external;

    /// @notice Revokes the caller's unused consents: it uses up the next sequence number.
    function revokeConsent() external;

    /// @notice Digest that an operator signs.
    function consentDigest(address committee, DataTerms calldata terms) external view returns (bytes32);

    /// @notice Committee that serves the first block in which a change made in the present block takes effect, and that
    ///         block.
    function effectiveFrom() external view returns (address committee, uint64 from);

    /// @notice Last sequence number that an operator used in this group.
    function consentSequence(address operator) external view returns (uint64);

    /// @notice Index + 1 of the operator's latest membership in this group, 0 if it had none.
    function providerOf(address operator) external view returns (uint32);

    /// @notice A provider. Reverts if there is none.
    function provider(uint32 index) external view returns (ProviderState memory);

    /// @notice Its data in force at settledThrough, and every change from then on, its leaving last.
    function dataOf(uint32 index) external view returns (DataChange[] memory);

    /// @notice Indices that take a seat: providers that are not closed, closed ones that are owed something, and other
    ///         closed ones until the next addition.
    function seats() external view returns (uint32[] memory);
}
