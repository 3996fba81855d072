// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Quorum} from "../../libraries/Quorum.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {Certificate, GroupItems, Payout, Period} from "../interfaces/Types.sol";
import {CertificateTree} from "../libraries/CertificateTree.sol";
import {CommitteeArguments, Constitution} from "../libraries/CommitteeArguments.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {SettlementGas} from "../libraries/SettlementGas.sol";
import {Words} from "../libraries/Words.sol";
import {CommitteeScope} from "./CommitteeScope.sol";

/// @title Certificates, and the settlement of their groups (R6, R7, R25, R27, R29)
abstract contract CommitteeCertificates is CommitteeScope {
    /// @dev Gas of this contract between the check and a group's call, and most bytes of a reason passed on.
    uint256 private constant RESERVE = 10_000;
    uint256 private constant MAX_REASON = 256;
    uint256 private constant SIGNATURE_BYTES = 128;

    /// @inheritdoc ICommittee
    function certify(
        Certificate calldata c,
        uint256 signers,
        bytes calldata signature,
        uint32 first,
        GroupItems[] calldata groups,
        bytes32[] calldata proof
    ) external {
        (Constitution args, Progress memory p, uint256 n) = _formed();
        address keysBlob = _keysInForce(p.flags);
        _checkTurn(c, p, args);
        _checkSets(c, signers, args);
        uint256 sender = _sender(c, keysBlob, args, true);
        bytes32 structHash = CertificateTree.structHash(c);
        _verify(keysBlob, n, signers, _typedDigest(structHash), signature);

        Period base = _periodOf(c, p.versionFrom, c.te);
        p.certifiedThrough = uint40(c.te);
        if (p.flags & SUCCESSION != 0) _succeed(p, c.te);
        _progress = p;
        bool all = groups.length == c.count;
        if (!all) _remember(c, structHash);
        if (!_settleGroups(c, base, _payoutOf(c, n, sender), first, groups, proof) && all) {
            // After the calls: only they tell that a group refused. Nothing but `settle` reads it.
            _remember(c, structHash);
            all = false;
        }
        emit Certified(c.ts, c.te, c.version, c.leader, c.failed, c.payees, signers, c.count, c.groups, !all);
    }

    /// @inheritdoc ICommittee
    function settle(
        Certificate calldata c,
        uint32 first,
        GroupItems[] calldata groups,
        bytes32[] calldata proof
    ) external {
        Constitution args = CommitteeArguments.load();
        bytes32 remembered = _remembered[c.ts];
        bytes32 structHash = CertificateTree.structHash(c);
        if (remembered == bytes32(0) || (remembered ^ structHash) >> 56 != bytes32(0)) {
            revert Committee_NotRemembered(remembered, structHash);
        }
        Progress memory p = _progress;
        uint256 n = args.size();
        bool present = c.version == p.version;
        uint256 from = present ? p.versionFrom : _firstBlockOf(c.version);
        address keysBlob = present ? _keysInForce(p.flags) : _keysOf(c.version, n);
        uint256 sender = _sender(c, keysBlob, args, false);
        Period base = _periodOf(c, from, p.certifiedThrough);
        _settleGroups(c, base, _payoutOf(c, n, sender), first, groups, proof);
    }

    /// @inheritdoc ICommittee
    function certificateAt(uint64 ts) external view returns (uint64 te, uint64 acceptedAt) {
        uint256 word = uint256(_remembered[ts]);
        te = uint40(word >> 16);
        acceptedAt = te + uint16(word);
    }

    /// @inheritdoc ICommittee
    function rememberedAt(uint64 ts) external view returns (bytes32) {
        return _remembered[ts];
    }

    /// @dev The certificate is of the one interval that comes next, and in its turn's window (R5, R6, R29).
    function _checkTurn(Certificate calldata c, Progress memory p, Constitution args) private view {
        (uint256 ts, uint256 te, uint256 turn) = (c.ts, c.te, args.turn());
        if (ts != p.certifiedThrough) revert Committee_StaleStart(p.certifiedThrough, c.ts);
        if (c.version != p.version) revert Committee_WrongVersion(p.version, c.version);
        uint256 end = ts + args.interval();
        if (te < end) revert Committee_WrongEnd(uint64(end), c.te);
        uint256 lapsed = (te - end) / turn;
        end += lapsed * turn;
        if (te != end) revert Committee_WrongEnd(uint64(end), c.te);
        if (block.number < te) revert Committee_TooEarly(c.te, uint64(block.number));
        if (block.number >= te + turn) revert Committee_TooLate(uint64(te + turn), uint64(block.number));
        // R7: the leaders of the turns before, at most f.
        uint256 expected = Narrow.min(lapsed, args.faults());
        uint256 actual = Quorum.count(uint128(c.failed));
        if (actual != expected) revert Committee_WrongFailedCount(expected, actual);
    }

    /// @dev Leader, bitmaps and quorum lie within the committee.
    function _checkSets(Certificate calldata c, uint256 signers, Constitution args) private pure {
        uint256 n = args.size();
        if (c.leader >= n) revert Committee_NoSuchMember(n, c.leader);
        uint256 sets = signers | c.failed | c.payees;
        if (sets >> n != 0) revert Committee_BitmapOutOfRange(1 << n, sets);
        uint256 signing = Quorum.count(signers, n);
        uint256 quorum = 2 * args.faults() + 1;
        if (signing < quorum) revert Committee_TooFewSigners(quorum, signing);
        if ((c.failed >> c.leader) & 1 != 0) revert Committee_LeaderFailed(c.leader);
        if (c.failed & c.payees != 0) revert Committee_FailedPayee(0, c.failed & c.payees);
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

    /// @dev R25: the member that takes the leader's share, or NO_SENDER. Until te + ⌈2t/3⌉ only the leader certifies,
    ///      then any member does.
    function _sender(
        Certificate calldata c,
        address keysBlob,
        Constitution args,
        bool certifying
    ) private view returns (uint256 sender) {
        uint256 n = args.size();
        bool others = block.number >= c.te + (2 * args.turn() + 2) / 3;
        if (certifying || others) {
            address leader = Quorum.operatorAt(keysBlob, n, c.leader);
            if (msg.sender == leader) return Words.NO_SENDER;
            if (!others) revert Committee_NotLeader(leader, msg.sender);
        }
        if (!others) return Words.NO_SENDER;
        sender = Quorum.indexOf(keysBlob, n, msg.sender);
        if (certifying && sender == n) revert Committee_NotMember(msg.sender);
        bool replaces = sender < n && (c.failed >> sender) & 1 == 0 && (c.payees >> c.leader) & 1 != 0;
        if (!replaces) return Words.NO_SENDER;
    }

    /// @dev Everything but the group's number.
    function _periodOf(Certificate calldata c, uint256 from, uint256 certifiedThrough_) private pure returns (Period) {
        // Each value was stored in, or compared with, a field of this width.
        return
            Words.encodePeriod(
                0,
                uint32(c.version),
                uint40(from),
                uint40(certifiedThrough_),
                uint40(c.ts),
                uint40(c.te)
            );
    }

    function _payoutOf(Certificate calldata c, uint256 n, uint256 sender) private pure returns (Payout) {
        uint256 everyone = Quorum.everyone(n);
        uint256 unpaid = everyone & ~c.payees;
        if (sender != Words.NO_SENDER) unpaid |= 1 << c.leader;
        uint256 failed = c.failed == 0 ? 0 : Quorum.count(c.failed);
        // n is at most 124, and so are all counts of members.
        return Words.encodePayout(uint8(sender), uint8(Quorum.count(c.payees, n)), uint8(n - failed), uint8(n), unpaid);
    }

    /// @dev Proves that the groups are in the certificate and calls each one.
    /// @return all whether none of them refused
    function _settleGroups(
        Certificate calldata c,
        Period base,
        Payout payout,
        uint256 first,
        GroupItems[] calldata groups,
        bytes32[] calldata proof
    ) private returns (bool all) {
        if (first + groups.length > c.count) revert Committee_GroupsOutOfRange(c.count, first + groups.length);
        if (groups.length == 0) {
            if (proof.length != 0) revert Committee_BadProofLength(0, proof.length);
            return true;
        }
        bytes32 root = CertificateTree.rootOf(groups, first, c.count, proof);
        if (root != c.groups) revert Committee_BadGroupProof(c.groups, root);
        uint256 n = Words.n(payout);
        all = true;
        for (uint256 i = 0; i < groups.length; ++i) {
            GroupItems calldata g = groups[i];
            Period period = Period.wrap(Period.unwrap(base) | (uint256(g.number) << 192));
            bytes memory data = abi.encodeCall(IUpkeeping.settleInterval, (period, payout, g.items));
            (bool settled, bytes memory reason) = _call(g.group, data, SettlementGas.worst(g.items.length, n));
            if (settled) continue;
            all = false;
            emit GroupRefused(c.ts, g.number, g.group, reason);
        }
    }

    /// @dev Calls a group by itself, with enough gas for the worst case or not at all (R29).
    function _call(
        address group,
        bytes memory data,
        uint256 bound
    ) private returns (bool settled, bytes memory reason) {
        // A call to an address without code would succeed.
        if (group.code.length == 0) return (false, "");
        // A call forwards at most 63/64 of what is left.
        uint256 left = gasleft();
        left -= left / 64;
        if (left < bound + RESERVE) revert Committee_TooLittleGas(bound + RESERVE, left);
        uint256 size;
        // Assembly: a call with a gas limit, of which not more than MAX_REASON bytes are copied, however much it
        // returns.
        assembly ("memory-safe") {
            settled := call(bound, group, 0, add(data, 32), mload(data), 0, 0)
            size := returndatasize()
        }
        if (settled) return (true, "");
        reason = new bytes(Narrow.min(size, MAX_REASON));
        // Assembly: returned data have no other form here.
        assembly ("memory-safe") {
            returndatacopy(add(reason, 32), 0, mload(reason))
        }
    }

    /// @dev Stores the certificate under its ts for good (R29).
    function _remember(Certificate calldata c, bytes32 structHash) private {
        // te was compared with the present block, and the block is less than t ≤ 8,000 after it (R4).
        uint256 when = (uint256(c.te) << 16) | (block.number - c.te);
        _remembered[c.ts] = bytes32(((uint256(structHash) >> 56) << 56) | when);
    }

    function _firstBlockOf(uint256 version) private view returns (uint256) {
        return version == 1 ? _progress.origin : _versions[version].effectiveFrom;
    }
}
