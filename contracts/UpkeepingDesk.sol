// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {UpkeepingService} from "./group/UpkeepingService.sol";
import {UpkeepingStorage} from "./group/UpkeepingStorage.sol";

/// @title The rare calls of a group: providers, committees, abandon, arrears
/// @notice Code that `Upkeeping` runs on its own storage for the functions that name it; both inherit the same storage.
///         A group's ABI is `IUpkeeping`.
contract UpkeepingDesk is UpkeepingService {
    constructor(IRegistry registry_, address factory_) UpkeepingStorage(registry_, factory_) {}
}
