// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Narrow} from "./Narrow.sol";

/// @notice What every certificate reads, in one slot: certified through (40) ‖ origin block, 0: not formed (40) ‖ first
///         block of the version in force (40) ‖ that version (32) ‖ last group number (32) ‖ Σ ceilings (32) ‖
///         memberships without an end (32) ‖ flags (8).
type Progress is uint256;

using ProgressWords for Progress global;

/// @title Fields of a committee's first slot: one SLOAD and one SSTORE
library ProgressWords {
    /// @dev The keys of the version in force are in a blob, not in the committee's own code.
    uint256 internal constant ELSEWHERE = 1;
    /// @dev A complete version waits to take effect.
    uint256 internal constant SUCCESSION = 2;

    uint256 private constant CERTIFIED_AT = 216;
    uint256 private constant ORIGIN_AT = 176;
    uint256 private constant VERSION_FROM_AT = 136;
    uint256 private constant VERSION_AT = 104;
    uint256 private constant LAST_NUMBER_AT = 72;
    uint256 private constant RESERVED_AT = 40;
    uint256 private constant OPEN_AT = 8;

    function certifiedThrough(Progress p) internal pure returns (uint40) {
        return uint40(Progress.unwrap(p) >> CERTIFIED_AT);
    }

    function origin(Progress p) internal pure returns (uint40) {
        return uint40(Progress.unwrap(p) >> ORIGIN_AT);
    }

    function versionFrom(Progress p) internal pure returns (uint40) {
        return uint40(Progress.unwrap(p) >> VERSION_FROM_AT);
    }

    function version(Progress p) internal pure returns (uint32) {
        return uint32(Progress.unwrap(p) >> VERSION_AT);
    }

    function lastNumber(Progress p) internal pure returns (uint32) {
        return uint32(Progress.unwrap(p) >> LAST_NUMBER_AT);
    }

    function reserved(Progress p) internal pure returns (uint32) {
        return uint32(Progress.unwrap(p) >> RESERVED_AT);
    }

    function open(Progress p) internal pure returns (uint32) {
        return uint32(Progress.unwrap(p) >> OPEN_AT);
    }

    function has(Progress p, uint256 flag) internal pure returns (bool) {
        return Progress.unwrap(p) & flag != 0;
    }

    function with(Progress p, uint256 flag) internal pure returns (Progress) {
        return Progress.wrap(Progress.unwrap(p) | flag);
    }

    function without(Progress p, uint256 flag) internal pure returns (Progress) {
        return Progress.wrap(Progress.unwrap(p) & ~flag);
    }

    function withCertifiedThrough(Progress p, uint256 value) internal pure returns (Progress) {
        return _put(p, CERTIFIED_AT, 40, value);
    }

    function withOrigin(Progress p, uint256 value) internal pure returns (Progress) {
        return _put(p, ORIGIN_AT, 40, value);
    }

    function withVersion(Progress p, uint256 value, uint256 from) internal pure returns (Progress) {
        return _put(_put(p, VERSION_AT, 32, value), VERSION_FROM_AT, 40, from);
    }

    function withLastNumber(Progress p, uint256 value) internal pure returns (Progress) {
        return _put(p, LAST_NUMBER_AT, 32, value);
    }

    function withReserved(Progress p, uint256 value) internal pure returns (Progress) {
        return _put(p, RESERVED_AT, 32, value);
    }

    function withOpen(Progress p, uint256 value) internal pure returns (Progress) {
        return _put(p, OPEN_AT, 32, value);
    }

    function _put(Progress p, uint256 place, uint256 bits, uint256 value) private pure returns (Progress) {
        uint256 others = Progress.unwrap(p) & ~(((1 << bits) - 1) << place);
        return Progress.wrap(others | (Narrow.check(value, bits) << place));
    }
}
