// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ICommittee} from "../interfaces/ICommittee.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {GroupTerms, Membership, Terms} from "../interfaces/Types.sol";
import {CommitteeArguments, Constitution} from "../libraries/CommitteeArguments.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {Progress} from "../libraries/ProgressWords.sol";
import {CommitteeSeats} from "./CommitteeSeats.sol";

/// @title Groups that a committee serves (R38)
abstract contract CommitteeScope is CommitteeSeats {
    /// @inheritdoc ICommittee
    function invite(address group, bool invited) external {
        address convener_ = CommitteeArguments.load().convener();
        if (msg.sender != convener_) revert Committee_NotConvener(convener_, msg.sender);
        _invited[group] = invited;
        emit GroupInvited(group, invited);
    }

    /// @inheritdoc ICommittee
    function admit(
        GroupTerms calldata terms_,
        uint16 ceiling,
        uint64 earliest
    ) external returns (uint32 number, uint64 entered) {
        if (!IUpkeepingFactory(_factory).isGroup(msg.sender)) revert Committee_NotAGroup(msg.sender);
        (Constitution args, Progress p, ) = _formed();
        _checkTerms(args, terms_);
        uint256 first = Narrow.max(block.number + args.confirmations() + 1, earliest);
        uint40 from = Narrow.to40(_firstSlotFrom(args, p.origin(), first));
        // R5: a committee without groups that owes no certificate begins anew with this one. It has certified nothing
        // since if another, later one has had it begin already.
        if (_isIdle(p) || from < p.certifiedThrough()) p = p.withCertifiedThrough(from);
        number = p.lastNumber() + 1;
        p = p.withLastNumber(number).withOpen(p.open() + 1);
        _progress = p.withReserved(_reserve(args, p.reserved(), 0, ceiling));
        _members[number] = Member(msg.sender, ceiling, from, 0);
        emit GroupEntered(number, msg.sender, ceiling, from);
        return (number, from);
    }

    /// @inheritdoc ICommittee
    function changeCeiling(uint32 number, uint16 ceiling) external {
        Member storage member = _memberOfCaller(number);
        if (member.ceiling == 0) revert Committee_NotOver(number, member.left);
        Progress p = _progress;
        _progress = p.withReserved(_reserve(CommitteeArguments.load(), p.reserved(), member.ceiling, ceiling));
        member.ceiling = ceiling;
        emit CeilingChanged(number, ceiling);
    }

    /// @inheritdoc ICommittee
    function endMembership(uint32 number, uint64 left) external {
        Member storage member = _memberOfCaller(number);
        if (left < member.entered) revert Committee_EndsBeforeEntry(member.entered, left);
        if (member.left == 0) _progress = _progress.withOpen(_progress.open() - 1);
        member.left = Narrow.to40(left);
        // An earlier end that replaces a later one does not lower it: then only R5's new beginning comes later.
        if (left > member.entered && left > _seats.lastLeft) _seats.lastLeft = uint40(left);
        emit GroupLeaves(number, msg.sender, left);
    }

    /// @inheritdoc ICommittee
    function reclaim(uint32[] calldata numbers) external {
        uint256 freed = 0;
        for (uint256 i = 0; i < numbers.length; ++i) {
            Member storage member = _members[numbers[i]];
            (uint256 ceiling, uint256 left) = (member.ceiling, member.left);
            if (ceiling == 0 || left == 0 || left > block.number) revert Committee_NotOver(numbers[i], uint64(left));
            member.ceiling = 0;
            freed += ceiling;
            emit CeilingFreed(numbers[i], uint16(ceiling));
        }
        _progress = _progress.withReserved(_progress.reserved() - freed);
    }

    /// @inheritdoc ICommittee
    function releaseGroup(uint32 number) external {
        _seatOf(msg.sender);
        address group = _members[number].group;
        if (group == address(0)) revert Committee_NoSuchGroup(_progress.lastNumber(), number);
        IGroupService(group).release();
    }

    /// @inheritdoc ICommittee
    function firstSlotFrom(uint64 blockNumber) external view returns (uint64) {
        return Narrow.to64(_firstSlotFrom(CommitteeArguments.load(), _progress.origin(), blockNumber));
    }

    /// @inheritdoc ICommittee
    function lastSlotAt(uint64 blockNumber) external view returns (uint64) {
        uint256 origin = _progress.origin();
        if (blockNumber <= origin) return uint64(origin);
        return uint64(blockNumber - ((blockNumber - origin) % CommitteeArguments.load().slot()));
    }

    /// @inheritdoc ICommittee
    function membership(uint32 number) external view returns (Membership memory) {
        Member memory member = _members[number];
        return Membership(member.group, member.ceiling, member.entered, member.left);
    }

    /// @inheritdoc ICommittee
    function lastNumber() external view returns (uint32) {
        return _progress.lastNumber();
    }

    /// @inheritdoc ICommittee
    function reserved() external view returns (uint32) {
        return _progress.reserved();
    }

    /// @dev o + ⌈(block − o) / c⌉·c, at least o.
    function _firstSlotFrom(Constitution args, uint256 origin, uint256 blockNumber) private pure returns (uint256) {
        if (blockNumber <= origin) return origin;
        uint256 slot = args.slot();
        return origin + ((blockNumber - origin + slot - 1) / slot) * slot;
    }

    /// @dev R4, R38. What fixes the money of its keepers is agreed once, in the terms.
    function _checkTerms(Constitution args, GroupTerms calldata g) private view {
        Terms memory t = args.terms();
        if (!t.open && g.payer != args.convener() && !_invited[msg.sender]) revert Committee_NotInvited(msg.sender);
        if (g.token != t.token) revert Committee_WrongToken(t.token, g.token);
        if (g.keeperFee < t.leastKeeperFee) revert Committee_FeeTooLow(t.leastKeeperFee, g.keeperFee);
        if (g.keeperShareBps < t.leastKeeperShareBps) {
            revert Committee_ShareTooLow(t.leastKeeperShareBps, g.keeperShareBps);
        }
        uint256 leastLockup = args.interval() + (args.faults() + 1) * args.turn();
        if (g.lockup < leastLockup) revert Committee_LockupTooShort(leastLockup, g.lockup);
    }

    /// @dev Σ ceilings after one of them changes.
    function _reserve(
        Constitution args,
        uint256 reserved_,
        uint256 before,
        uint256 ceiling
    ) private pure returns (uint32) {
        uint256 left = args.mostProviders() - (reserved_ - before);
        if (ceiling == 0 || ceiling > left) revert Committee_TooManyProviders(left, ceiling);
        // At most `mostProviders`, which has 32 bits.
        return uint32(reserved_ - before + ceiling);
    }

    function _memberOfCaller(uint32 number) private view returns (Member storage member) {
        member = _members[number];
        if (member.group != msg.sender) revert Committee_NotThatGroup(member.group, msg.sender);
    }
}
