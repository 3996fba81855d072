// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {Certificate, GroupItems, LeafHead} from "../interfaces/Types.sol";

/// @title What a committee signs: the certificate's struct hash, the leaves of its groups and their tree (R27)
library CertificateTree {
    bytes32 private constant CERTIFICATE_TYPEHASH = keccak256(
        "Certificate(uint64 ts,uint64 te,uint64 version,uint8 leader,uint256 failed,uint256 payees,uint32 count,"
        "bytes32 groups)"
    );
    /// @dev Most providers of a group (R33).
    uint256 private constant MAX_ITEMS = 256;

    /// @notice EIP-712 struct hash: every field is a word of its own.
    function structHash(Certificate calldata c) internal pure returns (bytes32) {
        return keccak256(abi.encode(CERTIFICATE_TYPEHASH, c));
    }

    /// @notice items(16) ‖ number(32) ‖ group(160).
    function headOf(GroupItems calldata g) internal pure returns (LeafHead) {
        if (g.items.length > MAX_ITEMS) revert ICommittee.Committee_BadGroupItems(MAX_ITEMS, g.items.length);
        return LeafHead.wrap((g.items.length << 192) | (uint256(g.number) << 160) | uint160(g.group));
    }

    /// @notice keccak256(keccak256(head ‖ items)).
    function leafOf(GroupItems calldata g) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encodePacked(LeafHead.unwrap(headOf(g)), g.items))));
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
        bytes32[] memory nodes = new bytes32[](width);
        for (uint256 i = 0; i < width; ++i) nodes[i] = leafOf(groups[i]);
        uint256 used = 0;
        // Unchecked: positions and widths are at most `count`, which has 32 bits; a node is written at or before the
        // place of the last one read.
        unchecked {
            while (count > 1) {
                uint256 read = 0;
                uint256 written = 0;
                if (first & 1 != 0) nodes[written++] = Hashes.efficientKeccak256(_next(proof, used++), nodes[read++]);
                while (read + 1 < width) {
                    nodes[written++] = Hashes.efficientKeccak256(nodes[read], nodes[read + 1]);
                    read += 2;
                }
                if (read < width) {
                    bytes32 last = nodes[read];
                    bool lone = first + width == count;
                    nodes[written++] = lone ? last : Hashes.efficientKeccak256(last, _next(proof, used++));
                }
                first >>= 1;
                width = written;
                count = (count + 1) >> 1;
            }
        }
        if (used != proof.length) revert ICommittee.Committee_BadProofLength(used, proof.length);
        return nodes[0];
    }

    function _next(bytes32[] calldata proof, uint256 used) private pure returns (bytes32) {
        if (used >= proof.length) revert ICommittee.Committee_BadProofLength(used + 1, proof.length);
        return proof[used];
    }
}
