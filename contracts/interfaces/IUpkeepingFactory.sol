// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Consent, GroupConfig, KeeperClaim, ProviderClaim, Rhythm, Terms} from "./Types.sol";

/// @title Factory of committees and groups (R4, R36, R41)
/// @notice Clones two implementations by CREATE2, with their fixed parameters as immutable arguments in their code. An
///         address follows from these arguments, the creator and a number that the creator has not used before, and
///         from nothing else: it can be predicted, and neither another transaction nor a reorganisation can put other
///         terms there.
interface IUpkeepingFactory {
    /// @notice A committee was made; it is formed once all members consented (`ICommittee.Formed`).
    event CommitteeCreated(
        address indexed committee,
        address indexed convener,
        Rhythm rhythm,
        Terms terms,
        address[] operators
    );
    /// @notice A group was made.
    event GroupCreated(address indexed group, address indexed payer, address indexed committee, GroupConfig config);
    /// @notice A withdrawal of a batch failed; `reason` are the first 256 bytes of its error. The others went on.
    event WithdrawalFailed(address indexed group, uint256 indexed position, bytes reason);

    /// @notice A parameter violates R4. `rule` is a short ASCII text such as "slot divides turn".
    error UpkeepingFactory_BadConfig(bytes32 rule, uint256 expected, uint256 actual);
    /// @notice The token has no code.
    error UpkeepingFactory_TokenWithoutCode(address token);
    /// @notice An implementation or the registry has no code.
    error UpkeepingFactory_NoCode(address actual);
    /// @notice The factory did not make this group.
    error UpkeepingFactory_NotAGroup(address actual);
    /// @notice Wrong number of bytes for so many keys.
    error UpkeepingFactory_BadLength(uint256 expected, uint256 actual);

    /// @notice Makes a committee with the caller as its convener (R37). Operators are registered keepers; their present
    ///         keys are version 1.
    /// @dev R4: c ≥ 1 divides t and h; c > confirmations + d + 1; h ≥ t + confirmations; t ≤ 8,000; with a = ⌊t/12⌋,
    ///      ⌈2t/3⌉ ≥ 2·⌈t/6⌉ + 2·confirmations + max(8, a + 6); tolerance and least share ≤ 10,000; an open committee's
    ///      least fee ≥ 1; mostProviders ≥ 1.
    /// @param consents one for each operator; an empty signature: this member consents later
    function createCommittee(
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators,
        Consent[] calldata consents
    ) external returns (address committee);

    /// @notice Makes a group for the caller, its payer.
    /// @dev Pre: lockup ≥ 1, keeperShareBps ≤ 10,000, the token has code or is zero.
    /// @param committee the committee that it is to enter, or zero
    /// @param ceiling providers to reserve there: above 0, it enters in this call, with what its address holds already
    function createGroup(
        GroupConfig calldata config,
        address committee,
        uint16 ceiling
    ) external returns (address group);

    /// @notice One call for a small payer (R41): makes a private committee of members that consented by signature
    ///         and a group that enters it. The caller is convener and payer.
    function createPrivate(
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators,
        Consent[] calldata consents,
        GroupConfig calldata config,
        uint16 ceiling
    ) external returns (address committee, address group);

    /// @notice Address of the next committee that `convener` makes with these arguments. Members' keys are part of it.
    function predictCommittee(
        address convener,
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators
    ) external view returns (address);

    /// @notice Address of the next group that `payer` makes with these arguments.
    function predictGroup(
        address payer,
        GroupConfig calldata config,
        address committee
    ) external view returns (address);

    /// @notice Pays the caller's keepers in many groups (R31); the caller is operator or payee of each. A claim that
    ///         fails is named in an event and stops no other.
    /// @dev The payee is asked for once for claims of the same member that follow each other; it stays the one that it
    ///      was then, if it changes during the call.
    function withdrawKeepers(KeeperClaim[] calldata claims) external;

    /// @notice Payee of a member of a committee; refuses a caller that is neither its operator nor its payee with
    ///         `Upkeeping_NotOwner`. For `withdrawKeepers`.
    /// @dev Of an address that is no committee, whatever it says: a group has no balance for it.
    function payeeOf(
        address caller,
        address committee,
        uint32 version,
        uint8 index
    ) external view returns (address payee);

    /// @notice Pays the caller's providers in many groups (R31); likewise.
    function withdrawProviders(ProviderClaim[] calldata claims) external;

    /// @notice Puts operators into a code blob, 20 bytes each. Refuses one that is named twice or is no registered
    ///         keeper. For committees, whose code has no room for this and the next two; open to anybody, as a blob
    ///         serves only who names it.
    function storeOperators(address[] calldata operators) external returns (address blob);

    /// @notice Puts the keys that these keepers have in the registry into a code blob, with their negated sum and the
    ///         operators, as `Quorum` reads it (R36).
    function storeMembers(address[] calldata operators) external returns (address blob);

    /// @notice The same for keys given, 192 bytes each.
    function storeKeys(bytes calldata keys, address[] calldata operators) external returns (address blob);

    /// @notice Whether this factory made the group.
    function isGroup(address group) external view returns (bool);

    /// @notice Whether this factory made the committee.
    function isCommittee(address committee) external view returns (bool);

    /// @notice How many groups a payer has made.
    function groupCount(address payer) external view returns (uint64);

    /// @notice How many committees a convener has made.
    function committeeCount(address convener) external view returns (uint64);

    function committeeImplementation() external view returns (address);

    function groupImplementation() external view returns (address);

    function registry() external view returns (address);
}
