// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {GroupConfig} from "../interfaces/Types.sol";

/// @notice A group's immutable arguments: memory address of their three words. A struct would be zeroed first in every
///         call.
type Arguments is uint256;

using GroupArguments for Arguments global;

/// @title Immutable arguments of a group, behind the clone's code (R4, R36)
/// @notice payer (160) ‖ keeperFee (96); token (160) ‖ block of creation (40) ‖ lockup (32) ‖ keeper share (16) ‖
///         unused (8); first committee (160) ‖ the payer's number of the group (64) ‖ unused (32).
library GroupArguments {
    /// @dev A clone's own code is 45 bytes long; the arguments follow.
    uint256 private constant OFFSET = 45;

    /// @dev The block of creation is zero here: see `Clones`.
    function encode(
        address payer_,
        address committee_,
        uint64 number,
        GroupConfig memory c
    ) internal pure returns (bytes memory) {
        return
            abi.encodePacked(
                payer_,
                c.keeperFee,
                c.token,
                uint40(0),
                c.lockup,
                c.keeperShareBps,
                uint8(0),
                committee_,
                number,
                uint32(0)
            );
    }

    /// @notice Reads the arguments of the running clone.
    function load() internal view returns (Arguments args) {
        // Assembly: a clone's arguments are reached only by copying its code.
        assembly ("memory-safe") {
            args := mload(0x40)
            mstore(0x40, add(args, 96))
            extcodecopy(address(), args, OFFSET, 96)
        }
    }

    /// @dev One of the three words, at 0, 32 or 64.
    function _word(Arguments args, uint256 offset) private pure returns (uint256 word) {
        // Assembly: a word in memory.
        assembly ("memory-safe") {
            word := mload(add(args, offset))
        }
    }

    function firstPayer(Arguments args) internal pure returns (address) {
        return address(uint160(_word(args, 0) >> 96));
    }

    function keeperFee(Arguments args) internal pure returns (uint256) {
        return uint96(_word(args, 0));
    }

    function token(Arguments args) internal pure returns (address) {
        return address(uint160(_word(args, 32) >> 96));
    }

    function createdAt(Arguments args) internal pure returns (uint256) {
        return uint40(_word(args, 32) >> 56);
    }

    function lockup(Arguments args) internal pure returns (uint256) {
        return uint32(_word(args, 32) >> 24);
    }

    function keeperShareBps(Arguments args) internal pure returns (uint256) {
        return uint16(_word(args, 32) >> 8);
    }

    function firstCommittee(Arguments args) internal pure returns (address) {
        return address(uint160(_word(args, 64) >> 96));
    }
}
