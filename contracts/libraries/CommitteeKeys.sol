// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {IUpkeepingCommittees} from "../interfaces/IUpkeepingCommittees.sol";
import {BLS} from "./BLS.sol";
import {CodeBlob} from "./CodeBlob.sol";
import {Quorum} from "./Quorum.sol";

/// @title Registry keys of a new committee (R2, R3)
library CommitteeKeys {
    /// @notice The members' present keys, 192 bytes each, in contract order.
    /// @dev Refuses a size that is not 3f+1, a member named twice, and operators without a key.
    function gather(IRegistry registry, address[] calldata operators) internal view returns (bytes[] memory keys) {
        uint256 n = operators.length;
        if (n < 4 || n > Quorum.MAX_MEMBERS || n % 3 != 1) {
            uint256 below = n > Quorum.MAX_MEMBERS ? Quorum.MAX_MEMBERS : (n < 4 ? 4 : n - ((n - 1) % 3));
            revert IUpkeepingCommittees.Upkeeping_BadCommitteeSize(below, n);
        }
        keys = new bytes[](n);
        for (uint256 i = 0; i < n; ++i) {
            keys[i] = keyOf(registry, operators[i]);
            for (uint256 j = 0; j < i; ++j) {
                if (operators[j] == operators[i]) revert IUpkeepingCommittees.Upkeeping_DuplicateMember(operators[i]);
            }
        }
    }

    /// @notice An operator's present key, 192 bytes.
    function keyOf(IRegistry registry, address operator) internal view returns (bytes memory key) {
        address blob = registry.keyBlob(operator);
        if (blob == address(0)) revert IUpkeepingCommittees.Upkeeping_NotAKeeper(operator);
        key = new bytes(BLS.KEY_BYTES);
        uint256 to;
        assembly ("memory-safe") {
            to := add(key, 32)
        }
        CodeBlob.read(blob, 0, BLS.KEY_BYTES, to);
    }
}
