// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Committees of a group: the first, proposed ones, rotated keys, resignations (R33)
/// @dev A keeper's consent is EIP-712 with the group's domain: `SeatAcceptance(uint64 committee,bytes32 keysHash)`,
///      signed by its operator; keysHash = keccak256 of the code of the proposed committee's keysBlob, without its
///      first byte.
interface IUpkeepingCommittees {
    /// @notice The payer proposed a committee.
    event CommitteeProposed(uint64 indexed committee, address keysBlob, address[] operators);
    /// @notice The payer cancelled a proposal.
    event CommitteeCancelled(uint64 indexed committee);
    /// @notice A keeper accepted its seat in a proposed committee.
    event SeatAccepted(uint64 indexed committee, uint8 indexed index, address indexed operator);
    /// @notice A keeper revoked its acceptance before the committee took effect, or refused the seat.
    event SeatDeclined(uint64 indexed committee, uint8 indexed index, address indexed operator);
    /// @notice A keeper has a new key in this version; the key is in force from the next settlement on.
    event SeatRotated(uint64 indexed committee, uint8 indexed index, address indexed operator, address keysBlob);
    /// @notice A keeper resigned. Its seat remains, as one of the f that may be silent, until the payer replaces the
    ///         committee.
    event SeatResigned(uint64 indexed committee, uint8 indexed index, address indexed operator);
    /// @notice A committee took effect.
    event CommitteeActivated(uint64 indexed committee, uint64 indexed previous, bytes32 seed);
    /// @notice Not 3f+1 members with 4 ≤ n ≤ 124; `expected` is the nearest valid size at or below, or 4.
    error Upkeeping_BadCommitteeSize(uint256 expected, uint256 actual);
    /// @notice A committee never changes its size (R2): `expected` is that of the group. For another, make another
    ///         group.
    error Upkeeping_OtherCommitteeSize(uint256 expected, uint256 actual);
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
    /// @notice This seat is declined already.
    error Upkeeping_SeatNotTaken(uint8 index);
    /// @notice The keeper declined this seat, so its signature no longer counts; it can accept by a call of its own.
    error Upkeeping_SeatDeclined(uint8 index);
    /// @notice The committee has no seat with this index.
    error Upkeeping_NoSuchSeat(uint256 expectedBelow, uint256 actual);
    /// @notice This keeper has resigned already.
    error Upkeeping_AlreadyResigned(uint8 index);
    /// @notice The seat already has the key that is in the registry.
    error Upkeeping_SameKey(uint8 index);
    /// @notice The group is set up already.
    error Upkeeping_Initialized(uint64 committee);
    /// @notice The caller has no seat in that committee.
    error Upkeeping_NoSeat(address actual);

    /// @notice Called by the factory in the transaction that makes the group.
    /// @param keysBlob where the first committee's keys are: the group itself, or a blob if they do not fit in its code
    function initialize(address keysBlob) external;

    /// @notice Proposes a committee of the same size as the active one, with the keys that its members have in the
    ///         registry now; payer only.
    /// @return committee its version
    function proposeCommittee(address[] calldata operators) external returns (uint64 committee);

    /// @notice Cancels the proposal; payer only.
    function cancelCommittee() external;

    /// @notice The calling keeper accepts its seat in the proposed committee.
    function acceptSeat(uint64 committee) external;

    /// @notice Like `acceptSeat`, by anyone with the keeper's signed `SeatAcceptance`.
    function acceptSeatBySignature(uint64 committee, address operator, bytes calldata signature) external;

    /// @notice The calling keeper revokes its acceptance; its signatures for this version become void.
    function declineSeat(uint64 committee) external;

    /// @notice The calling keeper puts its present registry key into its seat: in the active committee from the next
    ///         settlement on, in the proposed one at once. No consent is needed.
    function rotateSeat() external;

    /// @notice The calling keeper resigns from the active committee. The size never changes (R2): the seat counts as
    ///         one of the f that may be silent until the payer proposes a committee without it.
    function resign() external;
}
