// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Providers and the end of a group (R33, R34)
/// @dev A provider's consent is EIP-712 with the group's domain (name "WhitePay", version "1", chainId,
///      verifyingContract = group): `ProviderData(bytes32 root,uint64 size,address receiptKey,uint64 sequence)`, signed
///      by its operator.
interface IUpkeepingMembers {
    /// @notice A provider was added; its data is committed from `fromBlock`.
    event ProviderAdded(
        uint32 indexed provider,
        address indexed operator,
        uint64 fromBlock,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence
    );
    /// @notice A provider's data or receipt key changes at `fromBlock`.
    event DataChanged(
        uint32 indexed provider,
        uint64 fromBlock,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence
    );
    /// @notice A provider is no longer committed from `fromBlock`.
    event ProviderRemoved(uint32 indexed provider, uint64 fromBlock);
    /// @notice A provider revoked its unused consents up to this sequence number.
    event ConsentRevoked(address indexed operator, uint64 sequence);
    /// @notice The payer ends the group; data stays committed, and paid, until endBlock.
    event Terminated(uint64 endBlock);
    /// @notice The interval was closed without a committee (R34); providers are credited when first touched.
    event Abandoned(uint64 indexed ts, uint64 through, address indexed by);
    /// @notice A provider was credited for an abandoned interval, as far as the escrow allowed.
    event AbandonCredited(uint32 indexed provider, uint32 indexed abandonment, uint256 spaceTime, uint256 amount);

    /// @notice The provider is not registered.
    error Upkeeping_NotAProvider(address operator);
    /// @notice The operator is a provider of this group already.
    error Upkeeping_ProviderExists(uint32 provider);
    /// @notice No such provider index.
    error Upkeeping_NoSuchProvider(uint256 expectedBelow, uint256 actual);
    /// @notice The provider was removed.
    error Upkeeping_ProviderGone(uint32 provider, uint64 removedAt);
    /// @notice Added so recently that a removal would take effect no later; try again in the next slot.
    error Upkeeping_NotActiveYet(uint256 activeFrom, uint256 actual);
    /// @notice Item by item, at most 256 providers that are not closed.
    error Upkeeping_TooManyProviders(uint256 expectedMax, uint256 actual);
    /// @notice Too many changes of one provider's data since its last settlement; removing it always has room (R33).
    error Upkeeping_TooManyChanges(uint256 expectedMax, uint256 actual);
    /// @notice A size of 0, or above 2^56 − 1.
    error Upkeeping_BadSize(uint256 expectedMax, uint256 actual);
    /// @notice A root of zero.
    error Upkeeping_ZeroRoot();
    /// @notice A receipt key of zero.
    error Upkeeping_ZeroReceiptKey();
    /// @notice The consent is not the next one of this provider.
    error Upkeeping_WrongSequence(uint64 expected, uint64 actual);
    /// @notice The consent is not signed by this operator.
    error Upkeeping_BadConsent(address expected, address actual);
    /// @notice The group is terminated.
    error Upkeeping_Terminated(uint64 terminatedAt);
    /// @notice It is too early to abandon.
    error Upkeeping_NotAbandonable(uint256 expectedFrom, uint256 actual);
    /// @notice The caller is neither the payer nor a provider.
    error Upkeeping_NotPayerOrProvider(address actual);
    /// @notice Adds a provider with its first data; payer only. Takes effect with the first slot that starts more than
    ///         `confirmations` blocks later. The escrow must hold what R32 requires afterwards, so that the addition
    ///         cannot reduce any other provider's pay.
    /// @param operator registered provider, not in the group now
    /// @param root list root (R10), not zero
    /// @param size total bytes, 1 to 2^56 − 1
    /// @param receiptKey address of the key that signs its receipts
    /// @param sequence `consentSequence(operator) + 1`
    /// @param signature the operator's consent, 65 bytes
    /// @return provider index, never used before
    function addProvider(
        address operator,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence,
        bytes calldata signature
    ) external returns (uint32 provider);

    /// @notice Changes a provider's data or receipt key; payer only, with consent, from the same slot as an addition.
    ///         Changes for the same slot replace each other; at most 16 of a provider are unsettled. More data asks for
    ///         the same funds as an addition.
    function changeData(
        uint32 provider,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence,
        bytes calldata signature
    ) external;

    /// @notice Removes a provider; payer only, no consent. Not in the slot in which it was added.
    function removeProvider(uint32 provider) external;

    /// @notice Revokes the caller's unused consents: it uses up the next sequence number.
    function revokeConsent() external;

    /// @notice Ends the group; payer only.
    function terminate() external;

    /// @notice Closes an interval that was not settled by ts + h + lockup; payer or a provider only (R34).
    function abandon() external;

    /// @notice Credits a provider for abandoned intervals before its next settlement; anyone may call this.
    function touch(uint32 provider) external;
}
