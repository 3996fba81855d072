// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Checked casts to narrow fields
library Narrow {
    /// @notice A value does not fit a field of so many bits.
    error Narrow_TooWide(uint256 bits, uint256 value);

    function check(uint256 value, uint256 bits) internal pure returns (uint256) {
        if (value >> bits != 0) revert Narrow_TooWide(bits, value);
        return value;
    }

    function to40(uint256 value) internal pure returns (uint40) {
        return uint40(check(value, 40));
    }

    function to64(uint256 value) internal pure returns (uint64) {
        return uint64(check(value, 64));
    }

    function to88(uint256 value) internal pure returns (uint88) {
        return uint88(check(value, 88));
    }

    function to96(uint256 value) internal pure returns (uint96) {
        return uint96(check(value, 96));
    }

    function to128(uint256 value) internal pure returns (uint128) {
        return uint128(check(value, 128));
    }

    function to168(uint256 value) internal pure returns (uint168) {
        return uint168(check(value, 168));
    }

    function min(uint256 x, uint256 y) internal pure returns (uint256) {
        return x < y ? x : y;
    }

    function max(uint256 x, uint256 y) internal pure returns (uint256) {
        return x > y ? x : y;
    }
}
