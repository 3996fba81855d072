// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Config} from "./UpkeepingTypes.sol";

/// @title Factory of groups (R36)
/// @notice Clones one implementation, with the group's parameters as immutable arguments in the clone's code.
interface IUpkeepingFactory {
    /// @notice A payer made a group.
    event GroupCreated(
        address indexed group,
        address indexed payer,
        address indexed token,
        address[] operators,
        Config config
    );

    /// @notice A parameter violates R4. `rule` is a short ASCII text such as "slot divides turn".
    error UpkeepingFactory_BadConfig(bytes32 rule, uint256 expected, uint256 actual);
    /// @notice The token has no code.
    error UpkeepingFactory_TokenWithoutCode(address token);
    /// @notice The implementation is not a contract.
    error UpkeepingFactory_NoImplementation(address implementation);
    /// @notice The registry of the implementation is not a contract.
    error UpkeepingFactory_NoRegistry(address registry);

    /// @notice Makes a group for the caller, who becomes its payer. The committee is in force at once. The group's
    ///         address follows from payer, parameters, committee and `groupCount`: nobody else's transaction changes
    ///         it.
    /// @param config R4
    /// @param operators 3f+1 registered keepers (4 to 124), in the order that becomes the contract order
    /// @return group address of the new group
    function createGroup(Config calldata config, address[] calldata operators) external returns (address group);

    /// @notice Whether this factory made the group.
    function isGroup(address group) external view returns (bool);

    /// @notice How many groups a payer has made.
    function groupCount(address payer) external view returns (uint64);

    /// @notice Contract whose code every group runs.
    function implementation() external view returns (address);

    /// @notice Registry that every group uses.
    function registry() external view returns (address);
}
