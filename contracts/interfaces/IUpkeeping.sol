// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingCommittees} from "./IUpkeepingCommittees.sol";
import {IUpkeepingMembers} from "./IUpkeepingMembers.sol";
import {IUpkeepingMoney} from "./IUpkeepingMoney.sol";
import {IUpkeepingSettlement} from "./IUpkeepingSettlement.sol";
import {IUpkeepingViews} from "./IUpkeepingViews.sol";

/// @title A group: one payer's providers and the committee that watches them
/// @notice The whole interface of a group; use this ABI. Behind it are three contracts that share one storage:
///         `Upkeeping`, which settles, `UpkeepingEscrow` for money and providers, `UpkeepingMembers` for committees and views.
interface IUpkeeping is IUpkeepingSettlement, IUpkeepingMoney, IUpkeepingMembers, IUpkeepingCommittees, IUpkeepingViews {}
