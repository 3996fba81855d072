// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {GroupConfig, GroupState} from "./Types.sol";

/// @title A group's committees, and its end (R33, R34, R38)
/// @notice Blocks of a group belong to one committee at a time: service [from, left).
interface IGroupService {
    /// @notice A committee serves the group from `from` on.
    event Entered(address indexed committee, uint32 indexed number, uint16 ceiling, uint64 from);
    /// @notice Another committee serves the group from `from` on; the present one up to that block (R38).
    event MoveScheduled(address indexed committee, uint32 indexed number, uint16 ceiling, uint64 from);
    /// @notice The present service ends at `left`, without another: a release or a terminate.
    event ServiceEnds(address indexed committee, uint32 indexed number, uint64 left);
    /// @notice The group is settled through the end of a service, or left it.
    event ServiceOver(address indexed committee, uint32 indexed number, uint64 through);
    /// @notice The group reserves more providers.
    event CeilingRaised(address indexed committee, uint32 indexed number, uint16 ceiling);
    /// @notice The payer ends the group: data stays committed, and paid, until endBlock.
    event Terminated(uint64 endBlock);
    /// @notice Blocks without a settlement were credited (R34): each word of `parts` is a `ProviderPart`, its
    ///         `spaceTime` being what the provider committed in these blocks.
    event Credited(uint64 indexed from, uint64 through, address indexed by, uint256[] parts);

    /// @notice Only the factory, once.
    error Upkeeping_Initialized();
    /// @notice The factory did not make this committee.
    error Upkeeping_NotACommittee(address actual);
    /// @notice A move leads to another committee.
    error Upkeeping_SameCommittee(address committee);
    /// @notice The leaf is of another membership in the same committee.
    error Upkeeping_WrongNumber(uint32 expected, uint32 actual);
    /// @notice Only the present committee may do this.
    error Upkeeping_NotMyCommittee(address expected, address actual);
    /// @notice A move, a release or a terminate is under way: `left` is not settled yet.
    error Upkeeping_ServiceEnds(uint64 left, uint64 settledThrough);
    /// @notice The group has no committee.
    error Upkeeping_NoCommittee();
    /// @notice A ceiling below the providers listed, not above the present one, or above 256.
    error Upkeeping_BadCeiling(uint256 expectedMin, uint256 actual);
    /// @notice The group has providers, and is not in arrears for longer than its lockup.
    error Upkeeping_NotReleasable(uint256 expectedFrom, uint256 actual);
    /// @notice Neither the payer nor a provider with unsettled blocks.
    error Upkeeping_NotPayerOrProvider(address actual);
    /// @notice It is too early to abandon. 0: the committee certified the block, and no certificate beyond it is
    ///         remembered under the ts named.
    error Upkeeping_NotAbandonable(uint256 expectedFrom, uint256 actual);
    /// @notice The group has ended.
    error Upkeeping_Ended(uint64 endBlock, uint64 settledThrough);

    /// @notice Sets up a new clone; by the factory, once. Books what the address holds; if `ceiling` > 0, enters
    ///         the committee of the arguments.
    function initialize(uint16 ceiling) external;

    /// @notice Enters a committee, or moves to it; payer only (R38).
    /// @dev Pre: not terminated; no move or release under way (settledThrough ≥ X, or nothing committed before X);
    ///      listed ≤ ceiling ≤ 256; a committee of the factory, whose terms hold. Without a committee before: begins at
    ///      E, its first slot boundary more than `confirmations` blocks later; the blocks [settledThrough, E) are
    ///      credited as in `abandon`, and settledThrough = E. Otherwise a move: begins at X, its first slot boundary
    ///      ≥ block + lockup; only to another committee; whoever is to leave after X leaves at X. Post: available ≥
    ///      required (R32).
    function enter(address committee, uint16 ceiling) external;

    /// @notice Reserves more providers at the present committee; payer only. Not while a move is under way.
    /// @dev Post: available ≥ required (R32).
    function raiseCeiling(uint16 ceiling) external;

    /// @notice Called by the present committee when a member releases the group (R38).
    /// @dev Pre: no provider listed, or in arrears since more than lockup blocks; no end scheduled. Post: service ends
    ///      at the committee's first slot boundary ≥ block + lockup; the group has told it with `endMembership`.
    function release() external;

    /// @notice Ends the group; payer only (R33).
    /// @dev Post: endBlock = first slot boundary ≥ block + lockup of the committee that serves it (block + lockup
    ///      without one). A move that begins before endBlock stands; a later one is void.
    function terminate() external;

    /// @notice Credits every provider for blocks that nobody settled, in one call; the payer or a provider with
    ///         unsettled blocks (R34). s = settledThrough, k = the committee that serves block s.
    /// @dev Pre, with u = the first block ≥ s to which a provider is committed, one of: (a) k has certified nothing
    ///      beyond u, and block ≥ u + h + lockup; (b) k accepted a certificate [ts, te) with u < te in block A and
    ///      remembers it, and block ≥ max(A, movedAt) + lockup; (c) no committee, and block ≥ s + lockup. b = the last
    ///      slot boundary of k (c: the present block), at most X in a move, at most endBlock. In a move, the blocks up
    ///      to X are credited in the same call, as in `enter`, and b = X. Each provider: ⌊V × p / (k × 2^64)⌋, V = Σ
    ///      bytes × price × blocks of [s, b), p and k the paid and the committed space-time of its last settled
    ///      interval, 1 and 1 if none or k = 0; no cut, no fee. If the sum is above available, each is scaled: ⌊amount
    ///      × available / sum⌋, and the rest becomes its arrears. Earlier arrears are not part of it. Post:
    ///      settledThrough = b; the group has left k (`ICommittee.endMembership(number, b)`, at least its entered;
    ///      after a release at its `left`, if that is earlier).
    /// @param ts of the certificate of case (b); ignored otherwise
    function abandon(uint64 ts) external;

    function state() external view returns (GroupState memory);

    function config() external view returns (GroupConfig memory);

    /// @notice Block in which the group was created.
    function createdAt() external view returns (uint64);

    function factory() external view returns (address);
}
