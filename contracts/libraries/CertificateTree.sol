// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {Certificate} from "../interfaces/Types.sol";
import {CertificateWords} from "./CertificateWords.sol";
import {Run, Runs} from "./Runs.sol";

/// @title What a committee signs: the certificate's struct hash, and the tree of its groups' leaves (R27)
library CertificateTree {
    bytes32 private constant CERTIFICATE_TYPEHASH = keccak256(
        "Certificate(uint64 ts,uint64 te,uint64 version,uint8 leader,uint256 failed,uint256 payees,uint32 count,"
        "bytes32 groups)"
    );

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

    /// @notice Root that the `width` leaves in `nodes`, at the positions first, first + 1, …, lead to in a tree of
    ///         `count` leaves. Their places are used for the levels above.
    /// @dev From the bottom up, each level takes the sibling at its left edge if the run begins at an odd position, and
    ///      the one at its right edge if the run ends at an even position that is not the level's last; a lone last
    ///      node moves up. Refuses a proof with siblings left over or missing; behind a short one it reads on first.
    ///      Pre: first + width ≤ count, and width ≥ 1.
    function rootOf(
        Run nodes,
        uint256 width,
        uint256 first,
        uint256 count,
        bytes32[] calldata proof
    ) internal pure returns (bytes32) {
        uint256 used = 0;
        // Unchecked: positions and widths are at most `count`, which has 32 bits. Within the run: a node is written at
        // or before the place of the last one read.
        unchecked {
            while (width > 1) {
                uint256 read = 0;
                uint256 written = 0;
                if (first & 1 != 0) nodes.put(written++, Runs.hash(_sibling(proof, used++), nodes.get(read++)));
                for (; read + 1 < width; read += 2) nodes.put(written++, nodes.hashPair(read));
                if (read < width) {
                    uint256 last = nodes.get(read);
                    if (first + width != count) last = Runs.hash(last, _sibling(proof, used++));
                    nodes.put(written++, last);
                }
                first >>= 1;
                width = written;
                count = (count + 1) >> 1;
            }
            // The same for a run of one node, which is both edges: half the gas of a level.
            uint256 node = nodes.get(0);
            for (uint256 last = count - 1; last != 0; last >>= 1) {
                // A lone last node is at an even position.
                if (first != last || first & 1 != 0) node = Runs.hashBeside(node, first & 1, _sibling(proof, used++));
                first >>= 1;
            }
            if (used != proof.length) revert ICommittee.Committee_BadProofLength(used, proof.length);
            return bytes32(node);
        }
    }

    /// @dev Behind the proof's end it is whatever stands there in calldata, or zero: `rootOf` compares the length last.
    function _sibling(bytes32[] calldata proof, uint256 place) private pure returns (uint256 node) {
        // Assembly: Solidity would compare the place with the length for every sibling.
        assembly ("memory-safe") {
            node := calldataload(add(proof.offset, shl(5, place)))
        }
    }
}
