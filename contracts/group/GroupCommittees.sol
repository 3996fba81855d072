// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IUpkeepingCommittees} from "../interfaces/IUpkeepingCommittees.sol";
import {IUpkeepingMembers} from "../interfaces/IUpkeepingMembers.sol";
import {CommitteeKeys} from "../libraries/CommitteeKeys.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Packed} from "../libraries/Packed.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {GroupConsents} from "./GroupConsents.sol";

/// @title Committees: the first, proposed ones, rotated keys, resignations (R33)
abstract contract GroupCommittees is GroupConsents, IUpkeepingCommittees {
    /// @inheritdoc IUpkeepingCommittees
    function initialize(address keysBlob) external {
        if (_seats.n != 0) revert Upkeeping_Initialized(_seats.version);
        bool own = keysBlob == address(this);
        bytes32 seed = blockhash(block.number - 1);
        _seats = Seats(keysBlob, 1, uint40(block.number), uint8(GroupArgs.load().members()));
        _seed = seed;
        _setHot(Hot(0, 0, block.number, 0, own ? 0 : Packed.ELSEWHERE, 1));
        emit CommitteeActivated(1, 0, seed);
    }

    /// @inheritdoc IUpkeepingCommittees
    function proposeCommittee(address[] calldata operators) external returns (uint64 version) {
        Args args = GroupArgs.load();
        _onlyPayer(args);
        Hot memory hot = _hot();
        if (hot.flags & Packed.TERMINATED != 0) revert IUpkeepingMembers.Upkeeping_Terminated(_misc.terminatedAt);
        if (_misc.pendingVersion != 0) revert Upkeeping_CommitteePending(_misc.pendingVersion);
        // R2: parameters that depend on n, such as the lockup of R4, stay valid for the group's life.
        if (operators.length != args.members()) revert Upkeeping_OtherCommitteeSize(args.members(), operators.length);
        address blob = Quorum.store(CommitteeKeys.gather(_registry, operators), operators);
        version = _newVersion(blob, operators.length);
        _misc.pendingVersion = uint32(version);
        hot.flags |= Packed.SUCCESSION;
        _setHot(hot);
        emit CommitteeProposed(version, blob, operators);
    }

    /// @inheritdoc IUpkeepingCommittees
    function cancelCommittee() external {
        _onlyPayer(GroupArgs.load());
        uint64 version = _misc.pendingVersion;
        if (version == 0) revert Upkeeping_NoSuchProposal(0, 0);
        _misc.pendingVersion = 0;
        if (_misc.rotatedVersion == 0) {
            Hot memory hot = _hot();
            hot.flags &= ~Packed.SUCCESSION;
            _setHot(hot);
        }
        emit CommitteeCancelled(version);
    }

    /// @inheritdoc IUpkeepingCommittees
    function acceptSeat(uint64 version) external {
        (CommitteeRecord storage record, uint256 index) = _proposedSeat(version, msg.sender);
        _accept(record, version, index, msg.sender);
    }

    /// @inheritdoc IUpkeepingCommittees
    function acceptSeatBySignature(uint64 version, address operator, bytes calldata signature) external {
        bytes32 digest = _seatDigest(version);
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecover(digest, signature);
        if (failure != ECDSA.RecoverError.NoError || signer != operator)
            revert IUpkeepingMembers.Upkeeping_BadConsent(operator, signer);
        (CommitteeRecord storage record, uint256 index) = _proposedSeat(version, operator);
        // Otherwise anyone could replay the keeper's signature after it revoked its acceptance.
        if ((record.declined >> index) & 1 != 0) revert Upkeeping_SeatDeclined(uint8(index));
        _accept(record, version, index, operator);
    }

    /// @inheritdoc IUpkeepingCommittees
    function declineSeat(uint64 version) external {
        (CommitteeRecord storage record, uint256 index) = _proposedSeat(version, msg.sender);
        uint128 seat = uint128(1) << uint128(index);
        if (record.accepted & seat == 0 && record.declined & seat != 0) revert Upkeeping_SeatNotTaken(uint8(index));
        record.accepted &= ~seat;
        record.declined |= seat;
        record.readyAt = 0;
        emit SeatDeclined(version, uint8(index), msg.sender);
    }

    /// @inheritdoc IUpkeepingCommittees
    function rotateSeat() external {
        bytes memory key = CommitteeKeys.keyOf(_registry, msg.sender);
        (address base, uint256 n) = _nextSeats();
        uint256 index = Quorum.indexOf(base, n, msg.sender);
        uint256 pending = _misc.pendingVersion;
        bool rotated;
        if (index != n && keccak256(Quorum.keyBytes(base, index)) != keccak256(key)) {
            address blob = _withKey(base, n, index, key);
            _setRotated(_newVersion(blob, n));
            emit SeatRotated(_misc.rotatedVersion, uint8(index), msg.sender, blob);
            rotated = true;
        }
        if (pending != 0) {
            CommitteeRecord storage record = _committees[pending];
            uint256 seat = Quorum.indexOf(record.keysBlob, record.n, msg.sender);
            if (seat != record.n && keccak256(Quorum.keyBytes(record.keysBlob, seat)) != keccak256(key)) {
                record.keysBlob = _withKey(record.keysBlob, record.n, seat, key);
                emit SeatRotated(uint64(pending), uint8(seat), msg.sender, record.keysBlob);
                rotated = true;
            }
        }
        if (!rotated) {
            if (index == n) revert Upkeeping_NoSeat(msg.sender);
            revert Upkeeping_SameKey(uint8(index));
        }
    }

    /// @inheritdoc IUpkeepingCommittees
    function resign() external {
        (address base, uint256 n) = _nextSeats();
        uint256 index = Quorum.indexOf(base, n, msg.sender);
        if (index == n) revert Upkeeping_NoSeat(msg.sender);
        for (uint256 i = 0; i < _resigning.length; ++i) {
            if (_resigning[i] == msg.sender) revert Upkeeping_AlreadyResigned(uint8(index));
        }
        _resigning.push(msg.sender);
        emit SeatResigned(_seats.version, uint8(index), msg.sender);
    }

    /// @dev Seats that the next settlement puts in force if no proposal is complete.
    function _nextSeats() private view returns (address blob, uint256 n) {
        uint256 rotated = _misc.rotatedVersion;
        if (rotated == 0) return (_seats.keysBlob, _seats.n);
        return (_committees[rotated].keysBlob, _committees[rotated].n);
    }

    function _setRotated(uint64 version) private {
        _misc.rotatedVersion = uint32(version);
        _committees[version].readyAt = uint40(block.number);
        Hot memory hot = _hot();
        hot.flags |= Packed.SUCCESSION;
        _setHot(hot);
    }

    function _newVersion(address blob, uint256 n) private returns (uint64 version) {
        // `lastVersion` counts versions after the first.
        version = uint64(++_misc.lastVersion) + 1;
        CommitteeRecord storage record = _committees[version];
        record.keysBlob = blob;
        record.n = uint8(n);
        record.proposedAt = uint40(block.number);
    }

    function _withKey(address base, uint256 n, uint256 index, bytes memory key) private returns (address) {
        bytes[] memory keys = new bytes[](n);
        for (uint256 i = 0; i < n; ++i) {
            keys[i] = i == index ? key : Quorum.keyBytes(base, i);
        }
        return Quorum.store(keys, Quorum.operators(base, n));
    }

    function _accept(CommitteeRecord storage record, uint64 version, uint256 index, address operator) private {
        if ((record.accepted >> index) & 1 != 0) revert Upkeeping_SeatTaken(uint8(index));
        uint128 accepted = record.accepted | (uint128(1) << uint128(index));
        record.accepted = accepted;
        if (accepted == (uint128(1) << record.n) - 1) record.readyAt = uint40(block.number);
        emit SeatAccepted(version, uint8(index), operator);
    }

    function _proposedSeat(
        uint64 version,
        address operator
    ) private view returns (CommitteeRecord storage record, uint256 index) {
        uint64 pending = _misc.pendingVersion;
        if (version != pending || pending == 0) revert Upkeeping_NoSuchProposal(pending, version);
        record = _committees[version];
        index = Quorum.indexOf(record.keysBlob, record.n, operator);
        if (index == record.n) revert Upkeeping_NoSeat(operator);
    }
}
