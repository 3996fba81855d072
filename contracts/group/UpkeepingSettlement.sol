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
import {Run, Runs} from "../libraries/Runs.sol";
import {Words} from "../libraries/Words.sol";
import {UpkeepingMoney} from "./UpkeepingMoney.sol";

/// @title Settlement of an interval (R16, R29, R30, R32)
abstract contract UpkeepingSettlement is UpkeepingMoney, IUpkeeping {
    using Words for Period;
    using Words for Payout;

    /// @dev Flags of a provider for which more than its word is read.
    uint256 private constant UNUSUAL = ProviderWords.PENDING | ProviderWords.OWED;

    /// @dev A settlement's record in memory: the data of its event, and behind them the providers' new words. The data
    ///      are two words, place and length of the list of parts, and the parts.
    uint256 private constant LIST_AT = 2;
    uint256 private constant LENGTH_AT = 3;
    uint256 private constant PARTS = 4;

    /// @inheritdoc IUpkeeping
    function creditItems(Period period, Payout payout, uint256[] calldata items) external {
        Arguments args = GroupArguments.load();
        // As `_loadHead` does: a struct that is returned is zeroed first, twice.
        (uint256 a, uint256 b, uint256 c, uint256 d, uint256 e, uint256 f) = Heads.fields(_headWord);
        Head memory head = Head(a, b, c, d, e, f);
        address committee = _committeeOf(head, args);
        if (msg.sender != committee) revert IGroupService.Upkeeping_NotMyCommittee(committee, msg.sender);
        (uint256 from, uint256 through) = _intervalOf(head, period);
        if (_mayBeOthers(head, period)) _openAccount(head, args, period);
        uint256 expected = head.listed;
        if (head.has(Heads.STARTING)) expected -= _startingFrom(head, through);
        if (items.length != expected) revert Upkeeping_WrongItemCount(expected, items.length);

        Run record = Runs.make(PARTS + 2 * items.length);
        uint256 fee = args.keeperFee();
        uint256 cut;
        // Unchecked: at most 256 items; a fee has 96 + 9 + 40 bits, arrears have 96, and so has every amount of at most
        // 256; a cut is at most its amount.
        unchecked {
            if (fee != 0) fee = (fee * head.ceiling * (through - from)) >> 16;
            Run parts = record.skip(PARTS);
            uint256 due = fee + _measure(head, from, through, items, parts);
            if (head.has(Heads.SHORT)) {
                (, uint256 arrears) = _versionArrears(committee);
                due += arrears;
            }
            if (due <= head.available && !head.has(Heads.SHORT)) {
                cut = _creditInFull(args.keeperShareBps(), parts, items.length);
                // Due are the fee and the amounts.
                head.available -= due - fee - cut;
            } else {
                (cut, fee) = _creditShort(head, args, committee, payout, parts, items.length, fee, due);
            }
            _payKeepers(head, committee, payout, cut + fee);
        }
        _close(head, args, period, through);

        record.put(0, SettledInterval.unwrap(period.settledInterval(payout, from, through)));
        record.put(1, KeepersPart.unwrap(Words.keepersPart(payout.divisor(), cut, fee)));
        _emitSettled(record, items.length);
    }

    /// @dev Emits `Settled` with the data as they are in memory.
    function _emitSettled(Run record, uint256 count) private {
        record.put(LIST_AT, LIST_AT * 32 + 32);
        record.put(LENGTH_AT, count);
        bytes32 topic = Settled.selector;
        // Assembly: `emit` would copy every part.
        assembly ("memory-safe") {
            log1(record, shl(5, add(PARTS, count)), topic)
        }
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
    function _versionArrears(address committee) private view returns (uint256 key, uint256 arrears) {
        key = _key(committee, _run.version());
        arrears = _books[key].arrears;
    }

    /// @dev Moves each provider's data on. Writes the event's parts, with gross amounts in place of those credited, and
    ///      the providers' new words behind them. Returns what is due: amounts, and these providers' arrears.
    function _measure(
        Head memory head,
        uint256 from,
        uint256 through,
        uint256[] calldata items,
        Run parts
    ) private returns (uint256 due) {
        Run words = parts.skip(items.length);
        uint256 least = 0;
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
                if (word.flagsAre(UNUSUAL | ProviderWords.LISTED, ProviderWords.LISTED)) {
                    uint256 spaceTime = word.size() * (through - from);
                    if (proven > spaceTime) proven = spaceTime; // R16
                    amount = (proven * word.price()) >> 64;
                    // Most providers prove everything, as in the interval before.
                    if (proven != spaceTime || !word.has(ProviderWords.WHOLE)) {
                        word = _rated(provider, word, proven, spaceTime);
                    }
                } else {
                    if (word.has(ProviderWords.OWED)) due += _accounts[provider].arrears;
                    (word, proven, amount) = _measureUnusual(head, from, through, provider, word, proven);
                }
                // More than a group can take in during its life counts as that.
                amount = Narrow.min(amount, MAX_MONEY);
                due += amount;
                parts.put(k, ProviderPart.unwrap(Words.providerPart(provider, proven, amount)));
                words.put(k, ProviderWord.unwrap(word));
            }
        }
    }

    /// @dev A provider whose data change in the interval, or that is owed arrears.
    function _measureUnusual(
        Head memory head,
        uint256 from,
        uint256 through,
        uint256 provider,
        ProviderWord word,
        uint256 signed
    ) private returns (ProviderWord, uint256 proven, uint256 amount) {
        if (!word.has(ProviderWords.LISTED)) revert Upkeeping_ProviderNotActive(uint32(provider));
        Committed memory c = _committed(provider, word, from, through);
        if (c.spaceTime == 0) revert Upkeeping_ProviderNotActive(uint32(provider));
        word = _advance(provider, word, c.passed);
        if (!word.has(ProviderWords.LISTED)) --head.listed;
        proven = Narrow.min(signed, c.spaceTime); // R16
        if (proven == c.spaceTime) amount = c.value >> 64;
        else amount = Math.mulDiv(proven, c.value, c.spaceTime << 64);
        return (_rated(provider, word, proven, c.spaceTime), proven, amount);
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

    /// @dev Credits all providers of a group that owes nothing and has what is due, and completes the event's parts.
    /// @return cuts Σ of the cuts
    function _creditInFull(uint256 bps, Run parts, uint256 count) private returns (uint256 cuts) {
        Run words = parts.skip(count);
        for (uint256 k = 0; k < count; ++k) {
            // Unchecked: an amount is below 2^96, bps at most 10,000, a cut at most its amount.
            unchecked {
                uint256 part = parts.get(k);
                uint256 amount = uint96(part);
                uint256 cut = (amount * bps) / BPS;
                cuts += cut;
                // The amount is the lowest field.
                parts.put(k, part - cut);
                _words[part >> 224] = ProviderWord.wrap(words.get(k)).addCredit(amount - cut);
            }
        }
    }

    /// @dev The same for a group that has less than what is due, or owes arrears (R32): everything that is due is
    ///      scaled by one ratio, and what is not paid becomes arrears.
    /// @return cut Σ of the cuts after scaling
    /// @return paidFee the fee after scaling
    function _creditShort(
        Head memory head,
        Arguments args,
        address committee,
        Payout payout,
        Run parts,
        uint256 count,
        uint256 fee,
        uint256 due
    ) private returns (uint256 cut, uint256 paidFee) {
        uint256 available = head.available;
        if (due > available) emit IGroupMoney.Shortfall(due, available);
        uint256 earned;
        (cut, earned) = _creditProviders(head, args, parts, count, due);
        if (head.has(Heads.SHORT)) {
            (uint256 key, uint256 arrears) = _versionArrears(committee);
            if (arrears != 0) _payKeeperArrears(head, committee, key, _scaled(arrears, available, due));
        }
        paidFee = _scaled(fee, available, due);
        _oweKeepers(committee, payout.n(), earned + fee - cut - paidFee);
        _noteArrears(head);
    }

    /// @dev Credits all providers at the ratio of what is available to what is due, if that is below one, with their
    ///      arrears, and completes the event's parts.
    /// @return cuts Σ of the cuts after scaling
    /// @return earned Σ of the cuts before scaling
    function _creditProviders(
        Head memory head,
        Arguments args,
        Run parts,
        uint256 count,
        uint256 due
    ) private returns (uint256 cuts, uint256 earned) {
        Run words = parts.skip(count);
        uint256 bps = args.keeperShareBps();
        uint256 available = head.available;
        bool short = due > available;
        uint256 paid = 0;
        for (uint256 k = 0; k < count; ++k) {
            // Unchecked: an amount is below 2^96, bps at most 10,000, a cut at most its amount, and all that is paid at
            // most what is available.
            unchecked {
                uint256 part = parts.get(k);
                ProviderWord word = ProviderWord.wrap(words.get(k));
                uint256 amount = uint96(part);
                uint256 cut = (amount * bps) / BPS;
                uint256 net = amount - cut;
                earned += cut;
                if (short || word.has(ProviderWords.OWED)) {
                    uint256 full = net;
                    amount = _scaled(amount, available, due);
                    cut = (amount * bps) / BPS;
                    net = amount - cut;
                    uint256 arrears;
                    (word, arrears) = _settleArrears(part >> 224, word, full - net, available, due);
                    paid += arrears;
                }
                cuts += cut;
                paid += net;
                parts.put(k, ((part >> 96) << 96) | net);
                _words[part >> 224] = word.addCredit(net);
            }
        }
        // Unchecked: what is paid is at most what is available.
        unchecked {
            head.available = available - paid;
        }
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
        if (head.has(Heads.STARTING | Heads.ENDING)) {
            if (head.has(Heads.STARTING) && _tracks[_ledger.providerCount - 1].activeFrom <= through) {
                head.clear(Heads.STARTING);
            }
            _handOverIfLeft(head, args);
        }
        _storeHead(head);
    }
}
