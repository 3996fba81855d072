// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupProviders} from "../interfaces/IGroupProviders.sol";
import {Arguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWords.sol";
import {UpkeepingStorage} from "./UpkeepingStorage.sol";

/// @title What providers committed (R16, R33), and what the escrow must hold for it (R32)
abstract contract UpkeepingCommitments is UpkeepingStorage {
    /// @notice Committed space-time S and value V of some blocks, and the number of pending changes that take effect in
    ///         them or at their end.
    struct Committed {
        uint256 spaceTime;
        uint256 value;
        uint256 passed;
    }

    /// @dev S and V of [from, to), `from` being settledThrough or, if nothing is committed in between, later. A binary
    ///      search over the pending changes finds the last one with `from` ≤ to. Values fit: 56 + 40 and 136 + 40 bits.
    function _committed(
        uint256 provider,
        ProviderWord word,
        uint256 from,
        uint256 to
    ) internal view returns (Committed memory c) {
        if (to < from) to = from;
        Track memory track;
        bool changes;
        if (word.has(ProviderWords.PENDING)) {
            track = _tracks[provider];
            changes = track.nextFrom <= to;
        }
        if (!changes) {
            c.spaceTime = word.size() * (to - from);
            c.value = c.spaceTime * word.price();
            return c;
        }
        Change[RING] storage ring = _changes[provider];
        uint256 start = track.first;
        uint256 low = 0;
        uint256 high = track.pending;
        // A leaving is the last change: its place needs no search.
        if (track.leavesAt != 0) {
            if (track.leavesAt <= to) low = high - 1;
            else --high;
        }
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (ring[(start + middle) % RING].from <= to) low = middle;
            else high = middle;
        }
        Change storage last = ring[(start + low) % RING];
        uint256 before = word.size() * (track.nextFrom - from);
        uint256 afterwards = uint256(last.size) * (to - last.from);
        c.spaceTime = before + afterwards;
        c.value = before * word.price() + afterwards * last.price;
        if (low != 0) {
            Change storage first = ring[start];
            c.spaceTime += last.spaceTime - first.spaceTime;
            c.value += last.value - first.value;
        }
        c.passed = low + 1;
    }

    /// @dev Makes the last of `passed` pending changes the data in force. A provider whose last change is its leaving
    ///      is closed; its slot then has the flag LISTED no more, and the caller counts it.
    function _advance(uint256 provider, ProviderWord word, uint256 passed) internal returns (ProviderWord) {
        if (passed == 0) return word;
        Track storage track = _tracks[provider];
        Change storage last = _changeAt(provider, track.first + passed - 1);
        word = word.withData(last.size, last.price);
        uint8 left = uint8(track.pending - passed);
        track.first = uint8((track.first + passed) % RING);
        track.pending = left;
        if (left == 0)
            word = word.without(ProviderWords.PENDING);
            // The search has not read the leaving, which is the last change.
        else if (left == 1 && track.leavesAt != 0) track.nextFrom = track.leavesAt;
        else track.nextFrom = _changeAt(provider, track.first).from;
        if (last.size == 0) {
            track.closed = true;
            word = word.without(ProviderWords.LISTED);
            emit IGroupProviders.ProviderClosed(uint32(provider), last.from);
        }
        return word;
    }

    function _changeAt(uint256 provider, uint256 place) internal view returns (Change storage) {
        return _changes[provider][place % RING];
    }

    /// @dev While no provider is listed, nothing is committed: settledThrough moves to the present block, or to the end
    ///      of the service. The members may have changed meanwhile.
    function _passIdle(Head memory head) internal {
        if (head.listed != 0) return;
        uint256 through = head.has(Heads.ENDING) ? Narrow.min(block.number, _course.left) : block.number;
        if (through <= head.settledThrough) return;
        emit IGroupProviders.IdlePassed(uint64(head.settledThrough), uint64(through));
        head.settledThrough = through;
        head.set(Heads.FRESH);
    }

    /// @dev Number of listed providers that begin at `start` or later. Later indices begin later, so a binary search
    ///      over the last ones finds the first of them.
    function _startingFrom(Head memory head, uint256 start) internal view returns (uint256) {
        if (!head.has(Heads.STARTING)) return 0;
        uint256 count = _ledger.providerCount;
        uint256 low = count - head.listed;
        uint256 high = count;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (_tracks[middle].activeFrom < start) low = middle + 1;
            else high = middle;
        }
        return count - low;
    }

    /// @dev What the escrow must hold (R32); the formula is in `IGroupMoney`.
    function _required(Head memory head, Arguments args) internal view returns (uint256) {
        Arrears memory owed = _arrears;
        uint256 arrears = uint256(owed.providers) + owed.keepers;
        if (_hasEnded(head)) return arrears;
        uint256 groupEnd = head.has(Heads.TERMINATED) ? _course.end : type(uint40).max;
        uint256 value = 0;
        uint256 count = _seats.length;
        for (uint256 i = 0; i < count; ++i) {
            value += _valueToReserve(_seats[i], head.settledThrough, groupEnd, args.lockup());
        }
        return arrears + ((value + type(uint64).max) >> 64) + _feeToReserve(head, args);
    }

    /// @dev U + A of one provider.
    function _valueToReserve(
        uint256 provider,
        uint256 settledThrough,
        uint256 groupEnd,
        uint256 lockup
    ) private view returns (uint256) {
        ProviderWord word = _words[provider];
        if (!word.has(ProviderWords.LISTED)) return 0;
        uint256 end = groupEnd;
        uint256 peak = word.size() * word.price();
        if (word.has(ProviderWords.PENDING)) {
            Track memory track = _tracks[provider];
            if (track.leavesAt != 0) end = Narrow.min(end, track.leavesAt);
            for (uint256 i = 0; i < track.pending; ++i) {
                Change storage change = _changeAt(provider, track.first + i);
                if (change.from < end) peak = Narrow.max(peak, uint256(change.size) * change.price);
            }
        }
        uint256 unsettled = _committed(provider, word, settledThrough, Narrow.min(block.number, end)).value;
        uint256 now_ = Narrow.max(block.number, settledThrough);
        uint256 ahead = lockup;
        if (end != type(uint40).max) ahead = end > now_ ? end - now_ : 0;
        return unsettled + ahead * peak;
    }

    /// @dev F / 65536, rounded up.
    function _feeToReserve(Head memory head, Arguments args) private view returns (uint256) {
        uint256 fee = args.keeperFee();
        if (fee == 0 || head.ceiling == 0) return 0;
        uint256 ceiling = head.ceiling;
        uint256 ahead = args.lockup();
        uint256 settled = _settledNow(head);
        // Before the service begins, settledThrough is its first block.
        uint256 now_ = Narrow.max(block.number, settled);
        if (head.has(Heads.ENDING)) {
            uint256 nextCeiling = _next.ceiling;
            ceiling = Narrow.max(ceiling, nextCeiling);
            bool terminated = head.has(Heads.TERMINATED);
            if (nextCeiling == 0 || terminated) {
                uint256 last = terminated ? _course.end : _course.left;
                ahead = last > now_ ? last - now_ : 0;
                now_ = Narrow.min(now_, last);
            }
        }
        uint256 unsettled = now_ > settled ? now_ - settled : 0;
        return (fee * ceiling * (unsettled + ahead) + type(uint16).max) >> 16;
    }

    /// @dev R32: nobody's pay can be thinned by what the payer does.
    function _checkFunded(Head memory head, Arguments args) internal view {
        uint256 required = _required(head, args);
        if (head.available < required) revert IGroupMoney.Upkeeping_Underfunded(required, head.available);
    }
}
