// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {Consent} from "../interfaces/Types.sol";
import {CommitteeArguments, Constitution} from "../libraries/CommitteeArguments.sol";
import {MemberKeys} from "../libraries/MemberKeys.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {Progress, ProgressWords} from "../libraries/ProgressWords.sol";
import {CommitteeVersions} from "./CommitteeVersions.sol";

/// @title Forming, consents, proposals, rotated keys and resignations (R2, R37)
abstract contract CommitteeSeats is CommitteeVersions {
    bytes32 private constant CONSENT_TYPEHASH = keccak256(
        "MemberConsent(bytes32 configuration,uint64 version,uint64 deadline)"
    );

    /// @inheritdoc ICommittee
    function initialize(address keysBlob, Consent[] calldata consents) external {
        if (msg.sender != _factory) revert Committee_NotFactory(_factory, msg.sender);
        Constitution args = CommitteeArguments.load();
        uint256 n = args.size();
        if (consents.length != n) revert Committee_OtherSize(n, consents.length);
        (_succession.era, _succession.lastVersion) = (1, 1);
        if (keysBlob != address(this)) {
            _versions[1].keysBlob = keysBlob;
            _seats.keysBlob = keysBlob;
            _progress = _progress.with(ProgressWords.ELSEWHERE);
        }
        bytes32 configured = configuration(1);
        address[] memory operators = Quorum.operators(keysBlob, n);
        uint256 consented = 0;
        for (uint256 i = 0; i < n; ++i) {
            if (consents[i].signature.length == 0) continue;
            _checkConsent(configured, 1, operators[i], consents[i]);
            consented |= 1 << i;
            emit MemberConsented(1, uint8(i), operators[i]);
        }
        if (consented == Quorum.everyone(n)) _form();
        else _versions[1].consented = uint128(consented);
    }

    /// @inheritdoc ICommittee
    function consent(uint64 version) external {
        (uint256 n, address[] memory operators) = _openVersion(version);
        _consent(version, operators, n, msg.sender);
    }

    /// @inheritdoc ICommittee
    function consentFor(uint64 version, address operator, Consent calldata signed) external {
        (uint256 n, address[] memory operators) = _openVersion(version);
        _checkConsent(configuration(version), version, operator, signed);
        _consent(version, operators, n, operator);
    }

    /// @inheritdoc ICommittee
    function propose(address[] calldata operators) external returns (uint64) {
        (Constitution args, Progress p, uint256 n) = _formed();
        if (operators.length != n) revert Committee_OtherSize(n, operators.length);
        address[] memory present = Quorum.operators(_keysInForce(p), n);
        if (msg.sender != args.convener() && MemberKeys.indexIn(present, msg.sender) == n) {
            revert Committee_NotProposer(msg.sender);
        }
        uint256 waiting = _succession.complete;
        if (waiting == 0 && _isOpen(_proposalOf[msg.sender])) waiting = _proposalOf[msg.sender];
        if (waiting != 0) revert Committee_ProposalOpen(uint64(waiting));
        address[] memory named = operators;

        uint256 version = _nextVersion();
        VersionRecord storage record = _versions[version];
        record.list = IUpkeepingFactory(_factory).storeOperators(named);
        record.base = _succession.era;
        record.proposer = msg.sender;
        _proposalOf[msg.sender] = uint32(version);
        emit VersionProposed(uint64(version), record.base, msg.sender, named);
        return uint64(version);
    }

    /// @inheritdoc ICommittee
    function withdrawProposal(uint64 version) external {
        if (!_isOpen(version)) revert Committee_NoSuchProposal(version);
        VersionRecord storage record = _versions[version];
        if (msg.sender != record.proposer) revert Committee_NotProposer(msg.sender);
        record.withdrawn = true;
        emit VersionVoid(version);
    }

    /// @inheritdoc ICommittee
    function rotateSeat() external returns (uint64) {
        (, Progress p, uint256 n) = _formed();
        bytes memory key = MemberKeys.keyOf(_registry, msg.sender);
        Succession memory s = _succession;
        bool seated = false;
        uint256 changed = 0;
        if (s.complete != 0) {
            address kept = _versions[s.complete].keysBlob;
            uint256 seat = Quorum.indexOf(kept, n, msg.sender);
            if (seat != n) {
                seated = true;
                if (_putKey(s.complete, kept, n, seat, key)) changed = s.complete;
            }
        }
        address base = s.rotated == 0 ? _keysInForce(p) : _versions[s.rotated].keysBlob;
        uint256 index = Quorum.indexOf(base, n, msg.sender);
        if (index != n) {
            seated = true;
            // A later rotation joins one that waits: otherwise it could put it off again and again.
            uint256 version = s.rotated == 0 ? uint256(s.lastVersion) + 1 : s.rotated;
            if (_putKey(version, base, n, index, key)) {
                changed = version;
                if (s.rotated == 0) _startRotation(version, s.era);
            }
        }
        if (changed != 0) return uint64(changed);
        if (!seated) revert Committee_NotMember(msg.sender);
        revert Committee_SameKey();
    }

    /// @inheritdoc ICommittee
    function resign() external {
        (, Progress p, uint256 n) = _formed();
        Succession memory s = _succession;
        uint256 before = s.resigned;
        uint256 present = _resignFrom(p.version(), _keysInForce(p), n, before);
        _succession.resigned = uint128(present);
        bool changed = present != before;
        if (s.complete != 0) {
            VersionRecord storage next = _versions[s.complete];
            before = next.resigned;
            uint256 later = _resignFrom(s.complete, next.keysBlob, n, before);
            next.resigned = uint128(later);
            changed = changed || later != before;
        }
        if (!changed) revert Committee_NothingToResign(msg.sender);
    }

    /// @inheritdoc ICommittee
    function configuration(uint64 version) public view returns (bytes32) {
        Constitution args = CommitteeArguments.load();
        _requireVersion(version);
        // Memory arrays are encoded word by word behind each other: one word an operator.
        bytes32 operators = keccak256(abi.encodePacked(_operatorsOf(version, args.size())));
        bytes32 fixedPart = keccak256(abi.encode(args.rhythm(), args.terms()));
        return
            keccak256(
                abi.encode(
                    block.chainid,
                    address(this),
                    args.convener(),
                    uint64(_versions[version].base),
                    fixedPart,
                    operators
                )
            );
    }

    function _requireVersion(uint64 version) internal view {
        uint64 last = _succession.lastVersion;
        if (version == 0 || version > last) revert Committee_NoSuchVersion(last, version);
    }

    /// @dev A proposal that waits for consents. None does while a complete version waits: the first one wins (R37).
    function _isOpen(uint256 version) private view returns (bool) {
        VersionRecord storage record = _versions[version];
        return
            record.list != address(0) &&
            record.completedAt == 0 &&
            !record.withdrawn &&
            record.base == _succession.era &&
            _succession.complete == 0;
    }

    /// @dev A version that takes consents now, with its operators.
    function _openVersion(uint64 version) private view returns (uint256 n, address[] memory operators) {
        bool open = version == 1 ? _progress.origin() == 0 : _isOpen(version);
        if (!open) revert Committee_NoSuchProposal(version);
        n = CommitteeArguments.load().size();
        operators = _operatorsOf(version, n);
    }

    /// @dev Notes a consent; the last one that is needed completes the version. A present member's consent also counts
    ///      for the quorum of those.
    function _consent(uint256 version, address[] memory operators, uint256 n, address operator) private {
        VersionRecord storage record = _versions[version];
        (uint256 consented, uint256 approved) = (record.consented, record.approved);
        uint256 index = MemberKeys.indexIn(operators, operator);
        uint256 seats = index < n ? 1 << index : 0;
        uint256 presentSeats = 0;
        address[] memory present;
        if (version != 1) {
            present = Quorum.operators(_keysInForce(_progress), n);
            uint256 own = MemberKeys.indexIn(present, operator);
            if (own < n) presentSeats = 1 << own;
            if (index == n) index += own;
        }
        if (seats | presentSeats == 0) revert Committee_NotMember(operator);
        if ((consented & seats) | (approved & presentSeats) != 0) revert Committee_AlreadyConsented(uint8(index));
        consented |= seats;
        approved |= presentSeats;
        (record.consented, record.approved) = (uint128(consented), uint128(approved));
        emit MemberConsented(uint64(version), uint8(index), operator);
        if (version == 1) {
            if (consented == Quorum.everyone(n)) _form();
        } else if (
            Quorum.count(approved) >= CommitteeArguments.quorum(n) && _allConsented(operators, present, consented)
        ) {
            _complete(version, operators);
        }
    }

    /// @dev Whether nobody becomes a member without its consent: a new one, or one that resigned (R37).
    function _allConsented(
        address[] memory operators,
        address[] memory present,
        uint256 consented
    ) private view returns (bool) {
        uint256 n = present.length;
        uint256 resigned_ = _succession.resigned;
        for (uint256 i = 0; i < n; ++i) {
            if ((consented >> i) & 1 != 0) continue;
            uint256 own = MemberKeys.indexIn(present, operators[i]);
            if (own == n || (resigned_ >> own) & 1 != 0) return false;
        }
        return true;
    }

    /// @dev EOA first: an account that delegates its code (EIP-7702) still has its key.
    function _checkConsent(bytes32 configured, uint64 version, address operator, Consent calldata signed) private view {
        if (block.number > signed.deadline) revert Committee_ConsentExpired(signed.deadline, uint64(block.number));
        bytes32 digest = _typedDigest(keccak256(abi.encode(CONSENT_TYPEHASH, configured, version, signed.deadline)));
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecoverCalldata(digest, signed.signature);
        if (failure == ECDSA.RecoverError.NoError && signer == operator) return;
        if (
            operator.code.length == 0 ||
            !SignatureChecker.isValidERC1271SignatureNowCalldata(operator, digest, signed.signature)
        ) revert Committee_BadConsent(operator);
    }

    /// @dev Puts a key into a seat of a version that waits, unless it is there already.
    function _putKey(
        uint256 version,
        address base,
        uint256 n,
        uint256 index,
        bytes memory key
    ) private returns (bool changed) {
        if (keccak256(Quorum.keyBytes(base, index)) == keccak256(key)) return false;
        bytes memory keys = Quorum.allKeys(base, n);
        // Assembly: replaces 192 bytes in place; index is below n.
        assembly ("memory-safe") {
            mcopy(add(add(keys, 32), mul(192, index)), add(key, 32), 192)
        }
        _versions[version].keysBlob = IUpkeepingFactory(_factory).storeKeys(keys, Quorum.operators(base, n));
        emit SeatRotated(uint64(version), uint8(index), msg.sender);
        return true;
    }

    /// @dev A version of the members in force with another key needs nobody else's consent (R37).
    function _startRotation(uint256 version, uint32 era) private {
        _nextVersion();
        VersionRecord storage record = _versions[version];
        record.base = era;
        record.proposer = msg.sender;
        record.rotation = true;
        record.completedAt = Narrow.to40(block.number);
        _succession.rotated = uint32(version);
        emit VersionCompleted(uint64(version), uint64(block.number));
        _awaitOrActivate(version);
    }

    /// @return seats of the version that resigned, with the caller's if it has one
    function _resignFrom(
        uint256 version,
        address keysBlob,
        uint256 n,
        uint256 resigned_
    ) private returns (uint256 seats) {
        uint256 index = Quorum.indexOf(keysBlob, n, msg.sender);
        if (index == n || (resigned_ >> index) & 1 != 0) return resigned_;
        emit MemberResigned(uint64(version), uint8(index), msg.sender);
        return resigned_ | (1 << index);
    }
}
