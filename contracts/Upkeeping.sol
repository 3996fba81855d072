// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

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
        Admission memory a;
        (a.ts, a.te, a.version, a.leader, a.failed, a.payees) = (s.ts, s.te, s.committee, s.leader, s.failed, s.payees);
        _admit(hot, args, a, signers, signature.length);
        bytes32 digest = settlementDigest(s);
        _verify(a, signers, digest, signature);

        uint256 cut = _payProviders(hot, args, s);
        _payKeepers(hot, a, cut);
        _close(hot, args, a);
        _setHot(hot);
        emit Settled(s.ts, s.te, s.leader, s.failed, s.payees, signers, digest);
    }

    /// @inheritdoc IUpkeepingSettlement
    function settlementDigest(Settlement calldata s) public view returns (bytes32) {
        return _typedDigest(SettlementDigest.structHash(s));
    }

    /// @dev Credits all providers of the items and returns the keepers' cut, which is still in `hot.free`.
    function _payProviders(Hot memory hot, Args memory args, Settlement calldata s) private returns (uint256 cut) {
        Item[] calldata items = s.items;
        _checkCount(hot, s.te, items.length);
        uint256[] memory words = new uint256[](items.length);
        uint256[] memory amounts = new uint256[](items.length);
        uint256 due;
        uint256 expectedAbove;
        for (uint256 i = 0; i < items.length; ++i) {
            uint256 provider = items[i].provider;
            if (provider < expectedAbove) revert Upkeeping_ItemsNotAscending(expectedAbove - 1, provider);
            expectedAbove = provider + 1;
            (words[i], amounts[i]) = _measure(hot, args, s.ts, s.te, provider, items[i].spaceTime);
            due += amounts[i];
        }
        uint256 available = hot.free;
        uint256 bps = args.keeperShareBps();
        if (due > available) {
            emit Shortfall(s.ts, due, available);
        }
        uint256 paid;
        for (uint256 i = 0; i < words.length; ++i) {
            uint256 amount = amounts[i];
            uint256 word = words[i];
            if (due > available || word & Packed.OWED != 0) {
                (word, amount) = _owe(items[i].provider, word, amount, due, available);
            }
            // R30: the provider gets what is left of its amount after the keepers' cut.
            uint256 itsCut = amount * bps / BPS;
            cut += itsCut;
            paid += amount - itsCut;
            // The credit is the uppermost field.
            _liveWords[items[i].provider] = word + ((amount - itsCut) << 160);
        }
        hot.free = available - paid;
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

    /// @dev A provider's amount, with its arrears, before any scaling; and its slot, moved on to te.
    function _measure(Hot memory hot, Args memory args, uint256 ts, uint256 te, uint256 provider, uint256 signed)
        private
        returns (uint256 word, uint256 amount)
    {
        word = _liveWords[provider];
        Live memory live = Packed.unpackLive(word);
        bool active = live.flags & Packed.LISTED != 0 && (live.flags & Packed.NEW == 0 || live.changeFrom < te);
        if (!active) revert Upkeeping_ProviderNotActive(uint32(provider));
        if (hot.flags & Packed.ABANDONED != 0) _touch(hot, args, provider, live, type(uint256).max);
        uint256 spaceTime;
        uint256 end = _committedEnd(hot.flags, te);
        if (live.changeFrom == 0 || live.changeFrom > end) {
            spaceTime = live.size * (end - ts);
        } else {
            uint256 next;
            (spaceTime, next) = _advance(provider, live, ts, end);
            _providers[provider].next = uint32(next);
            if (live.flags & Packed.REMOVED != 0 && live.changeFrom == 0) {
                live.flags &= ~Packed.LISTED;
                --hot.listed;
                emit ProviderClosed(uint32(provider), uint64(te));
            }
        }
        // R16: never more than what was committed.
        if (signed > spaceTime) emit Capped(uint64(ts), uint32(provider), signed, spaceTime);
        else spaceTime = signed;
        live.rate = spaceTime / (te - ts);
        live.flags |= Packed.RATED;
        amount = _amount(spaceTime, args.price());
        if (live.flags & Packed.OWED != 0) amount += _providers[provider].arrears;
        word = Packed.pack(live);
    }

    /// @dev Scales an amount if the escrow is short, and keeps the rest as arrears (R32).
    function _owe(uint256 provider, uint256 word, uint256 amount, uint256 due, uint256 available)
        private
        returns (uint256, uint256 paid)
    {
        // available < 2^96 and amount < 2^232 in all cases that matter; a product beyond 2^256 cannot be reached because
        // arrears grow by at most 2^192 an interval.
        paid = due > available ? amount * available / due : amount;
        uint256 before = word & Packed.OWED != 0 ? _providers[provider].arrears : 0;
        uint256 afterwards = amount - paid;
        if (before != afterwards) {
            _providers[provider].arrears = afterwards;
            _arrears = _arrears + afterwards - before;
            emit ArrearsChanged(uint32(provider), before, afterwards);
        }
        word = afterwards == 0 ? word & ~Packed.OWED : word | Packed.OWED;
        return (word, paid);
    }
}
