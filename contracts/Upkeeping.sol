// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IUpkeepingSettlement} from "./interfaces/IUpkeepingSettlement.sol";
import {Item, Settlement} from "./interfaces/UpkeepingTypes.sol";
import {Delegate} from "./group/Delegate.sol";
import {GroupMerkle} from "./group/GroupMerkle.sol";
import {GroupStorage} from "./group/GroupStorage.sol";
import {Args, GroupArgs} from "./libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "./libraries/Packed.sol";
import {SettlementDigest} from "./libraries/SettlementDigest.sol";

/// @title The code of every group: what settles; the rest is handed to `UpkeepingEscrow`
/// @dev A group's full ABI is `IUpkeeping`.
contract Upkeeping is GroupMerkle, Delegate {
    constructor(IRegistry registry_, address escrow) GroupStorage(registry_) Delegate(escrow) {}

    /// @dev A plain transfer of the chain's coin is a deposit.
    receive() external payable {
        _forward();
    }

    /// @inheritdoc IUpkeepingSettlement
    function settle(Settlement calldata s, uint256 signers, bytes calldata signature) external {
        Args memory args = GroupArgs.load();
        if (args.merkle()) revert Upkeeping_WrongMode(false, true);
        Hot memory hot = _hot();
        Admission memory a = Admission(s.ts, s.te, s.committee, s.leader, s.failed, s.payees, 0, 0, 0, 0, address(this));
        _admit(hot, args, a, signers, signature.length);
        bytes32 digest = settlementDigest(s);
        _verify(a, signers, digest, signature);

        uint256 cut = _payProviders(hot, args, s);
        _payKeepers(hot, a, cut);
        _close(hot, args, a);
        _setHot(hot);
        emit Settled(uint64(a.ts), uint64(a.te), uint8(a.leader), a.failed, a.payees, signers, digest);
    }

    /// @inheritdoc IUpkeepingSettlement
    function settlementDigest(Settlement calldata s) public view returns (bytes32) {
        return _typedDigest(SettlementDigest.structHash(s));
    }

    /// @dev Credits all providers of the items and returns the keepers' cut, which is still in `hot.free`.
    function _payProviders(Hot memory hot, Args memory args, Settlement calldata s) private returns (uint256 cut) {
        Item[] calldata items = s.items;
        uint256 count = items.length;
        _checkCount(hot, s.te, count);
        uint256 buffer = _buffer(count);
        Span memory span = Span(s.ts, s.te, _committedEnd(hot.flags, s.te), args.price());
        uint256 due;
        // Unchecked: an amount is below 2^192, arrears are sums of such, and no sum of them comes near 2^256. What is paid is
        // never above what is available, nor a cut above its amount.
        unchecked {
            uint256 expectedAbove;
            for (uint256 i = 0; i < count; ++i) {
                uint256 provider = items[i].provider;
                if (provider < expectedAbove) revert Upkeeping_ItemsNotAscending(expectedAbove - 1, provider);
                expectedAbove = provider + 1;
                (uint256 word, uint256 amount) = _measure(hot, args, span, provider, items[i].spaceTime);
                _put(buffer, i, word, amount);
                due += amount;
            }
            uint256 available = hot.free;
            uint256 bps = args.keeperShareBps();
            if (due > available) emit Shortfall(s.ts, due, available);
            uint256 paid;
            for (uint256 i = 0; i < count; ++i) {
                uint256 provider = items[i].provider;
                (uint256 word, uint256 amount) = _get(buffer, i);
                if (due > available || word & Packed.OWED != 0) {
                    (word, amount) = _owe(provider, word, amount, due, available);
                }
                // R30: the provider gets what is left of its amount after the keepers' cut.
                uint256 itsCut = amount * bps / BPS;
                amount -= itsCut;
                cut += itsCut;
                paid += amount;
                // The credit is the uppermost field.
                _liveWords[provider] = word + (amount << 160);
            }
            hot.free = available - paid;
        }
    }

    /// @dev Memory for two words an item. Assembly, here and below: an array of structs would be one pointer and one
    ///      bounds check more for every item.
    function _buffer(uint256 count) private pure returns (uint256 buffer) {
        assembly ("memory-safe") {
            buffer := mload(0x40)
            mstore(0x40, add(buffer, shl(6, count)))
        }
    }

    function _put(uint256 buffer, uint256 i, uint256 word, uint256 amount) private pure {
        assembly ("memory-safe") {
            let place := add(buffer, shl(6, i))
            mstore(place, word)
            mstore(add(place, 32), amount)
        }
    }

    function _get(uint256 buffer, uint256 i) private pure returns (uint256 word, uint256 amount) {
        assembly ("memory-safe") {
            let place := add(buffer, shl(6, i))
            word := mload(place)
            amount := mload(add(place, 32))
        }
    }

    /// @dev One item for every provider that is not closed and has a block before te.
    function _checkCount(Hot memory hot, uint256 te, uint256 actual) private view {
        uint256 expected = hot.listed;
        if (hot.flags & Packed.CHANGED != 0) {
            uint256 index = _totalIndex(_misc.totalsSettled, te - 1);
            expected -= _totals[_totals.length - 1].added - _totals[index].added;
        }
        if (actual != expected) revert Upkeeping_WrongItemCount(expected, actual);
    }

    /// @dev The interval: its blocks, the end of what is committed in it, and the price.
    struct Span {
        uint256 ts;
        uint256 te;
        uint256 end;
        uint256 price;
    }

    /// @dev A provider's amount, with its arrears, before any scaling; and its slot, moved on to te.
    function _measure(Hot memory hot, Args memory args, Span memory span, uint256 provider, uint256 signed)
        private
        returns (uint256 word, uint256 amount)
    {
        word = _liveWords[provider];
        uint256 committed;
        // Unchecked: 56 bits times 40 bits; ts < end, or the group had ended.
        unchecked {
            uint256 changeFrom = uint40(word >> 8);
            bool plain = word & (Packed.LISTED | Packed.NEW) == Packed.LISTED && hot.flags & Packed.ABANDONED == 0
                && (changeFrom == 0 || changeFrom > span.end);
            uint256 since = span.ts;
            if (plain) committed = uint256(uint56(word >> 104)) * (span.end - span.ts);
            else (word, committed, since) = _measureChanged(hot, args, span, provider, Packed.unpackLive(word));
            // R16: never more than what was committed.
            if (signed > committed) {
                emit Capped(uint64(span.ts), uint32(provider), signed, committed);
                signed = committed;
            }
            uint256 rate = signed / (span.te - since);
            word = (word & ~(uint256(type(uint56).max) << 48)) | (rate << 48) | Packed.RATED;
            amount = (signed * span.price) >> 30;
            if (word & Packed.OWED != 0) amount += _providers[provider].arrears;
        }
    }

    /// @dev The slower way: a provider whose data changes in the interval, or that is to be credited for abandoned runs.
    /// @return word its slot
    /// @return committed space-time it committed
    /// @return since first block of the interval that it is active in
    function _measureChanged(Hot memory hot, Args memory args, Span memory span, uint256 provider, Live memory live)
        private
        returns (uint256 word, uint256 committed, uint256 since)
    {
        since = live.flags & Packed.NEW != 0 && live.changeFrom > span.ts ? live.changeFrom : span.ts;
        bool active = live.flags & Packed.LISTED != 0 && (live.flags & Packed.NEW == 0 || live.changeFrom < span.te);
        if (!active) revert Upkeeping_ProviderNotActive(uint32(provider));
        if (hot.flags & Packed.ABANDONED != 0) _touch(hot, args, provider, live, type(uint256).max);
        uint256 next;
        (committed, next) = _advance(provider, live, span.ts, span.end);
        if (next != _providers[provider].next) _providers[provider].next = uint32(next);
        if (live.flags & Packed.REMOVED != 0 && live.changeFrom == 0) {
            live.flags &= ~Packed.LISTED;
            --hot.listed;
            emit ProviderClosed(uint32(provider), uint64(span.te));
        }
        word = Packed.pack(live);
    }

    /// @dev Scales an amount if the escrow is short, and keeps the rest as arrears (R32).
    function _owe(uint256 provider, uint256 word, uint256 amount, uint256 due, uint256 available)
        private
        returns (uint256, uint256 paid)
    {
        paid = due > available ? Math.mulDiv(amount, available, due) : amount;
        uint256 before = word & Packed.OWED != 0 ? _providers[provider].arrears : 0;
        uint256 afterwards = amount - paid;
        if (before != afterwards) {
            _providers[provider].arrears = uint216(afterwards);
            _arrears = _arrears + afterwards - before;
            emit ArrearsChanged(uint32(provider), before, afterwards);
        }
        word = afterwards == 0 ? word & ~Packed.OWED : word | Packed.OWED;
        return (word, paid);
    }
}
