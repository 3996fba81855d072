// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {ProviderPart} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWords.sol";
import {Words} from "../libraries/Words.sol";
import {UpkeepingProviders} from "./UpkeepingProviders.sol";

/// @title Blocks that no committee settled (R34)
abstract contract UpkeepingAbandon is UpkeepingProviders {
    /// @notice What providers get for some blocks, in the order of `providers`.
    struct Credits {
        uint256 count;
        uint256 sum;
        uint256[] providers;
        uint256[] words;
        uint256[] amounts;
        uint256[] spaceTimes;
    }

    /// @dev See `IGroupService`.
    function abandon(uint64 ts) external nonReentrant {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        if (_hasEnded(head)) revert IGroupService.Upkeeping_Ended(_course.end, uint64(head.settledThrough));
        _onlyPayerOrProvider(args);
        _catchUp(head, args);
        address committee = _committeeOf(head, args);
        uint256 earliest = _abandonableFrom(head, args, committee, ts);
        if (earliest == 0 || block.number < earliest)
            revert IGroupService.Upkeeping_NotAbandonable(earliest, block.number);
        uint256 through = block.number;
        if (committee != address(0)) through = ICommittee(committee).lastSlotAt(uint64(block.number));
        if (head.has(Heads.TERMINATED)) through = Narrow.min(through, _course.end);
        bool moving = head.has(Heads.ENDING) && _next.committee != address(0);
        // R38: nobody else serves the blocks up to a move, so they are credited here, too.
        if (moving) through = _course.left;
        through = Narrow.max(through, head.settledThrough);
        _creditThrough(head, through);
        if (committee != address(0)) _leaveCommittee(head, args, committee);
        _storeHead(head);
    }

    /// @dev Credits every listed provider for [settledThrough, through) at the rate of its last settled interval,
    ///      without cut or fee, all at one ratio if the escrow is short, and moves settledThrough there.
    function _creditThrough(Head memory head, uint256 through) internal {
        if (through == head.settledThrough) return;
        Credits memory credits = _measureCredits(head, through);
        uint256 available = head.available;
        uint256 due = credits.sum;
        if (due > available) emit IGroupMoney.Shortfall(due, available);
        uint256[] memory parts = new uint256[](credits.count);
        for (uint256 i = 0; i < credits.count; ++i) {
            uint256 provider = credits.providers[i];
            ProviderWord word = ProviderWord.wrap(credits.words[i]);
            uint256 amount = _scaled(credits.amounts[i], available, due);
            if (amount != credits.amounts[i]) {
                _setArrears(provider, _accounts[provider].arrears + credits.amounts[i] - amount);
                word = word.with(ProviderWords.OWED);
            }
            head.available -= amount;
            _words[provider] = word.addCredit(amount);
            parts[i] = ProviderPart.unwrap(Words.providerPart(provider, credits.spaceTimes[i], amount));
        }
        _noteArrears(head);
        emit IGroupService.Credited(uint64(head.settledThrough), uint64(through), msg.sender, parts);
        head.settledThrough = through;
    }

    /// @dev Amounts of all listed providers, whose data move on to `through`.
    function _measureCredits(Head memory head, uint256 through) private returns (Credits memory c) {
        uint256 count = _seats.length;
        c.providers = new uint256[](count);
        c.words = new uint256[](count);
        c.amounts = new uint256[](count);
        c.spaceTimes = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 provider = _seats[i];
            ProviderWord word = _words[provider];
            if (!word.has(ProviderWords.LISTED)) continue;
            Committed memory committed = _committed(provider, word, head.settledThrough, through);
            word = _advance(provider, word, committed.passed);
            if (!word.has(ProviderWords.LISTED)) --head.listed;
            uint256 amount = _atLastRate(provider, word, committed.value);
            c.providers[c.count] = provider;
            c.words[c.count] = ProviderWord.unwrap(word);
            c.amounts[c.count] = amount;
            c.spaceTimes[c.count] = committed.spaceTime;
            c.sum += amount;
            ++c.count;
        }
    }

    /// @dev ⌊V × p / (k × 2^64)⌋.
    function _atLastRate(uint256 provider, ProviderWord word, uint256 value) private view returns (uint256) {
        if (word.has(ProviderWords.WHOLE)) return value >> 64;
        if (word.has(ProviderWords.NONE)) return 0;
        Rate memory rate = _rates[provider];
        return Math.mulDiv(value, rate.paid, uint256(rate.committed) << 64);
    }

    /// @dev The first block in which the group may be abandoned; 0: not in this state.
    function _abandonableFrom(
        Head memory head,
        Arguments args,
        address committee,
        uint64 ts
    ) private view returns (uint256) {
        uint256 lockup = args.lockup();
        // (c)
        if (committee == address(0)) return head.settledThrough + lockup;
        uint256 unsettled = _firstCommitted(head);
        // (a)
        if (ICommittee(committee).certifiedThrough() <= unsettled) {
            return unsettled + ICommittee(committee).rhythm().interval + lockup;
        }
        // (b) Any later certificate proves the same, and was accepted later.
        (uint64 te, uint64 acceptedAt) = ICommittee(committee).certificateAt(ts);
        if (te <= unsettled) return 0;
        return Narrow.max(acceptedAt, _course.movedAt) + lockup;
    }

    /// @dev First block from settledThrough on to which a provider is committed: a certificate of blocks before it need
    ///      not name the group, and leaves nothing of it to settle.
    function _firstCommitted(Head memory head) private view returns (uint256) {
        uint256 listed = head.listed;
        if (listed == 0 || _startingFrom(head, head.settledThrough) != listed) return head.settledThrough;
        return _tracks[_ledger.providerCount - listed].activeFrom;
    }

    /// @dev R34: the group leaves the committee that did not settle it. In a move the next one follows.
    function _leaveCommittee(Head memory head, Arguments args, address committee) private {
        // In a move, and after a release, the committee knows the end already: it is not put off.
        if (!head.has(Heads.ENDING) || head.settledThrough < _course.left) {
            uint256 left = Narrow.max(head.settledThrough, _course.from);
            ICommittee(committee).endMembership(_present.number, uint64(left));
        }
        _handOver(head, args);
    }

    function _onlyPayerOrProvider(Arguments args) private view {
        if (msg.sender == _payerOf(args)) return;
        uint32 latest = _operators[msg.sender].indexPlusOne;
        if (latest == 0 || _tracks[latest - 1].closed) revert IGroupService.Upkeeping_NotPayerOrProvider(msg.sender);
    }
}
