// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SettlementGas} from "../libraries/SettlementGas.sol";

/// @title The bound on a group's gas, and the gas of one step that tests cannot reach in a settlement
contract SettlementGasHarness {
    function worst(uint256 items, uint256 n) external pure returns (uint256) {
        return SettlementGas.worst(items, n);
    }

    /// @notice Gas of ⌊x·y / denominator⌋, of which x·y may have 512 bits.
    function divisionGas(uint256 x, uint256 y, uint256 denominator) external view returns (uint256 used) {
        used = gasleft();
        if (Math.mulDiv(x, y, denominator) == type(uint256).max) revert();
        used -= gasleft();
    }
}
