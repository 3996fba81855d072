// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {GroupItems, Payout, Period} from "../interfaces/Types.sol";
import {Run, Runs} from "./Runs.sol";

/// @title A group's leaf (R27) and its call (R29), from one copy of its items
/// @notice A call is a run of words: the group's address; the selector, in the last four bytes of a word; the arguments
///         of `creditItems` as the ABI encodes them: period, payout, offset and length of the items, the items.
library GroupCalls {
    uint256 private constant GROUP = 0;
    uint256 private constant SELECTOR = 1;
    uint256 private constant PERIOD = 2;
    uint256 private constant PAYOUT = 3;
    uint256 private constant OFFSET = 4;
    uint256 private constant LENGTH = 5;
    uint256 private constant ITEMS = 6;
    /// @dev From the first argument to the length.
    uint256 private constant ITEMS_OFFSET = 96;
    /// @dev Most providers of a group (R33).
    uint256 private constant MAX_ITEMS = 256;

    /// @notice Makes a group's call, and its leaf: keccak256(keccak256(head ‖ items)), head = items(16) ‖ number(32) ‖
    ///         group(160).
    /// @param base the period without the group's number
    function make(GroupItems calldata g, Period base, Payout payout) internal pure returns (Run call, uint256 leaf) {
        uint256[] calldata items = g.items;
        (uint256 number_, uint256 to, uint256 size) = (g.number, uint160(g.group), items.length);
        if (size > MAX_ITEMS) revert ICommittee.Committee_BadGroupItems(MAX_ITEMS, size);
        // Unchecked: at most 256 items.
        unchecked {
            call = Runs.make(ITEMS + size);
            call.copy(ITEMS, items);
            // The leaf's head stands where the call has the length.
            call.put(LENGTH, (size << 192) | (number_ << 160) | to);
            leaf = Runs.hash(call.hashFrom(LENGTH, 1 + size));
        }
        call.put(GROUP, to);
        call.put(SELECTOR, uint32(IUpkeeping.creditItems.selector));
        call.put(PERIOD, Period.unwrap(base) | (number_ << 192));
        call.put(PAYOUT, Payout.unwrap(payout));
        call.put(OFFSET, ITEMS_OFFSET);
        call.put(LENGTH, size);
    }

    function group(Run call) internal pure returns (address) {
        return address(uint160(call.get(GROUP)));
    }

    function number(Run call) internal pure returns (uint32) {
        return uint32(call.get(PERIOD) >> 192);
    }

    /// @notice Number of items.
    function count(Run call) internal pure returns (uint256) {
        return call.get(LENGTH);
    }

    /// @notice Calls the group with this much gas, whatever it returns.
    function send(Run call_, uint256 gas_) internal returns (bool settled) {
        address to = group(call_);
        uint256 size = count(call_);
        // Assembly: a call with a gas limit, of which nothing is copied back, however much it returns. Its data begin
        // with the selector's four bytes, and have four words in front of the items.
        assembly ("memory-safe") {
            settled := call(gas_, to, 0, add(call_, 60), add(132, shl(5, size)), 0, 0)
        }
    }
}
