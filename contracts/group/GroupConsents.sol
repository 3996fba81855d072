// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingCommittees} from "../interfaces/IUpkeepingCommittees.sol";
import {CodeBlob} from "../libraries/CodeBlob.sol";
import {GroupStorage} from "./GroupStorage.sol";

/// @title Digests of the consents of providers and keepers (R33)
abstract contract GroupConsents is GroupStorage {
    bytes32 private constant PROVIDER_DATA_TYPEHASH = keccak256(
        "ProviderData(bytes32 root,uint64 size,address receiptKey,uint64 sequence)"
    );
    bytes32 private constant SEAT_ACCEPTANCE_TYPEHASH = keccak256("SeatAcceptance(uint64 committee,bytes32 keysHash)");

    function _providerDataDigest(
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence
    ) internal view returns (bytes32) {
        return _typedDigest(keccak256(abi.encode(PROVIDER_DATA_TYPEHASH, root, size, receiptKey, sequence)));
    }

    /// @dev Digest that a keeper signs to accept its seat: the version, all keys and all members.
    function _seatDigest(uint64 version) internal view returns (bytes32) {
        CommitteeRecord storage record = _committees[version];
        uint256 size = record.keysBlob.code.length;
        if (size == 0) revert IUpkeepingCommittees.Upkeeping_NoSuchProposal(_misc.pendingVersion, version);
        bytes memory keys = new bytes(size - 1);
        uint256 to;
        assembly ("memory-safe") {
            to := add(keys, 32)
        }
        CodeBlob.read(record.keysBlob, 0, size - 1, to);
        return _typedDigest(keccak256(abi.encode(SEAT_ACCEPTANCE_TYPEHASH, version, keccak256(keys))));
    }
}
