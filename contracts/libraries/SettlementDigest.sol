// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Item, Settlement, SettlementRoot} from "../interfaces/UpkeepingTypes.sol";

/// @title EIP-712 struct hashes of what a committee signs (R27)
library SettlementDigest {
    bytes32 private constant SETTLEMENT_TYPEHASH = keccak256(
        "Settlement(uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,bytes32 items)"
    );
    bytes32 private constant SETTLEMENT_ROOT_TYPEHASH = keccak256(
        "SettlementRoot(uint64 ts,uint64 te,uint64 committee,uint8 leader,uint256 failed,uint256 payees,bytes32 root,uint256 totalSpaceTime)"
    );

    function structHash(Settlement calldata s) internal pure returns (bytes32 hash) {
        bytes32 typehash = SETTLEMENT_TYPEHASH;
        bytes32 items = itemsHash(s.items);
        // Assembly: the six words in front of the items are in calldata as they are signed. A value beyond its type is
        // refused where it is read.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, typehash)
            calldatacopy(add(start, 32), s, 192)
            mstore(add(start, 224), items)
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

    /// @notice keccak256(abi.encode(items)).
    function itemsHash(Item[] calldata items) internal pure returns (bytes32 hash) {
        // Assembly: the items' calldata is their encoding already. A provider or space-time beyond its type is refused where
        // the item is read.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, 32)
            mstore(add(start, 32), items.length)
            let size := shl(6, items.length)
            calldatacopy(add(start, 64), items.offset, size)
            hash := keccak256(start, add(64, size))
        }
    }
}
