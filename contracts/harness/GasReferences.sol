// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BLS} from "../libraries/BLS.sol";

/// @title Cost reference: a settlement with 2f+1 ECDSA signatures and the members' addresses in storage
/// @notice For comparison only, not part of a group: one provider slot, one hot slot, one accumulator.
contract EcdsaReference {
    address[] private _members;
    uint256 private _ts = 1;
    uint256 private _share = 1;
    mapping(uint256 provider => uint256) private _credits;

    event Settled(
        uint64 indexed ts,
        uint64 te,
        uint8 leader,
        uint256 failed,
        uint256 payees,
        uint256 signers,
        bytes32 digest
    );

    constructor(address[] memory members) {
        _members = members;
        _credits[0] = 1;
    }

    function settle(bytes32 digest, uint128 amount, uint256 signers, bytes calldata signatures) external {
        uint256 offset;
        for (uint256 i = 0; signers >> i != 0; ++i) {
            if ((signers >> i) & 1 == 0) continue;
            bytes32 r = bytes32(signatures[offset:offset + 32]);
            bytes32 s = bytes32(signatures[offset + 32:offset + 64]);
            uint8 v = uint8(signatures[offset + 64]);
            require(ecrecover(digest, v, r, s) == _members[i], "signature");
            offset += 65;
        }
        _ts += 30;
        _share += amount / 10;
        _credits[0] += amount;
        emit Settled(uint64(_ts), uint64(_ts), 0, 0, signers, signers, digest);
    }
}

/// @title Cost reference: a settlement with BLS keys in storage that are summed each time
contract StorageKeysReference {
    bytes[] private _keys;
    uint256 private _ts = 1;
    uint256 private _share = 1;
    mapping(uint256 provider => uint256) private _credits;

    event Settled(
        uint64 indexed ts,
        uint64 te,
        uint8 leader,
        uint256 failed,
        uint256 payees,
        uint256 signers,
        bytes32 digest
    );

    constructor() {
        _credits[0] = 1;
    }

    function add(bytes calldata key) external {
        _keys.push(key);
    }

    function settle(bytes32 digest, uint128 amount, uint256 signers, bytes calldata signature) external {
        bytes memory input = new bytes(1024);
        uint256 place;
        assembly ("memory-safe") {
            place := add(input, 32)
            calldatacopy(place, signature.offset, 128)
        }
        for (uint256 i = 0; signers >> i != 0; ++i) {
            if ((signers >> i) & 1 == 0) continue;
            bytes memory key = _keys[i];
            assembly ("memory-safe") {
                mcopy(add(place, 768), add(key, 32), 256)
            }
            BLS.addG2(place + 512);
        }
        BLS.negateG2(place + 512);
        BLS.g2Generator(place + 128);
        BLS.hashToG1(abi.encodePacked(digest), "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_", place + 384);
        require(BLS.pairingHolds(place), "signature");
        _ts += 30;
        _share += amount / 10;
        _credits[0] += amount;
        emit Settled(uint64(_ts), uint64(_ts), 0, 0, signers, signers, digest);
    }
}
