// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {GroupCommittees} from "./group/GroupCommittees.sol";
import {GroupStorage} from "./group/GroupStorage.sol";
import {GroupViews} from "./group/GroupViews.sol";

/// @title Code of a group for committees and views
/// @dev Runs by delegatecall from `UpkeepingEscrow`, on the group's storage; it has no function of its own outside a
///      group.
contract UpkeepingMembers is GroupCommittees, GroupViews {
    constructor(IRegistry registry_) GroupStorage(registry_) {}
}
