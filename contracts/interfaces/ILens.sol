// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    DataChange,
    Escrow,
    GroupConfig,
    GroupState,
    Membership,
    ProviderState,
    Rhythm,
    Terms,
    Version
} from "./Types.sol";

/// @notice A provider with its index, payee and all its data from settledThrough on.
struct ProviderPage {
    uint32 index;
    address payee;
    ProviderState provider;
    DataChange[] data;
}

/// @notice Everything about a group in one call.
struct GroupPage {
    address payer;
    uint64 createdAt;
    GroupConfig config;
    GroupState state;
    Escrow escrow;
}

/// @notice What a keeper may withdraw from one group.
struct KeeperBalance {
    address group;
    address committee;
    uint32 version;
    uint8 index;
    uint256 balance;
}

/// @notice Everything about a committee in one call.
/// @param n members
/// @param originBlock 0 while a consent is missing
/// @param complete version that waits to take effect, 0 if none
/// @param rotated version of rotated keys that waits, 0 if none
/// @param resigned bitmap of the members in force that resigned
/// @param lastNumber the last group number
/// @param reserved Σ ceilings that are not freed
struct CommitteePage {
    address convener;
    Rhythm rhythm;
    Terms terms;
    uint256 n;
    uint64 originBlock;
    uint64 certifiedThrough;
    uint64 currentVersion;
    uint64 lastVersion;
    uint64 complete;
    uint64 rotated;
    uint256 resigned;
    uint32 lastNumber;
    uint32 reserved;
}

/// @notice A seat of a version.
/// @param consented its operator consented to this version
/// @param resigned it is in force and resigned
struct MemberPage {
    uint8 index;
    address operator;
    address payee;
    bool consented;
    bool resigned;
}

/// @notice A version with its operators and what they consent to.
struct VersionPage {
    Version version;
    address[] operators;
    bytes32 configuration;
}

/// @notice A membership with its number.
struct MembershipPage {
    uint32 number;
    Membership membership;
}

/// @title Stateless views of groups and committees (R35)
/// @notice Holds no state and no money; whoever distrusts it reads the contracts themselves.
interface ILens {
    /// @notice A group.
    function group(address group_) external view returns (GroupPage memory);

    /// @notice Providers [from, from + count) of a group, closed ones included; cut at the end.
    function providers(address group_, uint32 from, uint32 count) external view returns (ProviderPage[] memory);

    /// @notice Space-time and value that a provider committed in [from, to), both at or after settledThrough.
    function committed(
        address group_,
        uint32 provider,
        uint64 from,
        uint64 to
    ) external view returns (uint256 spaceTime, uint256 value);

    /// @notice Last block + 1 that the escrow pays for at full proof, following the changes on chain; the maximum of
    ///         uint64 if it never runs dry. Arrears count first.
    function fundedUntil(address group_) external view returns (uint64);

    /// @notice max(0, available − required).
    function withdrawable(address group_) external view returns (uint256);

    /// @notice A committee.
    function committee(address committee_) external view returns (CommitteePage memory);

    /// @notice Seats [from, from + count) of a version, in contract order; cut at the end.
    function members(
        address committee_,
        uint64 version,
        uint8 from,
        uint8 count
    ) external view returns (MemberPage[] memory);

    /// @notice Versions [from, from + count), of which 1 is the first; cut at the end.
    function versions(address committee_, uint64 from, uint64 count) external view returns (VersionPage[] memory);

    /// @notice Memberships with the numbers [from, from + count), of which 1 is the first, those over included; cut at
    ///         the end.
    function memberships(address committee_, uint32 from, uint32 count) external view returns (MembershipPage[] memory);

    /// @notice Balances of a seat over many groups.
    function keeperBalances(
        address[] calldata groups,
        address committee_,
        uint32 version,
        uint8 index
    ) external view returns (KeeperBalance[] memory);
}
