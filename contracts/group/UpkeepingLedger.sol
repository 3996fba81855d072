// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {GroupArguments} from "../libraries/GroupArguments.sol";
import {Head} from "../libraries/Heads.sol";
import {UpkeepingCourse} from "./UpkeepingCourse.sol";

/// @title The books of a group (S2)
abstract contract UpkeepingLedger is UpkeepingCourse {
    function _onlyFactory() internal view {
        if (msg.sender != _factory) revert IGroupMoney.Upkeeping_NotFactory(_factory, msg.sender);
    }

    /// @dev What the address holds and is not on the books.
    function _unbooked() internal view returns (uint256) {
        address token = GroupArguments.load().token();
        uint256 held = token == address(0) ? address(this).balance : IERC20(token).balanceOf(address(this));
        uint256 booked = _ledger.deposited - _ledger.paidOut;
        return held > booked ? held - booked : 0;
    }

    function _book(uint256 amount) internal {
        if (amount == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        Ledger storage ledger = _ledger;
        uint256 deposited = ledger.deposited + amount;
        if (deposited > MAX_MONEY) revert IGroupMoney.Upkeeping_TooMuchMoney(MAX_MONEY - ledger.deposited, amount);
        ledger.deposited = uint96(deposited);
        Head memory head = _loadHead();
        head.available += amount;
        _storeHead(head);
        emit IGroupMoney.Deposited(msg.sender, amount);
    }

    /// @dev One ratio for all: min(1, available / due), rounded down. Fits: below 2^130 times below 2^96.
    function _scaled(uint256 amount, uint256 available, uint256 due) internal pure returns (uint256) {
        return due > available ? (amount * available) / due : amount;
    }
}
