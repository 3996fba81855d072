// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {GroupCommittees} from "./group/GroupCommittees.sol";
import {GroupStorage} from "./group/GroupStorage.sol";
import {GroupViews} from "./group/GroupViews.sol";

/// @title The part of a group's code that keeps the committees, and all views
/// @dev Runs on a group's storage, behind `UpkeepingEscrow`; on its own it is of no use.
contract UpkeepingMembers is GroupCommittees, GroupViews {
    constructor(IRegistry registry_) GroupStorage(registry_) {}
}
