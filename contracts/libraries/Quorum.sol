// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BLS} from "./BLS.sol";
import {CodeBlob} from "./CodeBlob.sol";
import {Clones} from "./Clones.sol";

/// @title Committee keys in a code blob, and quorum certificates checked against them (R2, R27, R36)
/// @notice Data of a blob: the negated sum of all keys, the keys, the operators (above 115 members: the address of a
///         second blob with the operators). A group's first committee needs no blob: the same data lies in the group's
///         own code, behind its arguments. With −Σ stored, adding the absent signers' keys gives −(key of the signers),
///         and the check e(signature, g2) · e(H(digest), −key) = 1 needs no negation.
library Quorum {
    uint256 internal constant MAX_MEMBERS = 124;
    /// @dev With more members the operators do not fit beside the keys.
    uint256 internal constant MAX_INLINE_OPERATORS = 115;
    /// @dev Up to here the data fits in a clone's code behind its arguments.
    uint256 internal constant MAX_OWN_MEMBERS = 112;
    /// @dev `BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_`, as two words.
    bytes32 private constant SIGNATURE_DST_START = "BLS_SIG_BLS12381G1_XMD:SHA-256_S";
    bytes32 private constant SIGNATURE_DST_END = "SWU_RO_POP_";
    uint256 private constant SIGNATURE_DST_BYTES = 43;

    /// @notice Number of bits set in a bitmap of n members; the usual case n is fast.
    function count(uint256 bitmap, uint256 n) internal pure returns (uint256) {
        return bitmap == everyone(n) ? n : count(bitmap);
    }

    /// @notice The bitmap of all members.
    function everyone(uint256 n) internal pure returns (uint256) {
        // Unchecked: 2^n is not 0.
        unchecked {
            return (1 << n) - 1;
        }
    }

    /// @notice Number of bits set in a bitmap of at most 128 bits.
    function count(uint256 bitmap) internal pure returns (uint256) {
        // Unchecked: the usual folding; every partial sum fits its field by construction.
        unchecked {
            bitmap = bitmap - ((bitmap >> 1) & 0x55555555555555555555555555555555);
            bitmap =
                (bitmap & 0x33333333333333333333333333333333) + ((bitmap >> 2) & 0x33333333333333333333333333333333);
            bitmap = (bitmap + (bitmap >> 4)) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
            return ((bitmap * 0x01010101010101010101010101010101) >> 120) & 0xff;
        }
    }

    /// @notice Whether a signature is the point at infinity, which would be valid for keys whose sum is zero.
    /// @param signature 128 bytes
    function isInfinity(bytes calldata signature) internal pure returns (bool zero) {
        assembly ("memory-safe") {
            let at := signature.offset
            let upper := or(calldataload(at), calldataload(add(at, 32)))
            zero := iszero(or(upper, or(calldataload(add(at, 64)), calldataload(add(at, 96)))))
        }
    }

    /// @notice Checks an aggregate signature of `signers` over a digest.
    /// @param blob keys of the committee
    /// @param n its size; `signers` has no bit at or above it
    /// @param signature G1 point, 128 bytes, not infinity
    function verify(
        address blob,
        uint256 n,
        uint256 signers,
        bytes32 digest,
        bytes calldata signature
    ) internal view returns (bool) {
        uint256 input;
        uint256 tag;
        bytes32 tagStart = SIGNATURE_DST_START;
        bytes32 tagEnd = SIGNATURE_DST_END;
        // Room for the pairing's input (768), one key behind it for additions (256), a key as stored (192), and the
        // tag.
        assembly ("memory-safe") {
            input := mload(0x40)
            tag := add(input, 1216)
            mstore(0x40, add(tag, 64))
            calldatacopy(input, signature.offset, 128)
            mstore(tag, tagStart)
            mstore(add(tag, 32), tagEnd)
            mstore(0x00, digest)
        }
        // If the sum of the signers' keys were zero, the second pairing would be 1 and the first one not, because the
        // signature is not infinity. So that case needs no separate check. Unchecked: addresses in memory.
        unchecked {
            BLS.hashToG1(0, 32, tag, SIGNATURE_DST_BYTES, input + 384);
            BLS.g2Generator(input + 128);
            _negatedKey(blob, ~signers & everyone(n), input + 512);
        }
        return BLS.pairingHolds(input);
    }

    /// @dev Writes −(Σ keys of the signers) at `place`; uses the 448 bytes behind it.
    function _negatedKey(address blob, uint256 absent, uint256 place) private view {
        // Unchecked: addresses in memory, and at most 124 keys of 192 bytes.
        unchecked {
            uint256 scratch = place + 2 * BLS.G2_BYTES;
            _read(blob, 0, BLS.KEY_BYTES, scratch);
            BLS.pad(scratch, place);
            for (uint256 offset = BLS.KEY_BYTES; absent != 0; absent >>= 1) {
                if (absent & 1 != 0) {
                    _read(blob, offset, BLS.KEY_BYTES, scratch);
                    BLS.pad(scratch, place + BLS.G2_BYTES);
                    BLS.addG2(place);
                }
                offset += BLS.KEY_BYTES;
            }
        }
    }

    /// @notice Operator of a member.
    function operatorAt(address blob, uint256 n, uint256 index) internal view returns (address operator) {
        (address holder, uint256 offset) = _operators(blob, n);
        assembly ("memory-safe") {
            extcodecopy(holder, 0x00, add(offset, mul(index, 20)), 32)
            operator := shr(96, mload(0x00))
        }
    }

    /// @notice Index of an operator, or n if it is no member.
    function indexOf(address blob, uint256 n, address operator) internal view returns (uint256) {
        address[] memory list = operators(blob, n);
        for (uint256 i = 0; i < n; ++i) {
            if (list[i] == operator) return i;
        }
        return n;
    }

    /// @notice All operators in contract order.
    function operators(address blob, uint256 n) internal view returns (address[] memory list) {
        list = new address[](n);
        bytes memory raw = new bytes(n * 20);
        (address holder, uint256 offset) = _operators(blob, n);
        assembly ("memory-safe") {
            extcodecopy(holder, add(raw, 32), offset, mul(n, 20))
            for {
                let i := 0
            } lt(i, n) {
                i := add(i, 1)
            } {
                mstore(add(add(list, 32), shl(5, i)), shr(96, mload(add(add(raw, 32), mul(i, 20)))))
            }
        }
    }

    /// @notice A member's key as stored, 192 bytes.
    function keyBytes(address blob, uint256 index) internal view returns (bytes memory raw) {
        raw = new bytes(BLS.KEY_BYTES);
        uint256 to;
        assembly ("memory-safe") {
            to := add(raw, 32)
        }
        _read(blob, BLS.KEY_BYTES * (index + 1), BLS.KEY_BYTES, to);
    }

    /// @notice All members' keys as stored, 192 bytes each.
    function allKeys(address blob, uint256 n) internal view returns (bytes memory raw) {
        raw = new bytes(BLS.KEY_BYTES * n);
        uint256 to;
        assembly ("memory-safe") {
            to := add(raw, 32)
        }
        _read(blob, BLS.KEY_BYTES, raw.length, to);
    }

    /// @notice Puts keys (192 bytes each) and operators of a committee in a blob.
    function store(bytes[] memory keys, address[] memory members) internal returns (address blob) {
        bytes memory list = _list(members);
        if (members.length > MAX_INLINE_OPERATORS) list = abi.encodePacked(CodeBlob.create(list));
        return CodeBlob.create(bytes.concat(_sumAndKeys(keys), list));
    }

    /// @notice The data of a blob for a committee of at most MAX_OWN_MEMBERS, to go into a group's own code.
    function pack(bytes[] memory keys, address[] memory members) internal view returns (bytes memory) {
        return bytes.concat(_sumAndKeys(keys), _list(members));
    }

    function _list(address[] memory members) private pure returns (bytes memory list) {
        for (uint256 i = 0; i < members.length; ++i) {
            list = bytes.concat(list, bytes20(members[i]));
        }
    }

    /// @dev The negated sum of the keys, and the keys.
    function _sumAndKeys(bytes[] memory keys) private view returns (bytes memory data) {
        uint256 n = keys.length;
        data = new bytes(BLS.KEY_BYTES * (n + 1));
        bytes memory work = new bytes(2 * BLS.G2_BYTES);
        uint256 place;
        uint256 to;
        assembly ("memory-safe") {
            place := add(work, 32)
            to := add(data, 32)
        }
        for (uint256 i = 0; i < n; ++i) {
            bytes memory key = keys[i];
            uint256 from;
            assembly ("memory-safe") {
                from := add(key, 32)
                mcopy(add(to, mul(192, add(i, 1))), from, 192)
            }
            BLS.pad(from, place + BLS.G2_BYTES);
            BLS.addG2(place);
        }
        BLS.negateG2(place);
        BLS.unpad(place, to);
    }

    /// @dev Offset of the data in the holder's code: after a blob's STOP, or after a group's arguments.
    function _start(address blob) private view returns (uint256 start) {
        uint256 own = Clones.KEYS_OFFSET - 1;
        // Assembly: without a jump.
        assembly ("memory-safe") {
            start := add(1, mul(own, eq(blob, address())))
        }
    }

    function _read(address blob, uint256 offset, uint256 size, uint256 to) private view {
        uint256 start = _start(blob);
        assembly ("memory-safe") {
            extcodecopy(blob, to, add(offset, start), size)
        }
    }

    /// @dev Account whose code holds the operators, and their offset in it.
    function _operators(address blob, uint256 n) private view returns (address holder, uint256 offset) {
        // Unchecked: at most 124 keys of 192 bytes.
        unchecked {
            offset = BLS.KEY_BYTES * (n + 1) + _start(blob);
        }
        if (n <= MAX_INLINE_OPERATORS) return (blob, offset);
        assembly ("memory-safe") {
            extcodecopy(blob, 0x00, offset, 32)
            holder := shr(96, mload(0x00))
        }
        offset = 1;
    }
}
