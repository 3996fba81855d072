// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUpkeepingMembers} from "../interfaces/IUpkeepingMembers.sol";
import {Args} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {GroupCommitments} from "./GroupCommitments.sol";

/// @title Credit for abandoned runs, at the first touch of a provider after them (R34)
abstract contract GroupTouch is GroupCommitments {
    /// @dev Maximum number of abandoned runs that one call credits.
    uint256 internal constant RUNS_PER_CALL = 16;
    /// @dev `Run.part` if the escrow sufficed.
    uint256 internal constant ALL = 1 << 64;

    /// @dev A provider's slot, after crediting it for abandoned runs.
    function _touched(Args args, uint256 provider) internal returns (Live memory live) {
        live = Packed.unpackLive(_liveWords[provider]);
        Hot memory hot = _hot();
        if (hot.flags & Packed.ABANDONED == 0) return live;
        if (args.merkle()) {
            _collectRuns(hot, args, provider, live);
            _creditRuns(hot, args, provider, live);
        } else {
            _touch(hot, args, provider, live, RUNS_PER_CALL);
        }
        _liveWords[provider] = Packed.pack(live);
        _setHot(hot);
    }

    /// @dev Item by item: credits committed space-time at the rate of the last settlement, or in full if there was none
    ///      (R34), so a new provider is credited its own blocks. Goes through at most `limit` runs and advances `live`
    ///      to their end.
    function _touch(Hot memory hot, Args args, uint256 provider, Live memory live, uint256 limit) internal {
        ProviderRecord storage record = _providers[provider];
        uint256 count = _runs.length;
        for (uint256 index = record.run; index < count && limit != 0; --limit) {
            Run memory run = _runs[index];
            uint256 start = record.runThrough > run.from ? record.runThrough : run.from;
            if (start < run.to) {
                (uint256 spaceTime, uint256 next) = _advance(provider, live, start, _committedEnd(hot.flags, run.to));
                record.next = uint32(next);
                record.runThrough = run.to;
                _untouched -= spaceTime;
                if (live.flags & Packed.RATED != 0) spaceTime = (spaceTime * live.rate) >> Packed.RATE_BITS;
                _creditAbandoned(hot, args, provider, live, index, spaceTime, run.part);
            }
            if (index + 1 == count) break;
            record.run = uint32(++index);
        }
    }

    /// @dev Merkle mode: the same in two steps, because a settlement contains no rate of a provider. Runs before its
    ///      first settlement are credited at once; the others wait for its claim under the root of that time, or a
    ///      later one. Otherwise a provider that proved nothing would get its full commitment by never claiming.
    function _collectRuns(Hot memory hot, Args args, uint256 provider, Live memory live) internal {
        ProviderRecord storage record = _providers[provider];
        uint256 count = _runs.length;
        uint256 limit = RUNS_PER_CALL;
        for (uint256 index = record.run; index < count && limit != 0; --limit) {
            Run memory run = _runs[index];
            uint256 start = record.runThrough > run.from ? record.runThrough : run.from;
            if (start < run.to) {
                (uint256 spaceTime, uint256 blocks) = _committedIn(hot.flags, provider, record, start, run.to);
                record.runThrough = run.to;
                record.abandonedSpaceTime += uint128(spaceTime);
                record.abandonedBlocks += uint40(blocks);
                if (run.rootTe <= record.activeFrom) {
                    _untouched -= spaceTime;
                    _creditAbandoned(hot, args, provider, live, index, spaceTime, run.part);
                } else {
                    record.owedSpaceTime += uint128(spaceTime);
                    record.owedBlocks += uint40(blocks);
                    record.owedRootTe = run.rootTe;
                }
            }
            if (index + 1 == count) break;
            record.run = uint32(++index);
        }
    }

    /// @dev Merkle mode: credits the runs that waited for a rate, once it is known.
    function _creditRuns(Hot memory hot, Args args, uint256 provider, Live memory live) internal {
        ProviderRecord storage record = _providers[provider];
        uint256 spaceTime = record.owedSpaceTime;
        if (spaceTime == 0 || record.claimedThrough < record.owedRootTe) return;
        _untouched -= spaceTime;
        spaceTime = _min(spaceTime, live.rate * record.owedBlocks);
        record.owedSpaceTime = 0;
        record.owedBlocks = 0;
        _creditAbandoned(hot, args, provider, live, record.run, spaceTime, ALL);
    }

    /// @dev Credits part / 2^64 of the amount due, at most the free escrow. The rest becomes arrears without a keepers'
    ///      cut.
    function _creditAbandoned(
        Hot memory hot,
        Args args,
        uint256 provider,
        Live memory live,
        uint256 run,
        uint256 spaceTime,
        uint256 part
    ) private {
        uint256 amount = _amount(spaceTime, args.price());
        uint256 paid = _min(part == ALL ? amount : Math.mulDiv(amount, part, ALL), hot.free);
        hot.free -= paid;
        live.credit += paid;
        if (amount > paid) {
            uint256 before = _providers[provider].uncutArrears;
            uint256 afterwards = _min(before + amount - paid, MAX_ARREARS);
            _providers[provider].uncutArrears = uint104(afterwards);
            _arrears += afterwards - before;
            live.flags |= Packed.OWED;
        }
        emit IUpkeepingMembers.AbandonCredited(uint32(provider), uint32(run), spaceTime, paid);
    }
}
