// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {Certificate, GroupItems} from "../interfaces/Types.sol";
import {CertificateWords} from "./CertificateWords.sol";
import {Run, Runs} from "./Runs.sol";

/// @title What a committee signs: the certificate's struct hash, the leaves of its groups and their tree (R27)
library CertificateTree {
    bytes32 private constant CERTIFICATE_TYPEHASH = keccak256(
        "Certificate(uint64 ts,uint64 te,uint64 version,uint8 leader,uint256 failed,uint256 payees,uint32 count,"
        "bytes32 groups)"
    );
    /// @dev Most providers of a group (R33).
    uint256 private constant MAX_ITEMS = 256;

    /// @notice The certificate, and its EIP-712 struct hash: every field is a word of its own.
    function load(Certificate calldata c) internal pure returns (CertificateWords words, bytes32 structHash) {
        bytes32 typeHash = CERTIFICATE_TYPEHASH;
        // Assembly: one copy from calldata serves the hash and all reads; Solidity checks the width of a field at every
        // read from calldata, and copies all of them once more to hash them.
        assembly ("memory-safe") {
            let place := mload(0x40)
            mstore(0x40, add(place, 288))
            mstore(place, typeHash)
            words := add(place, 32)
            calldatacopy(words, c, 256)
            structHash := keccak256(place, 288)
        }
    }

    /// @notice keccak256(keccak256(head ‖ items)), head = items(16) ‖ number(32) ‖ group(160).
    function leafOf(GroupItems calldata g) internal pure returns (bytes32 leaf) {
        uint256[] calldata items = g.items;
        if (items.length > MAX_ITEMS) revert ICommittee.Committee_BadGroupItems(MAX_ITEMS, items.length);
        uint256 head = (items.length << 192) | (uint256(g.number) << 160) | uint160(g.group);
        // Assembly: the items are copied once, to free memory; `abi.encodePacked` would keep a copy of each group.
        assembly ("memory-safe") {
            let place := mload(0x40)
            let size := shl(5, items.length)
            mstore(place, head)
            calldatacopy(add(place, 32), items.offset, size)
            mstore(0x00, keccak256(place, add(size, 32)))
            leaf := keccak256(0x00, 32)
        }
    }

    /// @notice Root that the leaves of `groups`, at the positions first, first + 1, …, lead to in a tree of `count`
    ///         leaves.
    /// @dev From the bottom up, each level takes the sibling at its left edge if the run begins at an odd position, and
    ///      the one at its right edge if the run ends at an even position that is not the level's last; a lone last
    ///      node moves up. Refuses a proof with siblings left over or missing. Pre: first + groups.length ≤ count, and
    ///      groups.length ≥ 1.
    function rootOf(
        GroupItems[] calldata groups,
        uint256 first,
        uint256 count,
        bytes32[] calldata proof
    ) internal pure returns (bytes32) {
        uint256 width = groups.length;
        Run nodes = Runs.make(width);
        for (uint256 i = 0; i < width; ++i) nodes.put(i, uint256(leafOf(groups[i])));
        uint256 used = 0;
        // Unchecked: positions and widths are at most `count`, which has 32 bits. Within the run: a node is written at
        // or before the place of the last one read.
        unchecked {
            while (width > 1) {
                uint256 read = 0;
                uint256 written = 0;
                if (first & 1 != 0) nodes.put(written++, Runs.hash(_next(proof, used++), nodes.get(read++)));
                for (; read + 1 < width; read += 2) nodes.put(written++, nodes.hashPair(read));
                if (read < width) {
                    uint256 last = nodes.get(read);
                    if (first + width != count) last = Runs.hash(last, _next(proof, used++));
                    nodes.put(written++, last);
                }
                first >>= 1;
                width = written;
                count = (count + 1) >> 1;
            }
            // The same for a run of one node, which is both edges: half the gas of a level.
            uint256 node = nodes.get(0);
            while (count > 1) {
                if (first & 1 != 0) node = Runs.hash(_next(proof, used++), node);
                else if (first + 1 != count) node = Runs.hash(node, _next(proof, used++));
                first >>= 1;
                count = (count + 1) >> 1;
            }
            if (used != proof.length) revert ICommittee.Committee_BadProofLength(used, proof.length);
            return bytes32(node);
        }
    }

    function _next(bytes32[] calldata proof, uint256 used) private pure returns (uint256) {
        if (used >= proof.length) revert ICommittee.Committee_BadProofLength(used + 1, proof.length);
        return uint256(proof[used]);
    }
}
