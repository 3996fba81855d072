// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {Delegate} from "./group/Delegate.sol";
import {GroupProviders} from "./group/GroupProviders.sol";
import {GroupStorage} from "./group/GroupStorage.sol";
import {GroupTreasury} from "./group/GroupTreasury.sol";

/// @title The part of a group's code that moves money in and out and keeps the providers
/// @dev Runs on a group's storage, behind `Upkeeping`; on its own it is of no use.
contract UpkeepingEscrow is GroupTreasury, GroupProviders, Delegate {
    constructor(IRegistry registry_, address members) GroupStorage(registry_) Delegate(members) {}
}
