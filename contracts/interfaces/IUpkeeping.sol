// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingMembers} from "./IUpkeepingMembers.sol";
import {IUpkeepingMoney} from "./IUpkeepingMoney.sol";
import {IUpkeepingSettlement} from "./IUpkeepingSettlement.sol";
import {IUpkeepingViews} from "./IUpkeepingViews.sol";

/// @title A group: one payer's providers and the committee that watches them
/// @notice The whole interface of a group; use this ABI. Behind it are two contracts that share one storage: `Upkeeping` with
///         the paths that are used every interval, and `UpkeepingMembers`, which it hands everything else to.
interface IUpkeeping is IUpkeepingSettlement, IUpkeepingMoney, IUpkeepingMembers, IUpkeepingViews {}
