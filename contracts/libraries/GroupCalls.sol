// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {LeafHead, Payout, Period} from "../interfaces/Types.sol";
import {Run, Runs} from "./Runs.sol";

/// @title Groups handed in: their leaves (R27) and their calls (R29), in one copy of their words
/// @notice The words of a group are its head and its items, as they are hashed for its leaf. A call is made in the same
///         place: the length of the items takes the place of the head, and the other words of the call stand before it:
///         the selector, in the last four bytes of a word; period; payout; offset of the items. These are words of
///         groups that have been called already.
library GroupCalls {
    using GroupCalls for Run;
    using GroupCalls for LeafHead;

    /// @dev Words of a call before its group's head.
    uint256 private constant BEFORE = 4;
    uint256 private constant SELECTOR = 0;
    uint256 private constant PERIOD = 1;
    uint256 private constant PAYOUT = 2;
    uint256 private constant OFFSET = 3;
    uint256 private constant LENGTH = 4;
    /// @dev From the first argument to the length.
    uint256 private constant ITEMS_OFFSET = 96;
    /// @dev Most providers of a group (R33).
    uint256 private constant MAX_ITEMS = 256;

    /// @notice Copies the words of groups, and hashes each one's leaf: keccak256(keccak256(head ‖ items)).
    /// @return groups the words, behind room for a call
    /// @return leaves of these groups
    /// @return count number of these groups
    function load(uint256[] calldata words) internal pure returns (Run groups, Run leaves, uint256 count) {
        uint256 end = words.length;
        // Unchecked: calldata are shorter than 2^64; a group has 257 words at most.
        unchecked {
            groups = Runs.make(BEFORE + end).skip(BEFORE);
            groups.copy(0, words);
            // Each group has one word at least.
            leaves = Runs.make(end);
            for (uint256 place = 0; place < end; ++count) {
                uint256 size = groups.skip(place).headOf().items();
                if (size > MAX_ITEMS) revert ICommittee.Committee_BadGroupItems(MAX_ITEMS, size);
                ++size;
                if (place + size > end) revert ICommittee.Committee_GroupCutOff(place + size, end);
                leaves.put(count, Runs.hash(groups.hashFrom(place, size)));
                place += size;
            }
        }
    }

    /// @notice The first of the groups' heads.
    function headOf(Run groups) internal pure returns (LeafHead) {
        return LeafHead.wrap(groups.get(0));
    }

    /// @notice Number of items, with all bits above it.
    function items(LeafHead head) internal pure returns (uint256) {
        return LeafHead.unwrap(head) >> 192;
    }

    function number(LeafHead head) internal pure returns (uint32) {
        return uint32(LeafHead.unwrap(head) >> 160);
    }

    function group(LeafHead head) internal pure returns (address) {
        return address(uint160(LeafHead.unwrap(head)));
    }

    /// @notice Calls the first of the groups with this much gas, whatever it returns, and overwrites its head.
    /// @param head of this group
    /// @param base the period without the group's number
    function send(Run groups, LeafHead head, Period base, Payout payout, uint256 gas_) internal returns (bool settled) {
        Run call_ = groups.back(BEFORE);
        call_.put(SELECTOR, uint32(IUpkeeping.creditItems.selector));
        call_.put(PERIOD, Period.unwrap(base) | (uint256(head.number()) << 192));
        call_.put(PAYOUT, Payout.unwrap(payout));
        call_.put(OFFSET, ITEMS_OFFSET);
        call_.put(LENGTH, head.items());
        address to = head.group();
        uint256 size = head.items();
        // Assembly: a call with a gas limit, of which nothing is copied back, however much it returns. Its data begin
        // with the selector's four bytes, and have four words in front of the items.
        assembly ("memory-safe") {
            settled := call(gas_, to, 0, add(call_, 28), add(132, shl(5, size)), 0, 0)
        }
    }
}
