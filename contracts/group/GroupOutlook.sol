// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingViews} from "../interfaces/IUpkeepingViews.sol";
import {ClaimableRoots, ProviderOutlook} from "../interfaces/UpkeepingTypes.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {GroupCommitments} from "./GroupCommitments.sol";

/// @title Expected credit of providers and keepers
abstract contract GroupOutlook is GroupCommitments, IUpkeepingViews {
    /// @dev Equals the number of abandoned runs that one call credits.
    uint256 private constant RUNS_SHOWN = 16;

    /// @inheritdoc IUpkeepingViews
    function providerOutlook(uint256 from, uint256 count) external view returns (ProviderOutlook[] memory page) {
        (from, count) = _page(from, count, _misc.providerCount);
        Hot memory hot = _hot();
        Args args = GroupArgs.load();
        page = new ProviderOutlook[](count);
        for (uint256 i = 0; i < count; ++i) {
            page[i] = _outlook(hot, args, from + i);
        }
    }

    /// @inheritdoc IUpkeepingViews
    function shareOutlook() external view returns (uint256) {
        Hot memory hot = _hot();
        Args args = GroupArgs.load();
        uint256 low = _misc.totalsSettled;
        uint256 end = _committedEnd(hot.flags, block.number);
        if (end <= hot.ts) return 0;
        (uint256 settled, ) = _totalBefore(low, hot.ts);
        (uint256 now_, ) = _totalBefore(low, end);
        return (_amount(now_ - settled, args.price()) * args.keeperShareBps()) / BPS / _seats.n;
    }

    /// @inheritdoc IUpkeepingViews
    function claimableRoots() external view returns (ClaimableRoots memory c) {
        if (_root.funded == _root.due) return ClaimableRoots(_root.root, _root.te, _root.root, _root.te, 0, 0);
        c.fundedRoot = _fundedStage.root;
        c.fundedTe = _fundedStage.te;
        c.partRoot = _partStage.root;
        c.partTe = _partStage.te;
        c.paid = _root.funded - _fundedStage.due;
        c.due = _partStage.due - _fundedStage.due;
    }

    function _outlook(Hot memory hot, Args args, uint256 provider) private view returns (ProviderOutlook memory o) {
        ProviderRecord storage record = _providers[provider];
        Live memory live = Packed.unpackLive(_liveWords[provider]);
        bool rated = live.flags & Packed.RATED != 0;
        o.index = uint32(provider);
        o.credit = live.credit;
        o.arrears = uint256(record.arrears) + record.uncutArrears;
        uint256 spaceTime = record.owedSpaceTime;
        uint256 runs = _runs.length;
        for (uint256 i = record.run; i < runs && i < record.run + RUNS_SHOWN; ++i) {
            Run memory run = _runs[i];
            uint256 start = record.runThrough > run.from ? record.runThrough : run.from;
            (uint256 committed, uint256 blocks_) = _committedIn(hot.flags, provider, record, start, run.to);
            spaceTime += rated ? _atRate(args, live, committed, blocks_) : committed;
        }
        o.abandoned = _amount(spaceTime, args.price());
        (uint256 most, uint256 blocks) = _committedIn(hot.flags, provider, record, hot.ts, block.number);
        o.runningMost = _afterCut(args, most);
        if (rated) o.running = _afterCut(args, _atRate(args, live, most, blocks));
    }

    /// @dev Part of committed space-time that is paid at the rate of the provider's last settled interval.
    function _atRate(Args args, Live memory live, uint256 committed, uint256 blocks) private pure returns (uint256) {
        if (args.merkle()) return _min(committed, live.rate * blocks);
        return (committed * live.rate) >> Packed.RATE_BITS;
    }

    function _afterCut(Args args, uint256 spaceTime) private pure returns (uint256 amount) {
        amount = _amount(spaceTime, args.price());
        amount -= (amount * args.keeperShareBps()) / BPS;
    }

    function _page(uint256 from, uint256 count, uint256 length) internal pure returns (uint256, uint256) {
        if (from > length) from = length;
        return (from, count > length - from ? length - from : count);
    }
}
