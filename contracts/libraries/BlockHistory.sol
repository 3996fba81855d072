// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hashes of the last 8,191 blocks (EIP-2935)
library BlockHistory {
    address private constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;

    /// @notice Hash of a block, or 0 where the chain does not give it.
    /// @dev The contract at this address reverts for a block outside its window, and is a stub on development chains:
    ///      an answer counts only if the call succeeds and gives one word.
    function hashOf(uint256 blockNumber) internal view returns (bytes32 hash) {
        hash = blockhash(blockNumber);
        if (hash != bytes32(0)) return hash;
        // Assembly: half the code of a call that copies its answer. Arguments are evaluated from the right, so that the
        // size is that of this call's answer; the first word of memory is scratch space.
        assembly ("memory-safe") {
            mstore(0x00, blockNumber)
            if and(eq(returndatasize(), 32), staticcall(gas(), HISTORY, 0x00, 32, 0x00, 32)) {
                hash := mload(0x00)
            }
        }
    }
}
