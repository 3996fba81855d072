// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingCommittees} from "./IUpkeepingCommittees.sol";
import {IUpkeepingMembers} from "./IUpkeepingMembers.sol";
import {IUpkeepingMoney} from "./IUpkeepingMoney.sol";
import {IUpkeepingSettlement} from "./IUpkeepingSettlement.sol";
import {IUpkeepingViews} from "./IUpkeepingViews.sol";

/// @title A group: one payer, its providers, and the committee that challenges them
/// @notice The complete ABI of a group. Three contracts implement it on one storage: `Upkeeping` settles,
///         `UpkeepingEscrow` keeps money and providers, `UpkeepingMembers` keeps committees and answers views.
interface IUpkeeping is
    IUpkeepingSettlement,
    IUpkeepingMoney,
    IUpkeepingMembers,
    IUpkeepingCommittees,
    IUpkeepingViews
{}
