// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {BLS} from "../libraries/BLS.sol";
import {CodeBlob} from "../libraries/CodeBlob.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";

/// @title Members of a committee and their keys in the registry (R2, R3, R37)
library MemberKeys {
    uint256 private constant ADDRESS_BYTES = 20;

    /// @notice Refuses a size that is not 3f+1 with f ≥ 1, or does not fit a code blob (R2).
    function checkSize(uint256 n) internal pure {
        if (n >= 4 && n <= Quorum.MAX_MEMBERS && n % 3 == 1) return;
        uint256 below = n < 4 ? 4 : n - ((n - 1) % 3);
        revert ICommittee.Committee_BadSize(n > Quorum.MAX_MEMBERS ? Quorum.MAX_MEMBERS : below, n);
    }

    /// @notice Refuses an operator that is named twice or is no registered keeper.
    function checkOperators(IRegistry registry, address[] memory operators) internal view {
        for (uint256 i = 0; i < operators.length; ++i) {
            if (registry.keyBlob(operators[i]) == address(0)) revert ICommittee.Committee_NotAKeeper(operators[i]);
        }
        checkDistinct(operators);
    }

    /// @notice Refuses an operator that is named twice.
    function checkDistinct(address[] memory operators) internal pure {
        for (uint256 i = 0; i < operators.length; ++i) {
            for (uint256 j = 0; j < i; ++j) {
                if (operators[j] == operators[i]) revert ICommittee.Committee_DuplicateMember(operators[i]);
            }
        }
    }

    /// @notice The members' present keys, 192 bytes each, in contract order.
    function gather(IRegistry registry, address[] memory operators) internal view returns (bytes[] memory keys) {
        keys = new bytes[](operators.length);
        for (uint256 i = 0; i < operators.length; ++i) {
            keys[i] = keyOf(registry, operators[i]);
        }
    }

    /// @notice An operator's present key, 192 bytes.
    function keyOf(IRegistry registry, address operator) internal view returns (bytes memory key) {
        address blob = registry.keyBlob(operator);
        if (blob == address(0)) revert ICommittee.Committee_NotAKeeper(operator);
        key = new bytes(BLS.KEY_BYTES);
        uint256 to;
        // Assembly: the address of the bytes in memory.
        assembly ("memory-safe") {
            to := add(key, 32)
        }
        CodeBlob.read(blob, 0, BLS.KEY_BYTES, to);
    }

    /// @notice Puts a list of operators without keys in a blob, to be read by `readList`.
    function storeList(address[] memory operators) internal returns (address blob) {
        bytes memory list;
        for (uint256 i = 0; i < operators.length; ++i) {
            list = bytes.concat(list, bytes20(operators[i]));
        }
        return CodeBlob.create(list);
    }

    /// @notice The n operators of such a blob.
    function readList(address blob, uint256 n) internal view returns (address[] memory operators) {
        operators = new address[](n);
        bytes memory list = new bytes(n * ADDRESS_BYTES);
        uint256 to;
        // Assembly: the address of the bytes in memory.
        assembly ("memory-safe") {
            to := add(list, 32)
        }
        CodeBlob.read(blob, 0, list.length, to);
        // Assembly: words of 32 bytes from a list of 20 bytes each; the upper 20 of each are the address.
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, n) {
                i := add(i, 1)
            } {
                mstore(add(add(operators, 32), shl(5, i)), shr(96, mload(add(to, mul(i, 20)))))
            }
        }
    }

    /// @notice Place of an operator in a list, or the list's length.
    function indexIn(address[] memory operators, address operator) internal pure returns (uint256 index) {
        while (index < operators.length && operators[index] != operator) ++index;
    }
}
