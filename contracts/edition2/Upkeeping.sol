// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {IGroupProviders} from "./interfaces/IGroupProviders.sol";
import {IGroupService} from "./interfaces/IGroupService.sol";
import {DataChange, GroupState, ProviderState, Service} from "./interfaces/Types.sol";
import {GroupArguments} from "./libraries/GroupArguments.sol";
import {Head, Heads} from "./libraries/Head.sol";
import {ProviderWord, ProviderWords} from "./libraries/ProviderWord.sol";
import {UpkeepingSettlement} from "./group/UpkeepingSettlement.sol";
import {UpkeepingStorage} from "./group/UpkeepingStorage.sol";

/// @title One payer's money: a group (R16, R29–R36, R38, R46)
/// @notice Code of every group, a clone with its parameters behind it. The parts are in `group/`, by subject.
/// @dev The rules are in `IUpkeeping`; views of single facts are here, others in the lens.
contract Upkeeping is UpkeepingSettlement {
    constructor(IRegistry registry_, address factory_) UpkeepingStorage(registry_, factory_) {}

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
        if (index >= _ledger.providerCount) revert Upkeeping_NoSuchProvider(_ledger.providerCount, index);
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
}
