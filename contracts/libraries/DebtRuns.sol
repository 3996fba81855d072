// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Debts of the members that are unpaid one settlement after another, in one slot: version whose account is
///         open, 0 if none is (32) ‖ unpaid members (124) ‖ what each of them would have got (100).
type DebtRun is uint256;

using DebtRuns for DebtRun global;

/// @title Fields of a run of debts
library DebtRuns {
    uint256 private constant VERSION_AT = 224;
    uint256 private constant UNPAID_AT = 100;
    uint256 private constant UNPAID_BITS = 124;

    /// @notice The run of a version's account that opens; `run` is empty, or of the same version.
    function opened(DebtRun run, uint256 version_) internal pure returns (DebtRun) {
        return DebtRun.wrap(DebtRun.unwrap(run) | (version_ << VERSION_AT));
    }

    /// @notice An empty run of other members.
    function restarted(DebtRun run, uint256 unpaid_) internal pure returns (DebtRun) {
        return DebtRun.wrap((run.version() << VERSION_AT) | (unpaid_ << UNPAID_AT));
    }

    /// @notice Fits: the sum of all shares of a version is below 2^96.
    function plus(DebtRun run, uint256 share) internal pure returns (DebtRun) {
        return DebtRun.wrap(DebtRun.unwrap(run) + share);
    }

    function version(DebtRun run) internal pure returns (uint256) {
        return DebtRun.unwrap(run) >> VERSION_AT;
    }

    function unpaid(DebtRun run) internal pure returns (uint256) {
        return (DebtRun.unwrap(run) >> UNPAID_AT) & ((1 << UNPAID_BITS) - 1);
    }

    function debt(DebtRun run) internal pure returns (uint256) {
        return DebtRun.unwrap(run) & ((1 << UNPAID_AT) - 1);
    }
}
