// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingSettlement} from "../interfaces/IUpkeepingSettlement.sol";
import {Args} from "../libraries/GroupArgs.sol";
import {Hot, Packed} from "../libraries/Packed.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {TurnLog} from "../libraries/TurnLog.sol";
import {GroupSuccession} from "./GroupSuccession.sol";
import {GroupTouch} from "./GroupTouch.sol";

/// @title Rules of both settlement modes: sender and window (R29), and the keepers' shares (R30)
abstract contract GroupSettlement is GroupSuccession, GroupTouch, IUpkeepingSettlement {
    /// @dev Fields of a settlement that both modes have.
    /// @param sender index of the keeper that sends in the leader's place, or the leader's own
    struct Admission {
        uint256 ts;
        uint256 te;
        uint256 version;
        uint256 leader;
        uint256 failed;
        uint256 payees;
        uint256 n;
        uint256 failedCount;
        uint256 sender;
        uint256 turnNumber;
        address keysBlob;
    }

    /// @dev Copies the six words that both kinds of settlement start with from calldata. `_admit` refuses a value
    ///      beyond its type: it compares each one with a smaller limit.
    function _termsAt(uint256 place) internal view returns (Admission memory a) {
        assembly ("memory-safe") {
            calldatacopy(a, place, 192)
        }
        a.keysBlob = address(this);
    }

    /// @dev Every rule of R29 except the signature, cheapest first.
    function _admit(
        Hot memory hot,
        Args args,
        Admission memory a,
        uint256 signers,
        uint256 signatureSize
    ) internal view {
        if (a.ts != hot.ts) revert Upkeeping_StaleStart(uint64(hot.ts), uint64(a.ts));
        if (hot.flags & Packed.TERMINATED != 0) {
            if (hot.ts >= _misc.endBlock) revert Upkeeping_Ended(_misc.endBlock, uint64(hot.ts));
        }
        a.turnNumber = _turnNumber(args, a.ts, a.te);
        _seat(hot, args, a);
        // Unchecked: n is at least 4 and at most 124.
        uint256 f;
        uint256 expectedSigners;
        unchecked {
            f = (a.n - 1) / 3;
            expectedSigners = 2 * f + 1;
        }

        if (a.leader >= a.n) revert Upkeeping_NoSuchLeader(a.n, a.leader);
        uint256 beyond = (signers | a.failed | a.payees) >> a.n;
        if (beyond != 0) revert Upkeeping_BitmapOutOfRange(1 << a.n, signers | a.failed | a.payees);
        uint256 signing = Quorum.count(signers, a.n);
        if (signing < expectedSigners) revert Upkeeping_TooFewSigners(expectedSigners, signing);
        if (a.failed != 0) a.failedCount = Quorum.count(a.failed);
        // Unchecked: turns count from 1.
        uint256 expectedFailed;
        unchecked {
            expectedFailed = _min(a.turnNumber - 1, f);
        }
        if (a.failedCount != expectedFailed) revert Upkeeping_WrongFailedCount(expectedFailed, a.failedCount);
        if (a.failed & a.payees != 0) revert Upkeeping_FailedPayee(0, a.failed & a.payees);
        if ((a.failed >> a.leader) & 1 != 0) revert Upkeeping_LeaderFailed(uint8(a.leader));
        if (signatureSize != 128) revert Upkeeping_BadSignatureLength(128, signatureSize);

        a.sender = a.leader;
        address leaderOperator = Quorum.operatorAt(a.keysBlob, a.n, a.leader);
        if (msg.sender != leaderOperator) {
            // R25: the leader's own time is ⌈2t/3⌉ blocks.
            if (block.number < a.te + (2 * args.turn() + 2) / 3) revert Upkeeping_NotLeader(leaderOperator, msg.sender);
            a.sender = Quorum.indexOf(a.keysBlob, a.n, msg.sender);
            if (a.sender == a.n) revert Upkeeping_NotMember(msg.sender);
        }
    }

    /// @dev Loads the active committee. The first is in the group's own code, which saves one slot read and one account
    ///      access (R36).
    function _seat(Hot memory hot, Args args, Admission memory a) private view {
        uint256 version = 1;
        a.n = args.members();
        if (hot.flags & Packed.ELSEWHERE != 0) {
            Seats memory seats = _seats;
            (version, a.keysBlob, a.n) = (seats.version, seats.keysBlob, seats.n);
        }
        if (a.version != version) revert Upkeeping_WrongCommittee(uint64(version), uint64(a.version));
    }

    /// @dev Turn number i ≥ 1, if turn i ends at te and the block is in its window (R6).
    function _turnNumber(Args args, uint256 ts, uint256 te) private view returns (uint256) {
        // Unchecked: all are below 2^64, and te is not below `first` where that is subtracted.
        unchecked {
            uint256 first = ts + args.interval();
            uint256 turn = args.turn();
            if (te < first) revert Upkeeping_WrongEnd(uint64(first), uint64(te));
            uint256 lapsed = _quotient(te - first, turn);
            uint256 expected = first + lapsed * turn;
            if (te != expected) revert Upkeeping_WrongEnd(uint64(expected), uint64(te));
            if (block.number < te) revert Upkeeping_TooEarly(te, block.number);
            if (block.number >= te + turn) revert Upkeeping_TooLate(te + turn, block.number);
            return lapsed + 1;
        }
    }

    function _verify(Admission memory a, uint256 signers, bytes32 digest, bytes calldata signature) internal view {
        if (Quorum.isInfinity(signature)) revert Upkeeping_Infinity();
        if (!Quorum.verify(a.keysBlob, a.n, signers, digest, signature)) revert Upkeeping_BadSignature(digest, signers);
    }

    /// @dev Divides the cut among the keepers that are not failed (R30). The part of a keeper that is no payee stays in
    ///      the escrow.
    /// @return share what each of the payees was credited
    function _payKeepers(Hot memory hot, Admission memory a, uint256 cut) internal returns (uint256 share) {
        if (a.payees == 0) return 0;
        uint256 paid;
        // Unchecked: fewer fail than there are keepers, and no more are paid than the cut is divided by, as no payee
        // has failed.
        unchecked {
            share = _quotient(cut, a.n - a.failedCount);
            if (share == 0) return 0;
            paid = share * Quorum.count(a.payees, a.n);
            // Below 2^96, as all of it was deposited.
            hot.share += share;
        }
        hot.free -= paid;
        uint256 unpaid = ~a.payees & Quorum.everyone(a.n);
        // R25: a sender in the leader's place gets the leader's share, unless the sender has failed itself.
        if (a.sender != a.leader) {
            if ((a.payees >> a.leader) & 1 != 0 && (a.failed >> a.sender) & 1 == 0) {
                unpaid |= 1 << a.leader;
                _shares[a.version].keepers[a.sender].bonus += uint96(share);
                emit LeaderReplaced(uint64(a.ts), uint8(a.leader), uint8(a.sender), share);
            }
        }
        if (unpaid != 0) _chargeDebts(_shares[a.version], unpaid, share);
    }

    /// @dev Adds `share` to the debt of every keeper in the bitmap, four in a slot.
    function _chargeDebts(Shares storage shares, uint256 bitmap, uint256 share) private {
        for (uint256 slot = 0; bitmap != 0; ++slot) {
            uint256 four = bitmap & 0xf;
            bitmap >>= 4;
            if (four == 0) continue;
            uint256 low = shares.debts[slot];
            uint256 carried;
            for (uint256 lane = 0; lane < 4; ++lane) {
                if ((four >> lane) & 1 == 0) continue;
                uint256 shift = lane * 64;
                uint256 sum = uint64(low >> shift) + share;
                low = (low & ~(uint256(type(uint64).max) << shift)) | (uint256(uint64(sum)) << shift);
                carried += (sum >> 64) << shift;
            }
            shares.debts[slot] = low;
            // Lanes of the upper part cannot overflow: a debt never exceeds the 96-bit share.
            if (carried != 0) shares.debtsHigh[slot] += carried;
        }
    }

    /// @dev Appends the settlement to the history and advances the group to te.
    function _close(Hot memory hot, Args args, Admission memory a) internal {
        hot.turns = TurnLog.append(_turnLog, hot.turns, a.turnNumber, a.ts, args.interval(), args.turn());
        _moveOn(hot, a.te, a.te);
    }
}
