// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {KeepersPart, Payout, Period, ProviderPart, SettledInterval} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWords.sol";
import {Words} from "../libraries/Words.sol";
import {UpkeepingMoney} from "./UpkeepingMoney.sol";

/// @title Settlement of an interval (R16, R29, R30, R32)
abstract contract UpkeepingSettlement is UpkeepingMoney, IUpkeeping {
    using Words for Period;
    using Words for Payout;

    /// @notice Sums of a settlement.
    /// @param due everything that it owes
    /// @param earned Σ of the cuts before scaling
    /// @param cut Σ of the cuts after scaling
    struct Sums {
        uint256 due;
        uint256 earned;
        uint256 cut;
    }

    /// @inheritdoc IUpkeeping
    function settleInterval(Period period, Payout payout, uint256[] calldata items) external {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        address committee = _committeeOf(head, args);
        if (msg.sender != committee) revert IGroupService.Upkeeping_NotMyCommittee(committee, msg.sender);
        (uint256 from, uint256 through) = _intervalOf(head, period);
        _openAccount(head, args, period);
        uint256 expected = head.listed - _startingFrom(head, through);
        if (items.length != expected) revert Upkeeping_WrongItemCount(expected, items.length);

        uint256[] memory parts = new uint256[](items.length);
        Sums memory sums;
        uint256 fee = args.keeperFee();
        // Unchecked: 96 + 9 + 40 bits.
        unchecked {
            if (fee != 0) fee = (fee * head.ceiling * (through - from)) >> 16;
        }
        sums.due = fee;
        _measure(head, from, through, items, parts, sums);
        (uint256 key, uint256 arrears) = _versionArrears(head, committee);
        sums.due += arrears;
        uint256 available = head.available;
        bool short = sums.due > available;
        if (short) emit IGroupMoney.Shortfall(sums.due, available);
        _creditProviders(head, args, parts, sums);
        if (arrears != 0) _payKeeperArrears(head, committee, key, _scaled(arrears, available, sums.due));
        uint256 earned = sums.earned + fee;
        if (short) fee = _scaled(fee, available, sums.due);
        _payKeepers(head, committee, payout, sums.cut + fee);
        if (short) _oweKeepers(committee, payout.n(), earned - sums.cut - fee);
        if (short || head.has(Heads.SHORT)) _noteArrears(head);
        _close(head, args, period, through);
        emit Settled(
            SettledInterval.unwrap(period.settledInterval(payout, from, through)),
            KeepersPart.unwrap(Words.keepersPart(payout.divisor(), sums.cut, fee)),
            parts
        );
    }

    /// @dev The group's interval in the certificate (R29).
    function _intervalOf(Head memory head, Period period) private view returns (uint256 from, uint256 through) {
        from = head.settledThrough;
        through = period.te();
        uint256 ts = period.ts();
        if (ts > from) {
            // Blocks in which nobody had data need no certificate.
            if (_startingFrom(head, ts) != head.listed) {
                revert Upkeeping_StaleInterval(uint64(from), uint64(ts), uint64(through));
            }
            from = ts;
            head.set(Heads.FRESH);
        }
        if (head.has(Heads.ENDING)) through = Narrow.min(through, _course.left);
        if (through <= from) revert Upkeeping_StaleInterval(uint64(from), uint64(ts), uint64(through));
    }

    /// @dev Account of the version that signed, and what it is owed.
    function _versionArrears(Head memory head, address committee) private view returns (uint256 key, uint256 arrears) {
        if (!head.has(Heads.SHORT)) return (0, 0);
        key = _key(committee, _present.version);
        arrears = _books[key].arrears;
    }

    /// @dev Moves each provider's data on, and writes the event's words, with the gross amounts in place of those
    ///      credited. Amounts and these providers' arrears are due.
    function _measure(
        Head memory head,
        uint256 from,
        uint256 through,
        uint256[] calldata items,
        uint256[] memory parts,
        Sums memory sums
    ) private {
        uint256 due = sums.due;
        uint256 least = 0;
        uint256 usual = ProviderWords.LISTED | ProviderWords.PENDING | ProviderWords.OWED;
        for (uint256 k = 0; k < items.length; ++k) {
            uint256 item = items[k];
            if (item >> 160 != 0) revert Upkeeping_BadItem(item);
            // Unchecked: a provider is below 2^32; a size (56 bits) times blocks (40) is below 2^96, times a price
            // (80) below 2^176; 256 amounts and arrears are far below 2^256.
            unchecked {
                uint256 provider = item >> 128;
                if (provider < least) revert Upkeeping_ItemsNotAscending(least - 1, provider);
                least = provider + 1;
                uint256 proven = uint128(item);
                uint256 amount;
                ProviderWord word = _words[provider];
                if (word.flagsAre(usual, ProviderWords.LISTED)) {
                    uint256 spaceTime = word.size() * (through - from);
                    if (proven > spaceTime) proven = spaceTime; // R16
                    amount = (proven * word.price()) >> 64;
                    // Most providers prove everything, as in the interval before.
                    if (proven != spaceTime || !word.has(ProviderWords.WHOLE)) {
                        _words[provider] = _rated(provider, word, proven, spaceTime);
                    }
                } else {
                    if (word.has(ProviderWords.OWED)) due += _accounts[provider].arrears;
                    (proven, amount) = _measureUnusual(head, from, through, provider, word, proven);
                }
                // More than a group can take in during its life counts as that.
                amount = Narrow.min(amount, MAX_MONEY);
                due += amount;
                parts[k] = ProviderPart.unwrap(Words.providerPart(provider, proven, amount));
            }
        }
        sums.due = due;
    }

    /// @dev A provider whose data change in the interval, or that is owed arrears.
    function _measureUnusual(
        Head memory head,
        uint256 from,
        uint256 through,
        uint256 provider,
        ProviderWord word,
        uint256 signed
    ) private returns (uint256 proven, uint256 amount) {
        if (!word.has(ProviderWords.LISTED)) revert Upkeeping_ProviderNotActive(uint32(provider));
        Committed memory c = _committed(provider, word, from, through);
        if (c.spaceTime == 0) revert Upkeeping_ProviderNotActive(uint32(provider));
        word = _advance(provider, word, c.passed);
        if (!word.has(ProviderWords.LISTED)) --head.listed;
        proven = Narrow.min(signed, c.spaceTime); // R16
        if (proven == c.spaceTime) amount = c.value >> 64;
        else amount = Math.mulDiv(proven, c.value, c.spaceTime << 64);
        _words[provider] = _rated(provider, word, proven, c.spaceTime);
    }

    /// @dev Notes p and k of R34. If everything or nothing was proven, a flag says it all.
    function _rated(
        uint256 provider,
        ProviderWord word,
        uint256 proven,
        uint256 spaceTime
    ) private returns (ProviderWord) {
        word = word.without(ProviderWords.NONE | ProviderWords.WHOLE);
        if (proven == spaceTime) return word.with(ProviderWords.WHOLE);
        if (proven == 0) return word.with(ProviderWords.NONE);
        _rates[provider] = Rate(uint128(proven), uint128(spaceTime));
        return word;
    }

    /// @dev Credits all providers, scaled if the escrow is short (R32), and completes the event's words.
    function _creditProviders(Head memory head, Arguments args, uint256[] memory parts, Sums memory sums) private {
        uint256 bps = args.keeperShareBps();
        uint256 due = sums.due;
        uint256 available = head.available;
        uint256 paid = 0;
        uint256 cuts = 0;
        uint256 earned = 0;
        for (uint256 k = 0; k < parts.length; ++k) {
            uint256 part = parts[k];
            uint256 provider = part >> 224;
            ProviderWord word = _words[provider];
            // Unchecked: an amount is below 2^96, bps at most 10,000, a cut at most its amount, and all that is paid at
            // most what is available.
            unchecked {
                uint256 amount = uint96(part);
                uint256 cut = (amount * bps) / BPS;
                uint256 net = amount - cut;
                earned += cut;
                if (due > available || word.has(ProviderWords.OWED)) {
                    uint256 full = net;
                    amount = _scaled(amount, available, due);
                    cut = (amount * bps) / BPS;
                    net = amount - cut;
                    uint256 arrears;
                    (word, arrears) = _settleArrears(provider, word, full - net, available, due);
                    paid += arrears;
                }
                cuts += cut;
                paid += net;
                parts[k] = ((part >> 96) << 96) | net;
                _words[provider] = word.addCredit(net);
            }
        }
        (sums.cut, sums.earned) = (cuts, earned);
        head.available = available - paid;
    }

    /// @dev Pays a provider's arrears as far as the escrow allows, and adds what it did not get of this interval.
    function _settleArrears(
        uint256 provider,
        ProviderWord word,
        uint256 missing,
        uint256 available,
        uint256 due
    ) private returns (ProviderWord, uint256 paid) {
        uint256 arrears = word.has(ProviderWords.OWED) ? _accounts[provider].arrears : 0;
        if (arrears != 0) {
            paid = _scaled(arrears, available, due);
            emit IGroupMoney.ArrearsPaid(uint32(provider), paid);
        }
        uint256 left = arrears - paid + missing;
        _setArrears(provider, left);
        word = word.addCredit(paid);
        return (left == 0 ? word.without(ProviderWords.OWED) : word.with(ProviderWords.OWED), paid);
    }

    /// @dev settledThrough moves; a later service may begin.
    function _close(Head memory head, Arguments args, Period period, uint256 through) private {
        head.settledThrough = through;
        // R34 (b): the block in which it last moved counts only if a later certificate is there already.
        if (period.certifiedThrough() > period.te()) _course.movedAt = uint40(block.number);
        if (head.has(Heads.STARTING) && _tracks[_ledger.providerCount - 1].activeFrom <= through) {
            head.clear(Heads.STARTING);
        }
        _handOverIfLeft(head, args);
        _storeHead(head);
    }
}
