// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingMoney} from "../interfaces/IUpkeepingMoney.sol";
import {Args} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {GroupStorage} from "./GroupStorage.sol";

/// @title Committed space-time of providers (R16, R33), and the money that the escrow must hold for it (R32)
abstract contract GroupCommitments is GroupStorage {
    /// @dev Bytes are committed up to the end block only (R33).
    function _committedEnd(uint256 flags, uint256 through) internal view returns (uint256) {
        return flags & Packed.TERMINATED != 0 ? _min(through, _misc.endBlock) : through;
    }

    /// @dev Committed space-time of a provider over [start, through); `live` is at `start` and is advanced to
    ///      `through`. A binary search over at most MAX_CHANGES changes from `next` on finds the last one.
    function _advance(
        uint256 provider,
        Live memory live,
        uint256 start,
        uint256 through
    ) internal returns (uint256 spaceTime, uint256 next) {
        ProviderRecord storage record = _providers[provider];
        next = record.next;
        if (through <= start) return (0, next);
        if (live.changeFrom == 0 || live.changeFrom > through) return (live.size * (through - start), next);
        Change[] storage changes = record.changes;
        uint256 count = changes.length;
        uint256 low = next;
        uint256 high = count;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (changes[middle].from <= through) low = middle;
            else high = middle;
        }
        Change storage first = changes[next];
        Change storage last = changes[low];
        uint256 size = last.size;
        spaceTime =
            live.size * (live.changeFrom - start) +
            last.cumulative -
            first.cumulative +
            size * (through - last.from);
        uint256 before = _max(live.size, first.peak);
        uint256 afterwards = size;
        live.size = size;
        live.flags &= ~Packed.NEW;
        live.changeFrom = 0;
        next = low + 1;
        if (next < count) {
            Change storage ahead = changes[next];
            live.changeFrom = ahead.from;
            afterwards = _max(size, ahead.peak);
        }
        _lowerPeak(record, live, before, afterwards);
    }

    /// @dev A provider's largest size since its last settlement or ahead, item by item (R32).
    function _peak(uint256 provider, Live memory live) internal view returns (uint256) {
        if (live.changeFrom == 0) return live.size;
        ProviderRecord storage record = _providers[provider];
        return _max(live.size, record.changes[record.next].peak);
    }

    /// @dev After a settlement, earlier sizes of the provider do not count any more. The peak of a leaving provider is
    ///      kept apart.
    function _lowerPeak(ProviderRecord storage record, Live memory live, uint256 before, uint256 afterwards) private {
        if (before == afterwards) return;
        if (live.flags & Packed.REMOVED == 0) _peaks -= before - afterwards;
        else if (record.removedAt > block.number) {
            _totals[_totalIndex(_misc.totalsSettled, record.removedAt)].leaving -= uint88(before - afterwards);
        }
    }

    /// @dev Committed space-time of a provider before a block, from its first block on; for Merkle mode, where
    ///      settlements do not advance providers.
    function _cumulative(uint256 provider, uint256 through) internal view returns (uint256) {
        Change[] storage changes = _providers[provider].changes;
        if (changes[0].from > through) return 0;
        uint256 low = 0;
        uint256 high = changes.length;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (changes[middle].from <= through) low = middle;
            else high = middle;
        }
        return changes[low].cumulative + uint256(changes[low].size) * (through - changes[low].from);
    }

    /// @dev Space-time a provider committed in [from, to), and the number of blocks it did so.
    function _committedIn(
        uint256 flags,
        uint256 provider,
        ProviderRecord storage record,
        uint256 from,
        uint256 to
    ) internal view returns (uint256 spaceTime, uint256 blocks) {
        if (from < record.activeFrom) from = record.activeFrom;
        to = _committedEnd(flags, to);
        if (record.removedAt != 0) to = _min(to, record.removedAt);
        if (to <= from) return (0, 0);
        return (_cumulative(provider, to) - _cumulative(provider, from), to - from);
    }

    /// @dev Index of the last total at or before a block, searching from `low`; `low` itself if none is.
    function _totalIndex(uint256 low, uint256 through) internal view returns (uint256) {
        uint256 high = _totals.length;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (_totals[middle].from <= through) low = middle;
            else high = middle;
        }
        return low;
    }

    /// @dev Committed space-time of all providers before a block, and the index of the total in force there. `low` is
    ///      an index known to be at or before it. The first total, pushed with the first provider, is that of no bytes
    ///      at the origin.
    function _totalBefore(uint256 low, uint256 through) internal view returns (uint256 spaceTime, uint256 index) {
        if (_totals.length == 0) return (0, 0);
        index = _totalIndex(low, through);
        Total storage total = _totals[index];
        spaceTime = total.cumulative + uint256(total.size) * (through - total.from);
    }

    /// @dev First slot that starts more than `confirmations` blocks later (R33).
    function _effectiveBlock(Args args) internal view returns (uint256) {
        uint256 elapsed = block.number - args.origin() + args.confirmations();
        return args.origin() + (elapsed / args.slot() + 1) * args.slot();
    }

    /// @dev Maximum cost of unsettled and future blocks, in byte·blocks (R32): committed space-time since ts, and each
    ///      provider's peak for the lockup or until it leaves.
    function _reservedSpaceTime(Hot memory hot, Args args) internal view returns (uint256) {
        uint256 now_ = block.number;
        uint256 ahead = args.lockup();
        if (hot.flags & Packed.TERMINATED != 0) {
            uint256 end = _misc.endBlock;
            if (end <= hot.ts) return 0;
            now_ = _min(now_, end);
            ahead = end - now_;
        }
        uint256 low = _misc.totalsSettled;
        (uint256 settled, ) = _totalBefore(low, hot.ts);
        (uint256 spaceTime, uint256 index) = _totalBefore(low, now_);
        uint256 peaks = _peaks;
        bool merkle = args.merkle();
        // At most two changes are scheduled: each takes effect within one slot plus the confirmations, which are fewer
        // than a slot.
        for (uint256 i = index; i < _totals.length; ++i) {
            // Merkle settlements do not advance providers, so their peaks are unknown: use the largest total size, now
            // or scheduled.
            if (merkle) peaks = _max(peaks, _totals[i].size);
            else if (i != index) spaceTime += (_totals[i].from - now_) * _totals[i].leaving;
        }
        return spaceTime - settled + ahead * peaks;
    }

    /// @dev Amount that the escrow must hold so that every party is paid in full (R32).
    function _required(Hot memory hot, Args args) internal view returns (uint256) {
        return _arrears + _reserveFor(_reservedSpaceTime(hot, args) + _untouched, args.price());
    }

    /// @dev R32: an addition, more data or a payment of arrears must not reduce any provider's pay.
    function _checkFunds(Hot memory hot, Args args) internal view {
        uint256 required = _required(hot, args);
        if (hot.free < required) revert IUpkeepingMoney.Upkeeping_Underfunded(required, hot.free);
    }

    /// @dev Amount that the payer may withdraw (R32).
    function _withdrawable(Hot memory hot, Args args) internal view returns (uint256) {
        uint256 required = _required(hot, args);
        return hot.free > required ? hot.free - required : 0;
    }
}
