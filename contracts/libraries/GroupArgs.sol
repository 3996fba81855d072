// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Config} from "../interfaces/UpkeepingTypes.sol";

/// @notice A group's fixed parameters: memory address of the three packed words that follow the clone's code. A struct
///         would be zeroed first in every call.
type Args is uint256;

using GroupArgs for Args global;

/// @title Immutable arguments of a group (R4, R36)
/// @notice a = payer (160) ‖ price (96); b = token (160) ‖ origin (40) ‖ interval (32) ‖ keeper share (16) ‖ merkle
///         (8); c = turn ‖ slot ‖ answer ‖ confirmations ‖ lockup (32 each) ‖ tolerance (16) ‖ the payer's number of
///         the group (64) ‖ unused (8) ‖ members of the first committee (8). That committee's keys follow, if they fit,
///         as `Quorum` packs them.
library GroupArgs {
    /// @dev A clone's own code is 45 bytes long; the arguments follow.
    uint256 private constant OFFSET = 45;
    /// @dev Where the first committee's keys begin.
    uint256 internal constant KEYS_OFFSET = OFFSET + 96;

    /// @dev The origin is zero here: see `GroupClones`.
    function encode(
        address payer_,
        uint256 number,
        uint256 members_,
        Config memory c
    ) internal pure returns (bytes memory) {
        return
            abi.encodePacked(
                payer_,
                c.price,
                c.token,
                uint40(0),
                c.interval,
                c.keeperShareBps,
                c.merkle,
                c.turn,
                c.slot,
                c.answer,
                c.confirmations,
                c.lockup,
                c.toleranceBps,
                uint64(number),
                uint8(0),
                uint8(members_)
            );
    }

    /// @notice Reads the arguments of the running clone.
    function load() internal view returns (Args args) {
        // Assembly: a clone's arguments are reached only by copying its code.
        assembly ("memory-safe") {
            args := mload(0x40)
            mstore(0x40, add(args, 96))
            extcodecopy(address(), args, OFFSET, 96)
        }
    }

    /// @dev One of the three words: a at 0, b at 32, c at 64.
    function _word(Args args, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(args, offset))
        }
    }

    function config(Args args) internal pure returns (Config memory) {
        return
            Config({
                token: args.token(),
                price: uint96(args.price()),
                interval: uint32(args.interval()),
                turn: uint32(args.turn()),
                slot: uint32(args.slot()),
                answer: uint32(_word(args, 64) >> 160),
                confirmations: uint32(args.confirmations()),
                lockup: uint32(args.lockup()),
                keeperShareBps: uint16(args.keeperShareBps()),
                toleranceBps: uint16(_word(args, 64) >> 80),
                merkle: args.merkle()
            });
    }

    function payer(Args args) internal pure returns (address) {
        return address(uint160(_word(args, 0) >> 96));
    }

    function price(Args args) internal pure returns (uint256) {
        return uint96(_word(args, 0));
    }

    function token(Args args) internal pure returns (address) {
        return address(uint160(_word(args, 32) >> 96));
    }

    function origin(Args args) internal pure returns (uint256) {
        return uint40(_word(args, 32) >> 56);
    }

    function interval(Args args) internal pure returns (uint256) {
        return uint32(_word(args, 32) >> 24);
    }

    function keeperShareBps(Args args) internal pure returns (uint256) {
        return uint16(_word(args, 32) >> 8);
    }

    function merkle(Args args) internal pure returns (bool) {
        return uint8(_word(args, 32)) != 0;
    }

    function turn(Args args) internal pure returns (uint256) {
        return _word(args, 64) >> 224;
    }

    /// @notice Size of the first committee.
    function members(Args args) internal pure returns (uint256) {
        return uint8(_word(args, 64));
    }

    function slot(Args args) internal pure returns (uint256) {
        return uint32(_word(args, 64) >> 192);
    }

    function confirmations(Args args) internal pure returns (uint256) {
        return uint32(_word(args, 64) >> 128);
    }

    function lockup(Args args) internal pure returns (uint256) {
        return uint32(_word(args, 64) >> 96);
    }
}
