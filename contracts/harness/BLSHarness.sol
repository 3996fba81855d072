// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BLS} from "../libraries/BLS.sol";
import {Quorum} from "../libraries/Quorum.sol";

/// @title The BLS library behind external functions, for tests
contract BLSHarness {
    function hashToG1(bytes memory message, bytes memory dst) external view returns (bytes memory point) {
        point = new bytes(128);
        uint256 place;
        assembly ("memory-safe") {
            place := add(point, 32)
        }
        BLS.hashToG1(message, dst, place);
    }

    function negate(bytes memory point) external pure returns (bytes memory) {
        uint256 place;
        assembly ("memory-safe") {
            place := add(point, 32)
        }
        BLS.negateG2(place);
        return point;
    }

    function add(bytes memory points) external view returns (bytes memory sum) {
        sum = new bytes(256);
        uint256 place;
        assembly ("memory-safe") {
            place := add(points, 32)
        }
        BLS.addG2(place);
        assembly ("memory-safe") {
            mcopy(add(sum, 32), place, 256)
        }
    }

    function store(bytes[] memory keys, address[] memory members) external returns (address) {
        return Quorum.store(keys, members);
    }

    function isInfinity(bytes calldata signature) external pure returns (bool) {
        return Quorum.isInfinity(signature);
    }

    function verify(
        address blob,
        uint256 n,
        uint256 signers,
        bytes32 digest,
        bytes calldata signature
    ) external view returns (bool) {
        return Quorum.verify(blob, n, signers, digest, signature);
    }

    function indexOf(address blob, uint256 n, address operator) external view returns (uint256) {
        return Quorum.indexOf(blob, n, operator);
    }

    function count(uint256 bitmap) external pure returns (uint256) {
        return Quorum.count(bitmap);
    }
}
