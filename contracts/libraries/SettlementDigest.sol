// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Item, Settlement, SettlementRoot} from "../interfaces/UpkeepingTypes.sol";

/// @title EIP-712 struct hashes of the settlements that a committee signs (R27)
library SettlementDigest {
    bytes32 private constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,bytes32 items)"
    );
    bytes32 private constant SETTLEMENT_ROOT_TYPEHASH = keccak256(
        "SettlementRoot(uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,"
        "bytes32 root,uint256 totalSpaceTime)"
    );

    /// @param items memory address at which `copy` wrote the items
    /// @param count number of items
    function structHash(Settlement calldata s, uint256 items, uint256 count) internal pure returns (bytes32 hash) {
        bytes32 typehash = SETTLEMENT_TYPEHASH;
        // Assembly: the six words in front of the items are in calldata as they are signed. Later checks refuse a value
        // beyond its type.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, typehash)
            calldatacopy(add(start, 32), s, 192)
            mstore(add(start, 224), keccak256(sub(items, 64), add(64, shl(6, count))))
            hash := keccak256(start, 256)
        }
    }

    function structHash(SettlementRoot calldata s) internal pure returns (bytes32 hash) {
        bytes32 typehash = SETTLEMENT_ROOT_TYPEHASH;
        // Assembly: as above, all eight words.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, typehash)
            calldatacopy(add(start, 32), s, 256)
            hash := keccak256(start, 288)
        }
    }

    /// @notice Copies items to memory, provider and space-time in turn, behind the two words that abi.encode puts in
    ///         front.
    /// @dev The caller must refuse a provider or space-time beyond its type.
    function copy(Item[] calldata items) internal pure returns (uint256 place, uint256 count) {
        count = items.length;
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, 32)
            mstore(add(start, 32), count)
            place := add(start, 64)
            let size := shl(6, count)
            calldatacopy(place, items.offset, size)
            mstore(0x40, add(place, size))
        }
    }
}
