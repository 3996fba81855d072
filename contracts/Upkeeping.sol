// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IUpkeepingSettlement} from "./interfaces/IUpkeepingSettlement.sol";
import {Settlement} from "./interfaces/UpkeepingTypes.sol";
import {Delegate} from "./group/Delegate.sol";
import {GroupMerkle} from "./group/GroupMerkle.sol";
import {GroupStorage} from "./group/GroupStorage.sol";
import {Args, GroupArgs} from "./libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "./libraries/Packed.sol";
import {SettlementDigest} from "./libraries/SettlementDigest.sol";

/// @title Settlement code of every group; other calls are forwarded to `UpkeepingEscrow`
/// @dev A group's full ABI is `IUpkeeping`.
contract Upkeeping is GroupMerkle, Delegate {
    constructor(IRegistry registry_, address escrow) GroupStorage(registry_) Delegate(escrow) {}

    /// @dev A plain transfer of the chain's coin is a deposit.
    receive() external payable {
        _forward();
    }

    /// @inheritdoc IUpkeepingSettlement
    function settle(Settlement calldata s, uint256 signers, bytes calldata signature) external {
        Args args = GroupArgs.load();
        if (args.merkle()) revert Upkeeping_WrongMode(false, true);
        Hot memory hot = Packed.unpackHot(_hotWord);
        uint256 place;
        assembly ("memory-safe") {
            place := s
        }
        Admission memory a = _termsAt(place);
        _admit(hot, args, a, signers, signature.length);
        (uint256 items, uint256 count) = SettlementDigest.copy(s.items);
        bytes32 digest = _typedDigest(SettlementDigest.structHash(s, items, count));
        _verify(a, signers, digest, signature);

        uint256 cut = _payProviders(hot, args, a, items, count);
        _payKeepers(hot, a, cut);
        _close(hot, args, a);
        _setHot(hot);
        emit Settled(uint64(a.ts), uint64(a.te), uint8(a.leader), a.failed, a.payees, signers, digest);
    }

    /// @dev Credits all providers of the items and returns the keepers' cut, which is still in `hot.free`.
    function _payProviders(
        Hot memory hot,
        Args args,
        Admission memory a,
        uint256 items,
        uint256 count
    ) private returns (uint256) {
        _checkCount(hot, a.te, count);
        // Three words per item: provider, slot, amount. Assembly, here and below: an array of structs would cost one
        // pointer and one bounds check more per item.
        uint256 buffer;
        assembly ("memory-safe") {
            buffer := mload(0x40)
            mstore(0x40, add(buffer, mul(96, count)))
        }
        uint256 due = _measureAll(hot, args, a, items, count, buffer);
        if (due > hot.free) emit Shortfall(uint64(a.ts), due, hot.free);
        return _creditAll(hot, args.keeperShareBps(), buffer, count, due);
    }

    /// @dev Computes all amounts first, to know whether the escrow is short.
    function _measureAll(
        Hot memory hot,
        Args args,
        Admission memory a,
        uint256 items,
        uint256 count,
        uint256 buffer
    ) private returns (uint256 due) {
        uint256 end = _committedEnd(hot.flags, a.te);
        uint256 expectedAbove;
        // Unchecked: an amount is below 2^192, arrears are sums of such, and no sum of them comes near 2^256; providers
        // are 32-bit numbers.
        unchecked {
            for (; count != 0; --count) {
                uint256 provider;
                uint256 signed;
                assembly ("memory-safe") {
                    provider := mload(items)
                    signed := mload(add(items, 32))
                    items := add(items, 64)
                }
                if (provider < expectedAbove) revert Upkeeping_ItemsNotAscending(expectedAbove - 1, provider);
                if ((provider >> 32) | (signed >> 128) != 0) revert Upkeeping_ItemOutOfRange(provider, signed);
                expectedAbove = provider + 1;
                (uint256 word, uint256 amount) = _measure(hot, args, a, end, provider, signed);
                due += amount;
                assembly ("memory-safe") {
                    mstore(buffer, provider)
                    mstore(add(buffer, 32), word)
                    mstore(add(buffer, 64), amount)
                    buffer := add(buffer, 96)
                }
            }
        }
    }

    /// @dev Credits all amounts, scaled if the escrow holds less than `due` (R32). The keepers' cut stays in
    ///      `hot.free`.
    function _creditAll(
        Hot memory hot,
        uint256 bps,
        uint256 buffer,
        uint256 count,
        uint256 due
    ) private returns (uint256 cut) {
        uint256 available = hot.free;
        // If the escrow is short, all providers take the slow path; otherwise only those with arrears.
        uint256 owing = due > available ? Packed.OWED : 0;
        uint256 paid;
        // Unchecked: what is paid is never above what is available, nor a cut above its amount.
        unchecked {
            for (; count != 0; --count) {
                uint256 provider;
                uint256 word;
                uint256 amount;
                assembly ("memory-safe") {
                    provider := mload(buffer)
                    word := mload(add(buffer, 32))
                    amount := mload(add(buffer, 64))
                    buffer := add(buffer, 96)
                }
                if ((word | owing) & Packed.OWED != 0)
                    (word, amount) = _owe(hot, provider, word, amount, due, available);
                // R30: the provider gets its amount less the keepers' cut.
                uint256 itsCut = (amount * bps) / BPS;
                amount -= itsCut;
                cut += itsCut;
                paid += amount;
                // The credit is the uppermost field.
                _liveWords[provider] = word + (amount << 160);
            }
            hot.free -= paid;
        }
    }

    /// @dev Requires one item for every provider that is not closed and has a block before te.
    function _checkCount(Hot memory hot, uint256 te, uint256 actual) private view {
        uint256 expected = hot.listed;
        if (hot.flags & Packed.CHANGED != 0) {
            uint256 index = _totalIndex(_misc.totalsSettled, te - 1);
            expected -= _totals[_totals.length - 1].added - _totals[index].added;
        }
        if (actual != expected) revert Upkeeping_WrongItemCount(expected, actual);
    }

    /// @dev A provider's amount with its arrears, before scaling; and its slot, advanced to te.
    function _measure(
        Hot memory hot,
        Args args,
        Admission memory a,
        uint256 end,
        uint256 provider,
        uint256 signed
    ) private returns (uint256 word, uint256 amount) {
        word = _liveWords[provider];
        uint256 committed;
        // Unchecked: 56 bits times 40 bits; ts < end, or the group had ended.
        unchecked {
            // 0 if the provider was listed at ts, no run was abandoned, and its bytes do not change before the end.
            uint256 unusual = ((word & (Packed.LISTED | Packed.NEW)) ^ Packed.LISTED) | (hot.flags & Packed.ABANDONED);
            uint256 changeFrom = uint40(word >> 8);
            // Assembly: one condition instead of three. No change is 0; 0 − 1 wraps and is above any end.
            assembly ("memory-safe") {
                unusual := or(unusual, lt(sub(changeFrom, 1), end))
            }
            if (unusual == 0) committed = uint256(uint56(word >> 104)) * (end - a.ts);
            else (word, committed) = _measureChanged(hot, args, a, end, provider, Packed.unpackLive(word));
            // R16: at most the committed space-time.
            if (signed > committed) {
                emit Capped(uint64(a.ts), uint32(provider), signed, committed);
                signed = committed;
            }
            // If nothing is committed, nothing is due, and the rate is not used.
            uint256 rate = _quotient(signed << Packed.RATE_BITS, committed);
            word = (word & ~(uint256(type(uint56).max) << 48)) | (rate << 48) | Packed.RATED;
            amount = (signed * args.price()) >> 30;
            if (word & Packed.OWED != 0) {
                ProviderRecord storage record = _providers[provider];
                amount += uint256(record.arrears) + record.uncutArrears;
            }
        }
    }

    /// @dev The slow path: a provider whose data changes in the interval, or that has abandoned runs to be credited.
    /// @return word its slot
    /// @return committed space-time it committed
    function _measureChanged(
        Hot memory hot,
        Args args,
        Admission memory a,
        uint256 end,
        uint256 provider,
        Live memory live
    ) private returns (uint256 word, uint256 committed) {
        bool active = live.flags & Packed.LISTED != 0 && (live.flags & Packed.NEW == 0 || live.changeFrom < a.te);
        if (!active) revert Upkeeping_ProviderNotActive(uint32(provider));
        if (hot.flags & Packed.ABANDONED != 0) _touch(hot, args, provider, live, type(uint256).max);
        uint256 next;
        (committed, next) = _advance(provider, live, a.ts, end);
        if (next != _providers[provider].next) _providers[provider].next = uint32(next);
        if (live.flags & Packed.REMOVED != 0 && live.changeFrom == 0) {
            live.flags &= ~Packed.LISTED;
            --hot.listed;
            emit ProviderClosed(uint32(provider), uint64(a.te));
        }
        word = Packed.pack(live);
    }

    /// @dev Scales an amount if the escrow is short, and books the rest as arrears (R32). Arrears of abandoned blocks
    ///      have no keepers' cut (R34): they are credited here.
    /// @return the provider's slot
    /// @return paid amount that the keepers' cut applies to
    function _owe(
        Hot memory hot,
        uint256 provider,
        uint256 word,
        uint256 amount,
        uint256 due,
        uint256 available
    ) private returns (uint256, uint256 paid) {
        ProviderRecord storage record = _providers[provider];
        (uint256 before, uint256 uncut) = word & Packed.OWED != 0 ? (record.arrears, record.uncutArrears) : (0, 0);
        amount -= uncut;
        uint256 paidUncut = uncut;
        paid = amount;
        if (due > available)
            (paid, paidUncut) = (Math.mulDiv(amount, available, due), Math.mulDiv(uncut, available, due));
        uint256 afterwards = _min(amount - paid, MAX_ARREARS);
        uint256 uncutAfterwards = uncut - paidUncut;
        uint256 sum = _arrears - before - uncut;
        if (before != afterwards) emit ArrearsChanged(uint32(provider), before, afterwards);
        if (uncut != uncutAfterwards) emit AbandonArrearsChanged(uint32(provider), uncut, uncutAfterwards);
        (record.arrears, record.uncutArrears) = (uint104(afterwards), uint104(uncutAfterwards));
        _arrears = sum + afterwards + uncutAfterwards;
        hot.free -= paidUncut;
        word += paidUncut << 160;
        return (afterwards + uncutAfterwards == 0 ? word & ~Packed.OWED : word | Packed.OWED, paid);
    }
}
