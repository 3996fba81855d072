// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Providers, committees, and the end of a group (R33, R34)
/// @dev Consent is EIP-712 with the group's domain (name "WhitePay", version "1", chainId, verifyingContract = group):
///      `ProviderData(bytes32 root,uint64 size,address receiptKey,uint64 sequence)`, signed by the provider's operator, and
///      `SeatAcceptance(uint64 committee,bytes32 keysHash)`, signed by the keeper's operator; keysHash = keccak256 of the
///      code of the committee's keysBlob, without its first byte.
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
        uint32 indexed provider, uint64 fromBlock, bytes32 root, uint64 size, address receiptKey, uint64 sequence
    );
    /// @notice A provider is no longer committed from `fromBlock`.
    event ProviderRemoved(uint32 indexed provider, uint64 fromBlock);
    /// @notice A provider voided the consents it gave and that were not used, up to this number.
    event ConsentRevoked(address indexed operator, uint64 sequence);
    /// @notice The payer proposed a committee.
    event CommitteeProposed(uint64 indexed committee, address keysBlob, address[] operators);
    /// @notice The payer took a proposal back, or an abandon found it incomplete.
    event CommitteeCancelled(uint64 indexed committee);
    /// @notice A keeper accepted its seat in a proposed committee.
    event SeatAccepted(uint64 indexed committee, uint8 indexed index, address indexed operator);
    /// @notice A keeper took its acceptance back before the committee took effect.
    event SeatDeclined(uint64 indexed committee, uint8 indexed index, address indexed operator);
    /// @notice A keeper has a new key in this version, which takes the old one's place with the next settlement.
    event SeatRotated(uint64 indexed committee, uint8 indexed index, address indexed operator, address keysBlob);
    /// @notice A keeper resigned; the seat falls away when three have resigned.
    event SeatResigned(uint64 indexed committee, uint8 indexed index, address indexed operator);
    /// @notice A smaller committee takes over with the next settlement, as three keepers have resigned.
    event CommitteeShrunk(uint64 indexed committee, address keysBlob, address[] operators);
    /// @notice A committee took effect.
    event CommitteeActivated(uint64 indexed committee, uint64 indexed previous, bytes32 seed);
    /// @notice The payer ends the group; data stays committed, and paid, until endBlock.
    event Terminated(uint64 endBlock);
    /// @notice The interval was closed without a committee (R34); providers are credited when first touched.
    event Abandoned(uint64 indexed ts, uint64 through, address indexed by);
    /// @notice A provider was credited for an abandoned interval, as far as the escrow allowed.
    event AbandonCredited(uint32 indexed provider, uint32 indexed abandonment, uint256 spaceTime, uint256 amount);

    /// @notice Not 3f+1 members with 4 ≤ n ≤ 124; `expected` is the nearest valid size at or below, or 4.
    error Upkeeping_BadCommitteeSize(uint256 expected, uint256 actual);
    /// @notice A member is not a registered keeper.
    error Upkeeping_NotAKeeper(address operator);
    /// @notice An operator is named twice.
    error Upkeeping_DuplicateMember(address operator);
    /// @notice There is a proposed committee already; cancel it first.
    error Upkeeping_CommitteePending(uint64 committee);
    /// @notice No such proposed committee.
    error Upkeeping_NoSuchProposal(uint64 expected, uint64 actual);
    /// @notice No such committee version.
    error Upkeeping_NoSuchCommittee(uint64 expectedMax, uint64 actual);
    /// @notice This seat was accepted before.
    error Upkeeping_SeatTaken(uint8 index);
    /// @notice This seat is not accepted, so it cannot be declined.
    error Upkeeping_SeatNotTaken(uint8 index);
    /// @notice This keeper has resigned already.
    error Upkeeping_AlreadyResigned(uint8 index);
    /// @notice The key in the registry is the one the seat has already.
    error Upkeeping_SameKey(uint8 index);
    /// @notice The provider is not registered.
    error Upkeeping_NotAProvider(address operator);
    /// @notice The operator is a provider of this group already.
    error Upkeeping_ProviderExists(uint32 provider);
    /// @notice No such provider index.
    error Upkeeping_NoSuchProvider(uint256 expectedBelow, uint256 actual);
    /// @notice The provider was removed.
    error Upkeeping_ProviderGone(uint32 provider, uint64 removedAt);
    /// @notice Item by item, at most 256 providers that are not closed.
    error Upkeeping_TooManyProviders(uint256 expectedMax, uint256 actual);
    /// @notice Too many changes of one provider's data since the last settlement.
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
    /// @notice Neither the payer nor a provider.
    error Upkeeping_NotPayerOrProvider(address actual);
    /// @notice Set up twice, or not by the factory.
    error Upkeeping_NotFactory(address expected, address actual);

    /// @notice Adds a provider with its first data; payer only. Takes effect with the first slot that starts more than
    ///         `confirmations` blocks later.
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
    function changeData(
        uint32 provider,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence,
        bytes calldata signature
    ) external;

    /// @notice Removes a provider; payer only, no consent. It stays committed for at least one slot.
    function removeProvider(uint32 provider) external;

    /// @notice Voids the caller's unused consents by using up the next number.
    function revokeConsent() external;

    /// @notice Proposes a committee of 3f+1 registered keepers, with their keys of now; payer only.
    /// @return committee its version
    function proposeCommittee(address[] calldata operators) external returns (uint64 committee);

    /// @notice Takes the proposal back; payer only.
    function cancelCommittee() external;

    /// @notice The calling keeper accepts its seat in the proposed committee.
    function acceptSeat(uint64 committee) external;

    /// @notice Like `acceptSeat`, by anyone with the keeper's signed `SeatAcceptance`.
    function acceptSeatBySignature(uint64 committee, address operator, bytes calldata signature) external;

    /// @notice The calling keeper takes its acceptance back.
    function declineSeat(uint64 committee) external;

    /// @notice The calling keeper puts its present registry key into its seat: in the active committee as from the next
    ///         settlement, in the proposed one at once. Nobody's consent is needed.
    function rotateSeat() external;

    /// @notice The calling keeper resigns from the active committee. The size has to stay 3f+1, so seats fall away three at
    ///         a time: with the third resignation of a committee of seven or more, a committee without those three is
    ///         prepared and takes over with the next settlement. Until then the seat counts, and may stay silent.
    function resign() external;

    /// @notice Ends the group; payer only.
    function terminate() external;

    /// @notice Closes an interval that nobody settled by ts + h + lockup; payer or a provider (R34).
    function abandon() external;

    /// @notice Credits a provider for abandoned intervals now rather than with its next settlement; anyone may.
    function touch(uint32 provider) external;
}
