// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {KeepersPart, Payout, Period, ProviderPart, SettledInterval} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Head.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWord.sol";
import {Words} from "../libraries/Words.sol";
import {UpkeepingMoney} from "./UpkeepingMoney.sol";

/// @title Settlement of an interval (R16, R29, R30, R32)
abstract contract UpkeepingSettlement is UpkeepingMoney, IUpkeeping {
    using Words for Period;
    using Words for Payout;

    /// @notice A settlement in progress.
    /// @param from first block
    /// @param through block after the last
    /// @param bps the keepers' part of each amount
    /// @param fee keeperFee for these blocks
    /// @param available escrow before this settlement
    /// @param due everything that it owes
    /// @param earned K before scaling
    /// @param cut Σ of the cuts, after scaling
    /// @param words providers' slots, by item
    /// @param amounts gross amounts, by item
    /// @param parts words of the event, by item
    struct Interval {
        uint256 from;
        uint256 through;
        uint256 bps;
        uint256 fee;
        uint256 available;
        uint256 due;
        uint256 earned;
        uint256 cut;
        uint256[] words;
        uint256[] amounts;
        uint256[] parts;
    }

    /// @inheritdoc IUpkeeping
    function settleInterval(Period period, Payout payout, uint256[] calldata items) external {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        address committee = _committeeOf(head, args);
        if (msg.sender != committee) revert IGroupService.Upkeeping_NotMyCommittee(committee, msg.sender);
        Interval memory i = _intervalOf(head, args, period);
        _openAccount(head, args, period);
        _checkCount(head, i.through, items.length);

        _measure(head, i, items);
        uint256 key = 0;
        uint256 arrears = 0;
        if (head.has(Heads.SHORT)) {
            key = _key(committee, _present.version);
            arrears = _books[key].arrears;
        }
        i.due += i.fee + arrears;
        if (i.due > i.available) emit IGroupMoney.Shortfall(i.due, i.available);
        _creditProviders(head, i, items);
        uint256 fee = _scaled(i.fee, i.available, i.due);
        if (arrears != 0) _payKeeperArrears(head, committee, key, _scaled(arrears, i.available, i.due));
        _payKeepers(head, committee, payout, i.cut + fee);
        _oweKeepers(committee, payout.n(), i.earned + i.fee - i.cut - fee);
        if (head.has(Heads.SHORT) || i.due > i.available) _noteArrears(head);
        _close(head, args, period, i.through);
        emit IUpkeeping.Settled(
            SettledInterval.unwrap(period.settledInterval(payout, i.from, i.through)),
            KeepersPart.unwrap(Words.keepersPart(payout.divisor(), i.cut, fee)),
            i.parts
        );
    }

    /// @dev The group's interval in the certificate (R29).
    function _intervalOf(Head memory head, Arguments args, Period period) private view returns (Interval memory i) {
        uint256 settledThrough = head.settledThrough;
        uint256 ts = period.ts();
        i.from = settledThrough;
        i.through = period.te();
        if (ts > settledThrough) {
            // Blocks in which nobody had data need no certificate.
            if (_startingFrom(head, ts) != head.listed) {
                revert IUpkeeping.Upkeeping_StaleInterval(uint64(settledThrough), uint64(ts), uint64(i.through));
            }
            i.from = ts;
            head.set(Heads.FRESH);
        }
        if (head.has(Heads.ENDING)) i.through = Narrow.min(i.through, _course.left);
        if (i.through <= i.from)
            revert IUpkeeping.Upkeeping_StaleInterval(uint64(settledThrough), uint64(ts), uint64(i.through));
        i.bps = args.keeperShareBps();
        i.fee = (args.keeperFee() * head.ceiling * (i.through - i.from)) >> 16;
        i.available = head.available;
    }

    /// @dev Requires one item for every provider with data in the interval: all that are listed and have begun.
    function _checkCount(Head memory head, uint256 through, uint256 actual) private view {
        uint256 expected = head.listed - _startingFrom(head, through);
        if (actual != expected) revert IUpkeeping.Upkeeping_WrongItemCount(expected, actual);
    }

    /// @dev Each provider's amount and slot, with its data moved on; their sum, and these providers' arrears, are due.
    function _measure(Head memory head, Interval memory i, uint256[] calldata items) private {
        uint256[] memory words = new uint256[](items.length);
        uint256[] memory amounts = new uint256[](items.length);
        uint256[] memory parts = new uint256[](items.length);
        uint256 blocks = i.through - i.from;
        uint256 due = 0;
        uint256 expectedAbove = 0;
        uint256 usual = ProviderWords.LISTED | ProviderWords.PENDING | ProviderWords.OWED;
        for (uint256 k = 0; k < items.length; ++k) {
            uint256 item = items[k];
            if (item >> 160 != 0) revert IUpkeeping.Upkeeping_BadItem(item);
            uint256 provider = item >> 128;
            if (provider < expectedAbove) revert IUpkeeping.Upkeeping_ItemsNotAscending(expectedAbove - 1, provider);
            ProviderWord word = _words[provider];
            uint256 proven = uint128(item);
            // Unchecked: a provider is below 2^32; a size (56 bits) times blocks (40) is below 2^96, times a price
            // (80) below 2^176; 256 amounts and arrears are far below 2^256.
            unchecked {
                expectedAbove = provider + 1;
                uint256 amount;
                if (word.flagsAre(usual, ProviderWords.LISTED)) {
                    uint256 spaceTime = word.size() * blocks;
                    if (proven > spaceTime) proven = spaceTime; // R16
                    amount = (proven * word.price()) >> 64;
                    word = _rated(provider, word, proven, spaceTime);
                } else {
                    (word, proven, amount) = _measureUnusual(head, i, provider, word, proven);
                    if (word.has(ProviderWords.OWED)) due += _accounts[provider].arrears;
                }
                due += amount;
                words[k] = ProviderWord.unwrap(word);
                amounts[k] = amount;
                parts[k] = ProviderPart.unwrap(Words.providerPart(provider, proven, 0));
            }
        }
        (i.words, i.amounts, i.parts) = (words, amounts, parts);
        i.due = due;
    }

    /// @dev A provider whose data change in the interval, or that is owed arrears.
    function _measureUnusual(
        Head memory head,
        Interval memory i,
        uint256 provider,
        ProviderWord word,
        uint256 signed
    ) private returns (ProviderWord, uint256 proven, uint256 amount) {
        if (!word.has(ProviderWords.LISTED)) revert IUpkeeping.Upkeeping_ProviderNotActive(uint32(provider));
        Committed memory c = _committed(provider, word, i.from, i.through);
        if (c.spaceTime == 0) revert IUpkeeping.Upkeeping_ProviderNotActive(uint32(provider));
        word = _advance(provider, word, c.passed);
        if (!word.has(ProviderWords.LISTED)) --head.listed;
        proven = Narrow.min(signed, c.spaceTime); // R16
        if (proven == c.spaceTime) amount = c.value >> 64;
        else amount = Math.mulDiv(proven, c.value, c.spaceTime << 64);
        return (_rated(provider, word, proven, c.spaceTime), proven, amount);
    }

    /// @dev Notes p and k of R34. Most providers prove everything: then two flags say it all.
    function _rated(
        uint256 provider,
        ProviderWord word,
        uint256 proven,
        uint256 spaceTime
    ) private returns (ProviderWord) {
        if (proven == spaceTime) return word.without(ProviderWords.NONE).with(ProviderWords.WHOLE);
        word = word.without(ProviderWords.WHOLE);
        if (proven == 0) return word.with(ProviderWords.NONE);
        _rates[provider] = Rate(uint128(proven), uint128(spaceTime));
        return word.without(ProviderWords.NONE);
    }

    /// @dev Credits all providers, scaled if the escrow is short (R32), and completes the event's words.
    function _creditProviders(Head memory head, Interval memory i, uint256[] calldata items) private {
        (uint256[] memory words, uint256[] memory amounts) = (i.words, i.amounts);
        uint256[] memory parts = i.parts;
        bool short = i.due > i.available;
        uint256 bps = i.bps;
        uint256 paid = 0;
        uint256 cuts = 0;
        uint256 earned = 0;
        for (uint256 k = 0; k < words.length; ++k) {
            ProviderWord word = ProviderWord.wrap(words[k]);
            uint256 provider = items[k] >> 128;
            // Unchecked: an amount is below 2^112, bps at most 10,000, a cut at most its amount.
            unchecked {
                uint256 amount = amounts[k];
                uint256 cut = (amount * bps) / BPS;
                uint256 net = amount - cut;
                earned += cut;
                if (short || word.has(ProviderWords.OWED)) {
                    uint256 full = net;
                    if (short) {
                        amount = _scaled(amount, i.available, i.due);
                        cut = (amount * bps) / BPS;
                        net = amount - cut;
                    }
                    uint256 arrears;
                    (word, arrears) = _settleArrears(i, provider, word, full - net);
                    paid += arrears;
                }
                cuts += cut;
                paid += net;
                parts[k] |= net;
                _words[provider] = word.addCredit(net);
            }
        }
        i.cut = cuts;
        i.earned = earned;
        head.available -= paid;
    }

    /// @dev Pays a provider's arrears as far as the escrow allows, and adds what it did not get of this interval.
    function _settleArrears(
        Interval memory i,
        uint256 provider,
        ProviderWord word,
        uint256 missing
    ) private returns (ProviderWord, uint256 paid) {
        uint256 arrears = word.has(ProviderWords.OWED) ? _accounts[provider].arrears : 0;
        if (arrears != 0) {
            paid = _scaled(arrears, i.available, i.due);
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
