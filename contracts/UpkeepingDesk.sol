// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {UpkeepingService} from "./group/UpkeepingService.sol";
import {UpkeepingStorage} from "./group/UpkeepingStorage.sol";

/// @title The rare calls of a group: providers, committees, abandon, arrears, several calls in one
/// @notice Code that `Upkeeping` runs on its own storage for the functions that name it; both inherit the same storage.
///         A group's ABI is `IUpkeeping`.
/// @dev `multicall` is OpenZeppelin's: here `address(this)` is the group, so each of its calls runs the whole group's
///      code.
contract UpkeepingDesk is UpkeepingService, Multicall {
    constructor(IRegistry registry_, address factory_) UpkeepingStorage(registry_, factory_) {}
}
