// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Rhythm, Terms} from "../interfaces/Types.sol";

/// @notice A committee's immutable arguments: memory address of their three words. A struct would be zeroed first in
///         every call.
type Constitution is uint256;

using CommitteeArguments for Constitution global;

/// @title Immutable arguments of a committee, behind the clone's code (R4, R36, R38)
/// @notice convener (160) ‖ least keeperFee (96); token (160) ‖ block of creation (40) ‖ most providers (32) ‖ least
///         keeper share (16) ‖ open (8); interval ‖ turn ‖ slot ‖ answer ‖ confirmations (32 each) ‖ tolerance (16) ‖
///         the convener's number of the committee (64) ‖ unused (8) ‖ n (8). The first members' keys follow as `Quorum`
///         packs them, or their hash if they do not fit.
library CommitteeArguments {
    /// @dev A clone's own code is 45 bytes long; the arguments follow.
    uint256 private constant OFFSET = 45;

    /// @dev The block of creation is zero here: see `Clones`.
    function encode(
        address convener_,
        uint64 number,
        uint256 members,
        Rhythm memory r,
        Terms memory t
    ) internal pure returns (bytes memory) {
        return
            bytes.concat(
                abi.encodePacked(
                    convener_,
                    t.leastKeeperFee,
                    t.token,
                    uint40(0),
                    t.mostProviders,
                    t.leastKeeperShareBps,
                    t.open
                ),
                abi.encodePacked(
                    r.interval,
                    r.turn,
                    r.slot,
                    r.answer,
                    r.confirmations,
                    r.toleranceBps,
                    number,
                    uint8(0),
                    uint8(members)
                )
            );
    }

    /// @notice Reads the arguments of the running clone.
    function load() internal view returns (Constitution args) {
        // Assembly: a clone's arguments are reached only by copying its code.
        assembly ("memory-safe") {
            args := mload(0x40)
            mstore(0x40, add(args, 96))
            extcodecopy(address(), args, OFFSET, 96)
        }
    }

    /// @dev One of the three words, at 0, 32 or 64.
    function _word(Constitution args, uint256 offset) private pure returns (uint256 word) {
        // Assembly: a word in memory.
        assembly ("memory-safe") {
            word := mload(add(args, offset))
        }
    }

    function rhythm(Constitution args) internal pure returns (Rhythm memory) {
        return
            Rhythm({
                interval: uint32(args.interval()),
                turn: uint32(args.turn()),
                slot: uint32(args.slot()),
                answer: uint32(_word(args, 64) >> 128),
                confirmations: uint32(args.confirmations()),
                toleranceBps: uint16(_word(args, 64) >> 80)
            });
    }

    function terms(Constitution args) internal pure returns (Terms memory) {
        return
            Terms({
                token: address(uint160(_word(args, 32) >> 96)),
                leastKeeperFee: uint96(_word(args, 0)),
                leastKeeperShareBps: uint16(_word(args, 32) >> 8),
                mostProviders: uint32(args.mostProviders()),
                open: uint8(_word(args, 32)) != 0
            });
    }

    function convener(Constitution args) internal pure returns (address) {
        return address(uint160(_word(args, 0) >> 96));
    }

    function mostProviders(Constitution args) internal pure returns (uint256) {
        return uint32(_word(args, 32) >> 24);
    }

    function interval(Constitution args) internal pure returns (uint256) {
        return _word(args, 64) >> 224;
    }

    function turn(Constitution args) internal pure returns (uint256) {
        return uint32(_word(args, 64) >> 192);
    }

    function slot(Constitution args) internal pure returns (uint256) {
        return uint32(_word(args, 64) >> 160);
    }

    function confirmations(Constitution args) internal pure returns (uint256) {
        return uint32(_word(args, 64) >> 96);
    }

    /// @notice n (R2).
    function size(Constitution args) internal pure returns (uint256) {
        return uint8(_word(args, 64));
    }

    /// @notice f = (n − 1) / 3 (R2).
    function faults(Constitution args) internal pure returns (uint256) {
        return faultsOf(args.size());
    }

    function faultsOf(uint256 n) internal pure returns (uint256) {
        // Unchecked: n is at least 4 (R2).
        unchecked {
            return (n - 1) / 3;
        }
    }

    /// @notice q = 2f + 1 (R2).
    function quorum(uint256 n) internal pure returns (uint256) {
        // Unchecked: n is at most 124 (R2).
        unchecked {
            return 2 * faultsOf(n) + 1;
        }
    }
}
