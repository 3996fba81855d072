// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DataChange, Escrow, GroupConfig, GroupState, ProviderState} from "./Types.sol";

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

    /// @notice Balances of a seat over many groups.
    function keeperBalances(
        address[] calldata groups,
        address committee,
        uint32 version,
        uint8 index
    ) external view returns (KeeperBalance[] memory);
}
