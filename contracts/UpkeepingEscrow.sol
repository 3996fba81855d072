// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {Delegate} from "./group/Delegate.sol";
import {GroupProviders} from "./group/GroupProviders.sol";
import {GroupStorage} from "./group/GroupStorage.sol";
import {GroupTreasury} from "./group/GroupTreasury.sol";

/// @title Code of a group for deposits, withdrawals and providers
/// @dev Runs by delegatecall from `Upkeeping`, on the group's storage; it has no function of its own outside a group.
contract UpkeepingEscrow is GroupTreasury, GroupProviders, Delegate {
    constructor(IRegistry registry_, address members) GroupStorage(registry_) Delegate(members) {}
}
