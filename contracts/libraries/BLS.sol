// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title BLS12-381 with keys in G2 and signatures in G1, on the precompiles of EIP-2537
/// @notice Points are EIP-2537 encodings: G1 128 bytes, G2 256 bytes. Messages are hashed to G1 by RFC 9380
///         (expand_message_xmd with SHA-256, SSWU, random oracle).
/// @dev All precompile calls check the size of the output: before Prague these addresses are empty accounts, and a call
///      to one *succeeds* with empty output. Assembly reserves its memory through the free pointer.
library BLS {
    /// @notice A precompile failed: it is absent on this chain, ran out of gas, or got an invalid field element or
    ///         point.
    error BLS_PrecompileFailed(uint256 precompile, uint256 expectedBytes, uint256 actualBytes);

    uint256 internal constant G1_BYTES = 128;
    uint256 internal constant G2_BYTES = 256;
    /// @dev A G2 point without the 16 zero bytes in front of each coordinate.
    uint256 internal constant KEY_BYTES = 192;

    uint256 private constant G2ADD = 0x0d;
    uint256 private constant PAIRING = 0x0f;

    /// @dev Gas limit of each precompile call. A precompile of EIP-2537 burns all its gas on an invalid point, so
    ///      without a limit a wrong signature would cost its sender the whole transaction limit. Each limit is about
    ///      four times the cost on Osaka, because prices may change: SHA-256 of a message below 4 KiB 0.5 k, MODEXP 0.5
    ///      k, mapping 5.5 k, G1 and G2 addition 0.4 k and 0.6 k, two pairings 102.9 k.
    uint256 private constant SHA256_GAS = 4_000;
    uint256 private constant MODEXP_GAS = 4_000;
    uint256 private constant MAP_GAS = 25_000;
    uint256 private constant ADD_GAS = 4_000;
    uint256 private constant PAIRING_GAS = 420_000;

    /// @dev The field's prime: the upper 125 bits (one word of which 16 bytes are used) and the lower 256.
    uint256 internal constant P_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 internal constant P_LO = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// @notice Hashes a message to a point of G1.
    /// @param message any bytes
    /// @param dst domain separation tag, at most 255 bytes
    /// @param out memory address where the 128 bytes go
    function hashToG1(bytes memory message, bytes memory dst, uint256 out) internal view {
        uint256 at;
        uint256 dstAt;
        assembly ("memory-safe") {
            at := add(message, 32)
            dstAt := add(dst, 32)
        }
        hashToG1(at, message.length, dstAt, dst.length, out);
    }

    /// @notice The same, with message and tag by memory address.
    // One assembly block: the steps share their memory.
    // solhint-disable-next-line function-max-lines
    function hashToG1(uint256 message, uint256 size, uint256 dst, uint256 dstSize, uint256 out) internal view {
        // Assembly: the field elements are built in place, and Solidity has no call to a precompile with a checked
        // size.
        assembly ("memory-safe") {
            function fail(id, expectedBytes) {
                mstore(0x00, 0x565981a700000000000000000000000000000000000000000000000000000000)
                mstore(0x04, id)
                mstore(0x24, expectedBytes)
                mstore(0x44, returndatasize())
                revert(0x00, 0x64)
            }

            // Layout from the free pointer: [0, 128) the uniform bytes, [128, 353) modexp, and from 384 on the hash
            // input. Arguments are evaluated from the right, so that each size read is that of the call beside it.
            let uniform := mload(0x40)
            let modexp := add(uniform, 128)
            let input := add(uniform, 384)

            // msg_prime = 64 zeros ‖ message ‖ I2OSP(128, 2) ‖ 00 ‖ dst ‖ I2OSP(|dst|, 1)
            mstore(input, 0)
            mstore(add(input, 32), 0)
            mcopy(add(input, 64), message, size)
            let tail := add(add(input, 64), size)
            mstore(tail, shl(232, 0x008000))
            mcopy(add(tail, 3), dst, dstSize)
            mstore8(add(add(tail, 3), dstSize), dstSize)
            if iszero(
                and(
                    eq(returndatasize(), 32),
                    staticcall(SHA256_GAS, 2, input, add(add(size, dstSize), 68), uniform, 32)
                )
            ) {
                fail(2, 32)
            }
            let b0 := mload(uniform)

            // b_i = H((b_0 xor b_(i-1)) ‖ i ‖ dst_prime); the tag is copied once.
            mcopy(add(input, 33), dst, dstSize)
            mstore8(add(add(input, 33), dstSize), dstSize)
            size := add(dstSize, 34)
            mstore(input, b0)
            mstore8(add(input, 32), 1)
            if iszero(and(eq(returndatasize(), 32), staticcall(SHA256_GAS, 2, input, size, uniform, 32))) {
                fail(2, 32)
            }
            mstore(input, xor(b0, mload(uniform)))
            mstore8(add(input, 32), 2)
            if iszero(and(eq(returndatasize(), 32), staticcall(SHA256_GAS, 2, input, size, add(uniform, 32), 32))) {
                fail(2, 32)
            }
            mstore(input, xor(b0, mload(add(uniform, 32))))
            mstore8(add(input, 32), 3)
            if iszero(and(eq(returndatasize(), 32), staticcall(SHA256_GAS, 2, input, size, add(uniform, 64), 32))) {
                fail(2, 32)
            }
            mstore(input, xor(b0, mload(add(uniform, 64))))
            mstore8(add(input, 32), 4)
            if iszero(and(eq(returndatasize(), 32), staticcall(SHA256_GAS, 2, input, size, add(uniform, 96), 32))) {
                fail(2, 32)
            }

            // Reduce both 64-byte integers mod p with MODEXP (exponent 1), then map each to the curve.
            mstore(modexp, 64)
            mstore(add(modexp, 32), 1)
            mstore(add(modexp, 64), 64)
            mstore8(add(modexp, 160), 1)
            mstore(add(modexp, 161), P_HI)
            mstore(add(modexp, 193), P_LO)
            mcopy(add(modexp, 96), uniform, 64)
            if iszero(and(eq(returndatasize(), 64), staticcall(MODEXP_GAS, 5, modexp, 225, input, 64))) {
                fail(5, 64)
            }
            if iszero(and(eq(returndatasize(), 128), staticcall(MAP_GAS, 0x10, input, 64, input, 128))) {
                fail(0x10, 128)
            }
            mcopy(add(modexp, 96), add(uniform, 64), 64)
            let second := add(input, 128)
            if iszero(and(eq(returndatasize(), 64), staticcall(MODEXP_GAS, 5, modexp, 225, second, 64))) {
                fail(5, 64)
            }
            if iszero(and(eq(returndatasize(), 128), staticcall(MAP_GAS, 0x10, second, 64, second, 128))) {
                fail(0x10, 128)
            }
            if iszero(and(eq(returndatasize(), 128), staticcall(ADD_GAS, 0x0b, input, 256, out, 128))) {
                fail(0x0b, 128)
            }
        }
    }

    /// @notice Writes the generator of G2 at `out`.
    function g2Generator(uint256 out) internal pure {
        assembly ("memory-safe") {
            mstore(out, 0x00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051)
            mstore(add(out, 0x20), 0xc6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8)
            mstore(add(out, 0x40), 0x0000000000000000000000000000000013e02b6052719f607dacd3a088274f65)
            mstore(add(out, 0x60), 0x596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e)
            mstore(add(out, 0x80), 0x000000000000000000000000000000000ce5d527727d6e118cc9cdc6da2e351a)
            mstore(add(out, 0xa0), 0xadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801)
            mstore(add(out, 0xc0), 0x000000000000000000000000000000000606c4a02ea734cc32acd2b02bc28b99)
            mstore(add(out, 0xe0), 0xcb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be)
        }
    }

    /// @notice Adds two G2 points that lie one behind the other at `input`; the sum takes the first one's place.
    /// @dev EIP-2537 checks that both are on the curve, not that they are in the subgroup.
    function addG2(uint256 input) internal view {
        bool ok;
        uint256 size;
        assembly ("memory-safe") {
            ok := staticcall(ADD_GAS, G2ADD, input, 512, input, 256)
            size := returndatasize()
        }
        if (!ok || size != G2_BYTES) revert BLS_PrecompileFailed(G2ADD, G2_BYTES, size);
    }

    /// @notice Negates the G2 point at `point` in place: y → p − y in both parts, 0 stays 0. Both must be below p.
    function negateG2(uint256 point) internal pure {
        assembly ("memory-safe") {
            for {
                let y := add(point, 128)
            } lt(y, add(point, 256)) {
                y := add(y, 64)
            } {
                let hi := mload(y)
                let lo := mload(add(y, 32))
                if or(hi, lo) {
                    // Two-word subtraction; the borrow is 1 if the lower word wraps.
                    mstore(y, sub(sub(P_HI, hi), gt(lo, P_LO)))
                    mstore(add(y, 32), sub(P_LO, lo))
                }
            }
        }
    }

    /// @notice Whether e(g1a, g2a) · e(g1b, g2b) = 1, for the four points one behind the other at `input` (768 bytes).
    /// @dev The precompile refuses points off the curve or outside the subgroup; that, too little gas and a chain
    ///      without EIP-2537 all give false.
    function pairingHolds(uint256 input) internal view returns (bool holds) {
        assembly ("memory-safe") {
            let ok := staticcall(PAIRING_GAS, PAIRING, input, 768, 0x00, 32)
            holds := and(and(ok, eq(returndatasize(), 32)), eq(mload(0x00), 1))
        }
    }

    /// @notice Whether the G1 point at `point` is infinity: all 128 bytes zero.
    function isInfinityG1(uint256 point) internal pure returns (bool zero) {
        assembly ("memory-safe") {
            zero := iszero(
                or(or(mload(point), mload(add(point, 32))), or(mload(add(point, 64)), mload(add(point, 96))))
            )
        }
    }

    /// @notice The 64-byte coordinate at `place` in two words, and whether it is below the field's prime.
    function coordinate(uint256 place) internal pure returns (uint256 high, uint256 low, bool reduced) {
        assembly ("memory-safe") {
            high := mload(place)
            low := mload(add(place, 32))
        }
        reduced = high < P_HI || (high == P_HI && low < P_LO);
    }

    /// @notice Writes a 192-byte key at `from` as a 256-byte point at `to`. The ranges must not overlap.
    function pad(uint256 from, uint256 to) internal pure {
        assembly ("memory-safe") {
            mstore(to, 0)
            mcopy(add(to, 16), from, 48)
            mstore(add(to, 64), 0)
            mcopy(add(to, 80), add(from, 48), 48)
            mstore(add(to, 128), 0)
            mcopy(add(to, 144), add(from, 96), 48)
            mstore(add(to, 192), 0)
            mcopy(add(to, 208), add(from, 144), 48)
        }
    }

    /// @notice Writes a 256-byte point at `from` as a 192-byte key at `to`. `to` may be `from`.
    function unpad(uint256 from, uint256 to) internal pure {
        assembly ("memory-safe") {
            for {
                let i := 0
            } lt(i, 4) {
                i := add(i, 1)
            } {
                mcopy(to, add(from, 16), 48)
                from := add(from, 64)
                to := add(to, 48)
            }
        }
    }
}
