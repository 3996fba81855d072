// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {IGroupArrears} from "./interfaces/IGroupArrears.sol";
import {IGroupProviders} from "./interfaces/IGroupProviders.sol";
import {IGroupService} from "./interfaces/IGroupService.sol";
import {IUpkeeping} from "./interfaces/IUpkeeping.sol";
import {DataTerms} from "./interfaces/Types.sol";
import {UpkeepingStorage} from "./group/UpkeepingStorage.sol";
import {UpkeepingViews} from "./group/UpkeepingViews.sol";

/// @title One payer's money: a group (R16, R29–R36, R38, R46)
/// @notice Code of every group, a clone with its parameters behind it. Settlement, money and views are here; the rare
///         calls run the code of `UpkeepingDesk`, whose address is fixed, on the group's storage. The parts are in
///         `group/`, by subject; the rules are in `IUpkeeping`.
contract Upkeeping is UpkeepingViews {
    address private immutable _desk;

    constructor(IRegistry registry_, address factory_, address desk) UpkeepingStorage(registry_, factory_) {
        _desk = desk;
    }

    /// @inheritdoc IGroupArrears
    function collectArrears(uint32) external {
        _atDesk();
    }

    /// @inheritdoc IGroupArrears
    function collectKeeperArrears(address, uint32) external {
        _atDesk();
    }

    /// @inheritdoc IGroupArrears
    function collectAllArrears() external {
        _atDesk();
    }

    /// @inheritdoc IGroupProviders
    function addProvider(address, DataTerms calldata, bytes calldata) external returns (uint32) {
        _atDesk();
    }

    /// @inheritdoc IGroupProviders
    function changeData(uint32, DataTerms calldata, bytes calldata) external {
        _atDesk();
    }

    /// @inheritdoc IGroupProviders
    function removeProvider(uint32) external {
        _atDesk();
    }

    /// @inheritdoc IGroupProviders
    function giveNotice(uint32) external {
        _atDesk();
    }

    /// @inheritdoc IGroupProviders
    function revokeConsent() external {
        _atDesk();
    }

    /// @inheritdoc IGroupService
    function initialize(uint16) external {
        _atDesk();
    }

    /// @inheritdoc IGroupService
    function enter(address, uint16) external {
        _atDesk();
    }

    /// @inheritdoc IGroupService
    function raiseCeiling(uint16) external {
        _atDesk();
    }

    /// @inheritdoc IGroupService
    function release() external {
        _atDesk();
    }

    /// @inheritdoc IGroupService
    function terminate() external {
        _atDesk();
    }

    /// @inheritdoc IGroupService
    function abandon(uint64) external {
        _atDesk();
    }

    /// @inheritdoc IUpkeeping
    function multicall(bytes[] calldata) external returns (bytes[] memory) {
        _atDesk();
    }

    /// @dev Runs the same function of the desk on this group's storage, and ends the call with its result.
    function _atDesk() private {
        address desk = _desk;
        // Assembly: passes calldata and result on as they are, and returns from the whole call.
        assembly ("memory-safe") {
            let place := mload(0x40)
            calldatacopy(place, 0, calldatasize())
            let ok := delegatecall(gas(), desk, place, calldatasize(), 0, 0)
            returndatacopy(place, 0, returndatasize())
            if iszero(ok) {
                revert(place, returndatasize())
            }
            return(place, returndatasize())
        }
    }
}
