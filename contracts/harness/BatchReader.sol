// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Many views in one call, so that tests can compare whole states after every step
contract BatchReader {
    /// @return results what each call returned; reverts with the first error
    function read(address[] calldata targets, bytes[] calldata calls) external view returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory result) = targets[i].staticcall(calls[i]);
            // Assembly: passes on the error as it is.
            if (!ok)
                assembly ("memory-safe") {
                    revert(add(result, 32), mload(result))
                }
            results[i] = result;
        }
    }
}
