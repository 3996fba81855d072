// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Config} from "../interfaces/UpkeepingTypes.sol";

/// @notice A group's fixed parameters as three packed words, behind the clone's code.
struct Args {
    uint256 a;
    uint256 b;
    uint256 c;
}

using GroupArgs for Args global;

/// @title Immutable arguments of a group (R4, R36)
/// @notice a = payer (160) ‖ price (96); b = token (160) ‖ origin (40) ‖ interval (32) ‖ keeper share (16) ‖ merkle (8);
///         c = turn ‖ slot ‖ answer ‖ confirmations ‖ lockup (32 each) ‖ tolerance (16) ‖ the payer's number of the group (64)
///         ‖ unused (8) ‖ members of the first committee (8). Behind them, if there is room, that committee's keys as `Quorum` packs them.
library GroupArgs {
    /// @dev A clone's own code is 45 bytes long; the arguments follow.
    uint256 private constant OFFSET = 45;
    /// @dev Where the first committee's keys begin.
    uint256 internal constant KEYS_OFFSET = OFFSET + 96;

    /// @dev The origin is zero here: see `GroupClones`.
    function encode(address payer_, uint256 number, uint256 members_, Config memory c)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(
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
    function load() internal view returns (Args memory args) {
        // Assembly: a clone's arguments are reached only by copying its code.
        assembly ("memory-safe") {
            extcodecopy(address(), args, OFFSET, 96)
        }
    }

    function config(Args memory args) internal pure returns (Config memory) {
        return Config({
            token: args.token(),
            price: uint96(args.price()),
            interval: uint32(args.interval()),
            turn: uint32(args.turn()),
            slot: uint32(args.slot()),
            answer: uint32(args.c >> 160),
            confirmations: uint32(args.confirmations()),
            lockup: uint32(args.lockup()),
            keeperShareBps: uint16(args.keeperShareBps()),
            toleranceBps: uint16(args.c >> 80),
            merkle: args.merkle()
        });
    }

    function payer(Args memory args) internal pure returns (address) {
        return address(uint160(args.a >> 96));
    }

    function price(Args memory args) internal pure returns (uint256) {
        return uint96(args.a);
    }

    function token(Args memory args) internal pure returns (address) {
        return address(uint160(args.b >> 96));
    }

    function origin(Args memory args) internal pure returns (uint256) {
        return uint40(args.b >> 56);
    }

    function interval(Args memory args) internal pure returns (uint256) {
        return uint32(args.b >> 24);
    }

    function keeperShareBps(Args memory args) internal pure returns (uint256) {
        return uint16(args.b >> 8);
    }

    function merkle(Args memory args) internal pure returns (bool) {
        return uint8(args.b) != 0;
    }

    function turn(Args memory args) internal pure returns (uint256) {
        return args.c >> 224;
    }

    /// @notice Size of the first committee.
    function members(Args memory args) internal pure returns (uint256) {
        return uint8(args.c);
    }

    function slot(Args memory args) internal pure returns (uint256) {
        return uint32(args.c >> 192);
    }

    function confirmations(Args memory args) internal pure returns (uint256) {
        return uint32(args.c >> 128);
    }

    function lockup(Args memory args) internal pure returns (uint256) {
        return uint32(args.c >> 96);
    }
}
