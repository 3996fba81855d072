// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {KeepersPart, Payout, Period, ProviderPart, SettledInterval} from "../interfaces/Types.sol";

/// @title Fields of the words that a committee passes to a group, and of those in a group's events
/// @notice Layouts are in `interfaces/Types.sol`.
library Words {
    /// @dev `sender` of a payout in which the leader keeps its share.
    uint256 internal constant NO_SENDER = 255;

    function encodePeriod(
        uint32 number_,
        uint32 version_,
        uint40 versionFrom_,
        uint40 certifiedThrough_,
        uint40 ts_,
        uint40 te_
    ) internal pure returns (Period) {
        uint256 upper = (uint256(number_) << 192) | (uint256(version_) << 160) | (uint256(versionFrom_) << 120);
        return Period.wrap(upper | (uint256(certifiedThrough_) << 80) | (uint256(ts_) << 40) | te_);
    }

    function encodePayout(
        uint8 sender_,
        uint8 paid_,
        uint8 divisor_,
        uint8 n_,
        uint256 unpaid_
    ) internal pure returns (Payout) {
        uint256 upper = (uint256(sender_) << 148) | (uint256(paid_) << 140) | (uint256(divisor_) << 132);
        return Payout.wrap(upper | (uint256(n_) << 124) | (unpaid_ & ((1 << 124) - 1)));
    }

    function number(Period p) internal pure returns (uint256) {
        return uint32(Period.unwrap(p) >> 192);
    }

    function version(Period p) internal pure returns (uint256) {
        return uint32(Period.unwrap(p) >> 160);
    }

    function versionFrom(Period p) internal pure returns (uint256) {
        return uint40(Period.unwrap(p) >> 120);
    }

    function certifiedThrough(Period p) internal pure returns (uint256) {
        return uint40(Period.unwrap(p) >> 80);
    }

    function ts(Period p) internal pure returns (uint256) {
        return uint40(Period.unwrap(p) >> 40);
    }

    function te(Period p) internal pure returns (uint256) {
        return uint40(Period.unwrap(p));
    }

    function sender(Payout p) internal pure returns (uint256) {
        return uint8(Payout.unwrap(p) >> 148);
    }

    function paid(Payout p) internal pure returns (uint256) {
        return uint8(Payout.unwrap(p) >> 140);
    }

    function divisor(Payout p) internal pure returns (uint256) {
        return uint8(Payout.unwrap(p) >> 132);
    }

    function n(Payout p) internal pure returns (uint256) {
        return uint8(Payout.unwrap(p) >> 124);
    }

    function unpaid(Payout p) internal pure returns (uint256) {
        return Payout.unwrap(p) & ((1 << 124) - 1);
    }

    function settledInterval(
        Period period,
        Payout payout,
        uint256 from,
        uint256 through
    ) internal pure returns (SettledInterval) {
        uint256 blocks = (version(period) << 212) | (from << 172) | (through << 132);
        return SettledInterval.wrap(blocks | (sender(payout) << 124) | unpaid(payout));
    }

    function keepersPart(uint256 divisor_, uint256 cut, uint256 fee) internal pure returns (KeepersPart) {
        return KeepersPart.wrap((divisor_ << 192) | (cut << 96) | fee);
    }

    function providerPart(uint256 provider, uint256 spaceTime, uint256 amount) internal pure returns (ProviderPart) {
        return ProviderPart.wrap((provider << 224) | (spaceTime << 96) | amount);
    }
}
