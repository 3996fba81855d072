// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Quorum} from "../libraries/Quorum.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {Certificate, LeafHead, Payout, Period} from "../interfaces/Types.sol";
import {CertificateTree} from "../libraries/CertificateTree.sol";
import {CertificateWords} from "../libraries/CertificateWords.sol";
import {CommitteeArguments, Constitution} from "../libraries/CommitteeArguments.sol";
import {GroupCalls} from "../libraries/GroupCalls.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {Progress, ProgressWords} from "../libraries/ProgressWords.sol";
import {Run} from "../libraries/Runs.sol";
import {SettlementGas} from "../libraries/SettlementGas.sol";
import {Words} from "../libraries/Words.sol";
import {CommitteeScope} from "./CommitteeScope.sol";

/// @title Certificates, and the settlement of their groups (R6, R7, R25, R27, R29)
abstract contract CommitteeCertificates is CommitteeScope {
    using GroupCalls for Run;
    using GroupCalls for LeafHead;

    /// @dev Gas of this contract between the check and a group's call, and most bytes of a reason passed on.
    uint256 private constant RESERVE = 10_000;
    uint256 private constant MAX_REASON = 256;
    uint256 private constant SIGNATURE_BYTES = 128;
    /// @dev In a remembered certificate: its members took effect at ts.
    uint256 private constant MEMBERS_BEGIN = 1 << 15;

    /// @inheritdoc ICommittee
    function certify(
        Certificate calldata c,
        uint256 signers,
        bytes calldata signature,
        uint64 first,
        uint256[] calldata groups,
        bytes32[] calldata proof
    ) external {
        (Constitution args, Progress p, uint256 n) = _formed();
        (CertificateWords agreed, bytes32 structHash) = CertificateTree.load(c);
        address keysBlob = _keysInForce(p);
        _checkTurn(agreed, p, args);
        _checkSets(agreed, signers, n);
        uint256 sender = _certifier(agreed, keysBlob, args);
        _verify(keysBlob, n, signers, _typedDigest(structHash), signature);

        (Run proven, uint256 handedIn) = _proven(agreed, first, groups, proof);

        Period base = _periodOf(agreed, p.versionFrom(), agreed.te());
        p = p.withCertifiedThrough(agreed.te());
        if (p.has(ProgressWords.SUCCESSION)) p = _succeed(p, agreed.te());
        _progress = p;
        bool all = handedIn == agreed.count();
        if (!all) _remember(agreed, structHash, Words.versionFrom(base));
        if (!_settleGroups(agreed.ts(), base, _payoutOf(agreed, n, sender), proven, handedIn) && all) {
            // After the calls: only they tell that a group refused. Nothing but `settle` reads it.
            _remember(agreed, structHash, Words.versionFrom(base));
            all = false;
        }
        emit Certified(
            uint64(agreed.ts()),
            uint64(agreed.te()),
            uint64(agreed.version()),
            uint8(agreed.leader()),
            agreed.failed(),
            agreed.payees(),
            signers,
            uint32(agreed.count()),
            agreed.groups(),
            !all
        );
    }

    /// @inheritdoc ICommittee
    function settle(
        Certificate calldata c,
        uint64 first,
        uint256[] calldata groups,
        bytes32[] calldata proof
    ) external {
        Constitution args = CommitteeArguments.load();
        (CertificateWords agreed, bytes32 structHash) = CertificateTree.load(c);
        // Equal hashes: every field is as `certify` checked it.
        bytes32 remembered = _remembered[agreed.ts()];
        if (remembered == bytes32(0) || (remembered ^ structHash) >> 56 != bytes32(0)) {
            revert Committee_NotRemembered(remembered, structHash);
        }
        uint256 te = agreed.te();
        uint256 from = uint256(remembered) & MEMBERS_BEGIN != 0 ? agreed.ts() : 0;
        uint256 latest = te;
        // Unchecked: te was compared with a block, and an interval has 32 bits.
        unchecked {
            // Only from an interval later on can there be another certificate (R6), so that usually one word is read.
            if (block.number >= te + args.interval()) latest = _progress.certifiedThrough();
        }
        Payout payout = _payoutOf(agreed, args.size(), _settler(agreed, args));
        (Run proven, uint256 handedIn) = _proven(agreed, first, groups, proof);
        _settleGroups(agreed.ts(), _periodOf(agreed, from, latest), payout, proven, handedIn);
    }

    /// @inheritdoc ICommittee
    function certificateAt(uint64 ts) external view returns (uint64 te, uint64 acceptedAt) {
        uint256 word = uint256(_remembered[ts]);
        te = uint40(word >> 16);
        acceptedAt = te + uint64(word & (MEMBERS_BEGIN - 1));
    }

    /// @inheritdoc ICommittee
    function rememberedAt(uint64 ts) external view returns (bytes32) {
        return _remembered[ts];
    }

    /// @dev The certificate is of the one interval that comes next, and in its turn's window (R5, R6, R29).
    function _checkTurn(CertificateWords c, Progress p, Constitution args) private view {
        (uint256 ts, uint256 te, uint256 turn) = (c.ts(), c.te(), args.turn());
        if (ts != p.certifiedThrough()) revert Committee_StaleStart(p.certifiedThrough(), uint64(ts));
        if (c.version() != p.version()) revert Committee_WrongVersion(p.version(), uint64(c.version()));
        // Unchecked: ts has 40 bits, interval and turn have 32; the turns that lapsed end at te at the latest, and te +
        // turn is formed only if the present block is not before te.
        unchecked {
            uint256 end = ts + args.interval();
            if (te < end) revert Committee_WrongEnd(uint64(end), uint64(te));
            uint256 lapsed = (te - end) / turn;
            end += lapsed * turn;
            if (te != end) revert Committee_WrongEnd(uint64(end), uint64(te));
            if (block.number < te) revert Committee_TooEarly(uint64(te), uint64(block.number));
            if (block.number >= te + turn) revert Committee_TooLate(uint64(te + turn), uint64(block.number));
            // R7: the leaders of the turns before, at most f.
            uint256 expected = Narrow.min(lapsed, args.faults());
            uint256 actual = c.failed() == 0 ? 0 : Quorum.count(uint128(c.failed()));
            if (actual != expected) revert Committee_WrongFailedCount(expected, actual);
        }
    }

    /// @dev Leader, bitmaps and quorum lie within the committee; the number of groups fits its field.
    function _checkSets(CertificateWords c, uint256 signers, uint256 n) private pure {
        (uint256 leader, uint256 failed, uint256 payees) = (c.leader(), c.failed(), c.payees());
        Narrow.check(c.count(), 32);
        if (leader >= n) revert Committee_NoSuchMember(n, leader);
        uint256 sets = signers | failed | payees;
        if (sets >> n != 0) revert Committee_BitmapOutOfRange(1 << n, sets);
        uint256 signing = Quorum.count(signers, n);
        uint256 quorum = CommitteeArguments.quorum(n);
        if (signing < quorum) revert Committee_TooFewSigners(quorum, signing);
        if ((failed >> leader) & 1 != 0) revert Committee_LeaderFailed(uint8(leader));
        if (failed & payees != 0) revert Committee_FailedPayee(0, failed & payees);
    }

    function _verify(
        address keysBlob,
        uint256 n,
        uint256 signers,
        bytes32 digest,
        bytes calldata signature
    ) private view {
        if (signature.length != SIGNATURE_BYTES) {
            revert Committee_BadSignatureLength(SIGNATURE_BYTES, signature.length);
        }
        if (Quorum.isInfinity(signature)) revert Committee_Infinity();
        if (!Quorum.verify(keysBlob, n, signers, digest, signature)) revert Committee_BadSignature(digest, signers);
    }

    /// @dev R25: the first block in which other members than the leader certify, and take its share.
    function _othersFrom(CertificateWords c, Constitution args) private pure returns (uint256) {
        // Unchecked: te was compared with a block, and a turn has 32 bits.
        unchecked {
            return c.te() + (2 * args.turn() + 2) / 3;
        }
    }

    /// @dev The member that certifies in the leader's place, or NO_SENDER; refuses everybody else (R25).
    function _certifier(CertificateWords c, address keysBlob, Constitution args) private view returns (uint256 sender) {
        uint256 n = args.size();
        address leader = Quorum.operatorAt(keysBlob, n, c.leader());
        if (msg.sender == leader) return Words.NO_SENDER;
        if (block.number < _othersFrom(c, args)) revert Committee_NotLeader(leader, msg.sender);
        sender = Quorum.indexOf(keysBlob, n, msg.sender);
        if (sender == n) revert Committee_NotMember(msg.sender);
        if (!_replaces(c, sender)) return Words.NO_SENDER;
    }

    /// @dev The member that settles in the leader's place, or NO_SENDER (R25).
    function _settler(CertificateWords c, Constitution args) private view returns (uint256 sender) {
        if (block.number < _othersFrom(c, args)) return Words.NO_SENDER;
        (Progress p, uint256 n) = (_progress, args.size());
        address keysBlob = c.version() == p.version() ? _keysInForce(p) : _keysOf(c.version(), n);
        sender = Quorum.indexOf(keysBlob, n, msg.sender);
        if (sender == n || sender == c.leader() || !_replaces(c, sender)) return Words.NO_SENDER;
    }

    /// @dev Whether this member takes the leader's share: the leader is a payee, and the member has not failed.
    function _replaces(CertificateWords c, uint256 sender) private pure returns (bool) {
        return (c.failed() >> sender) & 1 == 0 && (c.payees() >> c.leader()) & 1 != 0;
    }

    /// @dev Everything but the group's number.
    function _periodOf(CertificateWords c, uint256 from, uint256 certifiedThrough_) private pure returns (Period) {
        // Each value was stored in, or compared with, a field of this width.
        return
            Words.encodePeriod(
                0,
                uint32(c.version()),
                uint40(from),
                uint40(certifiedThrough_),
                uint40(c.ts()),
                uint40(c.te())
            );
    }

    function _payoutOf(CertificateWords c, uint256 n, uint256 sender) private pure returns (Payout) {
        uint256 unpaid = Quorum.everyone(n) & ~c.payees();
        if (sender != Words.NO_SENDER) unpaid |= 1 << c.leader();
        uint256 divisor = n;
        if (c.failed() != 0) divisor -= Quorum.count(c.failed());
        // n is at most 124, and so are all counts of members.
        return Words.encodePayout(uint8(sender), uint8(Quorum.count(c.payees(), n)), uint8(divisor), uint8(n), unpaid);
    }

    /// @dev The groups handed in, which are in the certificate from position `first` on, and their number.
    function _proven(
        CertificateWords c,
        uint256 first,
        uint256[] calldata words,
        bytes32[] calldata proof
    ) private pure returns (Run groups, uint256 count) {
        Run leaves;
        (groups, leaves, count) = GroupCalls.load(words);
        // Unchecked: `first` has 64 bits, and calldata are shorter than 2^64.
        unchecked {
            if (first + count > c.count()) revert Committee_GroupsOutOfRange(c.count(), first + count);
        }
        if (count == 0) {
            if (proof.length != 0) revert Committee_BadProofLength(0, proof.length);
            return (groups, 0);
        }
        bytes32 root = CertificateTree.rootOf(leaves, count, first, c.count(), proof);
        if (root != c.groups()) revert Committee_BadGroupProof(c.groups(), root);
    }

    /// @dev Calls each group.
    /// @return all whether none of them refused
    function _settleGroups(
        uint256 ts,
        Period base,
        Payout payout,
        Run groups,
        uint256 count
    ) private returns (bool all) {
        uint256 n = Words.n(payout);
        all = true;
        // Unchecked: at most so many groups as calldata have words, and 256 items each.
        unchecked {
            for (; count != 0; --count) {
                LeafHead head = groups.headOf();
                if (!_call(groups, head, base, payout, SettlementGas.worst(head.items(), n))) {
                    all = false;
                    emit GroupRefused(uint64(ts), head.number(), head.group(), _reason(head.group()));
                }
                groups = groups.skip(1 + head.items());
            }
        }
    }

    /// @dev Calls the first group by itself, with enough gas for the worst case or not at all (R29).
    function _call(Run groups, LeafHead head, Period base, Payout payout, uint256 bound) private returns (bool) {
        // A call to an address without code would succeed.
        if (head.group().code.length == 0) return false;
        // Unchecked: a call forwards at most 63/64 of what is left; the bound is below 2^32.
        unchecked {
            uint256 left = gasleft();
            left -= left / 64;
            if (left < bound + RESERVE) revert Committee_TooLittleGas(bound + RESERVE, left);
        }
        return groups.send(head, base, payout, bound);
    }

    /// @dev What a group that was called just now returned, not more than MAX_REASON bytes; nothing without code.
    function _reason(address group) private view returns (bytes memory reason) {
        if (group.code.length == 0) return reason;
        uint256 size;
        assembly ("memory-safe") {
            size := returndatasize()
        }
        reason = new bytes(Narrow.min(size, MAX_REASON));
        assembly ("memory-safe") {
            returndatacopy(add(reason, 32), 0, mload(reason))
        }
    }

    /// @dev Stores the certificate under its ts for good (R29).
    function _remember(CertificateWords c, bytes32 structHash, uint256 versionFrom) private {
        // te was compared with the present block, and the block is less than t ≤ 8,000 after it (R4).
        uint256 when = (c.te() << 16) | (block.number - c.te());
        if (c.ts() == versionFrom) when |= MEMBERS_BEGIN;
        _remembered[c.ts()] = bytes32(((uint256(structHash) >> 56) << 56) | when);
    }
}
