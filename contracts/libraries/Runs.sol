// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Memory address of a run of words. It does not know its length: whoever uses it proves that a place is
///         within.
type Run is uint256;

using Runs for Run global;

/// @title Words behind each other in memory
/// @notice For what is done for every group and every provider of a settlement: an array of Solidity is filled with
///         zeros first, and every access compares the place with the length (60 gas). All assembly of this library is
///         for that.
library Runs {
    /// @notice A run of `size` words, not zeroed.
    function make(uint256 size) internal pure returns (Run run) {
        assembly ("memory-safe") {
            run := mload(0x40)
            mstore(0x40, add(run, shl(5, size)))
        }
    }

    /// @notice The run without its first `places` words.
    function skip(Run run, uint256 places) internal pure returns (Run rest) {
        assembly ("memory-safe") {
            rest := add(run, shl(5, places))
        }
    }

    /// @notice The run with `places` words before it.
    function back(Run run, uint256 places) internal pure returns (Run whole) {
        assembly ("memory-safe") {
            whole := sub(run, shl(5, places))
        }
    }

    function get(Run run, uint256 place) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(run, shl(5, place)))
        }
    }

    function put(Run run, uint256 place, uint256 word) internal pure {
        assembly ("memory-safe") {
            mstore(add(run, shl(5, place)), word)
        }
    }

    /// @notice Copies words from calldata to `place` and behind it.
    function copy(Run run, uint256 place, uint256[] calldata words) internal pure {
        assembly ("memory-safe") {
            calldatacopy(add(run, shl(5, place)), words.offset, shl(5, words.length))
        }
    }

    /// @notice keccak256 of `count` words from `place` on.
    function hashFrom(Run run, uint256 place, uint256 count) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := keccak256(add(run, shl(5, place)), shl(5, count))
        }
    }

    /// @notice keccak256 of the words at `place` and place + 1.
    function hashPair(Run run, uint256 place) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := keccak256(add(run, shl(5, place)), 64)
        }
    }

    /// @notice keccak256 of one word.
    function hash(uint256 single) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            mstore(0x00, single)
            word := keccak256(0x00, 32)
        }
    }

    /// @notice keccak256(left ‖ right).
    function hash(uint256 left, uint256 right) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            word := keccak256(0x00, 64)
        }
    }

    /// @notice keccak256(node ‖ sibling) for place 0, keccak256(sibling ‖ node) for place 1.
    function hashBeside(uint256 node, uint256 place, uint256 sibling) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            let at_ := shl(5, place)
            mstore(at_, node)
            mstore(xor(at_, 0x20), sibling)
            word := keccak256(0x00, 64)
        }
    }
}
