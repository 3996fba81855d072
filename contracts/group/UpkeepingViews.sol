// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DataChange, DataTerms, GroupConfig, GroupState, ProviderState, Service} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWords.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {IGroupProviders} from "../interfaces/IGroupProviders.sol";
import {UpkeepingSettlement} from "./UpkeepingSettlement.sol";

/// @title Facts about a group and its providers (R35)
/// @notice Documented in `IGroupService` and `IGroupProviders`.
abstract contract UpkeepingViews is UpkeepingSettlement {
    /// @inheritdoc IGroupService
    function state() external view returns (GroupState memory s) {
        Head memory head = _loadHead();
        Course memory course = _course;
        address committee = _committeeOf(head, GroupArguments.load());
        s.settledThrough = uint64(head.settledThrough);
        if (committee != address(0)) {
            s.service = Service(committee, _present.number, uint16(head.ceiling), course.from);
        }
        s.next = Service(_next.committee, _next.number, _next.ceiling, _next.from);
        if (head.has(Heads.ENDING)) s.left = course.left;
        s.endBlock = course.end;
        s.ended = _hasEnded(head);
        s.listed = uint16(head.listed);
        s.providerCount = _ledger.providerCount;
        s.movedAt = course.movedAt;
        s.arrearsSince = course.arrearsSince;
    }

    /// @inheritdoc IGroupProviders
    function provider(uint32 index) external view returns (ProviderState memory p) {
        if (index >= _ledger.providerCount)
            revert IGroupProviders.Upkeeping_NoSuchProvider(_ledger.providerCount, index);
        ProviderWord word = _words[index];
        Track memory track = _tracks[index];
        p.operator = _accounts[index].operator;
        p.closed = track.closed;
        p.activeFrom = track.activeFrom;
        p.leavesAt = track.leavesAt;
        p.noticeByPayer = track.byPayer;
        p.noticeByProvider = track.byProvider;
        p.credit = uint96(word.credit());
        p.arrears = _accounts[index].arrears;
        (p.paidSpaceTime, p.committedSpaceTime) = (1, 1);
        if (word.has(ProviderWords.NONE)) p.paidSpaceTime = 0;
        else if (!word.has(ProviderWords.WHOLE)) {
            (p.paidSpaceTime, p.committedSpaceTime) = (_rates[index].paid, _rates[index].committed);
        }
        p.unsettledChanges = track.pending;
    }

    /// @inheritdoc IGroupProviders
    function dataOf(uint32 index) external view returns (DataChange[] memory data) {
        Track memory track = _tracks[index];
        // Before its first block is settled, nothing is in force.
        bool inForce = !_words[index].has(ProviderWords.PENDING) || _words[index].size() != 0;
        uint256 first = inForce ? track.first + RING - 1 : track.first;
        data = new DataChange[](uint256(track.pending) + (inForce ? 1 : 0));
        for (uint256 i = 0; i < data.length; ++i) {
            Change storage c = _changeAt(index, first + i);
            data[i] = DataChange({
                from: c.from,
                size: c.size,
                price: c.price,
                root: c.root,
                receiptKey: c.receiptKey,
                sequence: c.sequence,
                spaceTime: c.spaceTime,
                value: c.value
            });
        }
    }

    /// @inheritdoc IGroupProviders
    function seats() external view returns (uint32[] memory) {
        return _seats;
    }

    /// @inheritdoc IGroupService
    function config() external view returns (GroupConfig memory) {
        Arguments args = GroupArguments.load();
        return
            GroupConfig({
                token: args.token(),
                lockup: uint32(args.lockup()),
                keeperShareBps: uint16(args.keeperShareBps()),
                keeperFee: uint96(args.keeperFee())
            });
    }

    /// @inheritdoc IGroupService
    function createdAt() external view returns (uint64) {
        return uint64(GroupArguments.load().createdAt());
    }

    /// @inheritdoc IGroupService
    function factory() external view returns (address) {
        return _factory;
    }

    /// @inheritdoc IGroupProviders
    function consentDigest(address committee, DataTerms calldata terms) external view returns (bytes32) {
        return _consentDigest(committee, terms);
    }

    /// @inheritdoc IGroupProviders
    function effectiveFrom() external view returns (address committee, uint64 from) {
        uint256 start;
        (committee, start) = _takesEffect(_loadHead(), GroupArguments.load(), 0);
        from = uint64(start);
    }

    /// @inheritdoc IGroupProviders
    function consentSequence(address operator) external view returns (uint64) {
        return _operators[operator].sequence;
    }

    /// @inheritdoc IGroupProviders
    function providerOf(address operator) external view returns (uint32) {
        return _operators[operator].indexPlusOne;
    }
}
