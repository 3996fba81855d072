// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Data stored as the code of a contract
/// @notice The first byte is STOP, so the data cannot run. Reading code is cheaper than reading storage slots.
library CodeBlob {
    /// @notice The blob could not be created.
    error CodeBlob_NotCreated(uint256 size);

    /// @notice Creates a contract whose code is 00 ‖ data (at most 24,575 bytes).
    function create(bytes memory data) internal returns (address blob) {
        uint256 size = data.length + 1;
        // Init code of ten bytes: copy what follows into memory and return it; then STOP.
        bytes memory init = abi.encodePacked(hex"61", uint16(size), hex"80600a3d393df300", data);
        // Assembly: CREATE has no other form for raw init code.
        assembly ("memory-safe") {
            blob := create(0, add(init, 32), mload(init))
        }
        if (blob == address(0)) revert CodeBlob_NotCreated(size);
    }

    /// @notice Copies `size` bytes from `offset` of the data (after the STOP) to memory at `to`.
    function read(address blob, uint256 offset, uint256 size, uint256 to) internal view {
        assembly ("memory-safe") {
            extcodecopy(blob, to, add(offset, 1), size)
        }
    }
}
