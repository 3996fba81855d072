// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Gas that a group needs at worst to settle one interval (R29)
/// @notice A committee calls each group with this much: enough for first-time slots, arrears, 16 changes of every
///         provider, a changed version, everybody's debts flushed, and the end of a service. The bound of the largest
///         group in the largest committee fits a transaction beside the signature. A test holds each constant against
///         what the worst states need.
library SettlementGas {
    /// @dev Everything that does not depend on the number of providers or members.
    uint256 private constant BASE = 300_000;
    /// @dev A new slot for each member whose debt is flushed, once: an account that closes keeps its run.
    uint256 private constant PER_MEMBER = 23_000;
    /// @dev The word, changes, rate and arrears of a provider.
    uint256 private constant PER_ITEM = 47_500;

    /// @param items providers in the certificate
    /// @param n members of the committee
    function worst(uint256 items, uint256 n) internal pure returns (uint256) {
        // Unchecked: at most 256 items and 124 members.
        unchecked {
            return BASE + PER_MEMBER * n + PER_ITEM * items;
        }
    }
}
