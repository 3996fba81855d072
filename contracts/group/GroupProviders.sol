// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IUpkeepingMembers} from "../interfaces/IUpkeepingMembers.sol";
import {IUpkeepingSettlement} from "../interfaces/IUpkeepingSettlement.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {TurnLog} from "../libraries/TurnLog.sol";
import {GroupConsents} from "./GroupConsents.sol";
import {GroupSuccession} from "./GroupSuccession.sol";
import {GroupTouch} from "./GroupTouch.sol";

/// @title Providers and their data, and the end of a group (R33, R34)
abstract contract GroupProviders is GroupSuccession, GroupTouch, GroupConsents, IUpkeepingMembers {
    /// @inheritdoc IUpkeepingMembers
    function addProvider(
        address operator,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence,
        bytes calldata signature
    ) external returns (uint32 provider) {
        Args args = GroupArgs.load();
        Hot memory hot = _openForPayer(args);
        if (!_registry.isProvider(operator)) revert Upkeeping_NotAProvider(operator);
        uint32 latest = _operators[operator].indexPlusOne;
        if (latest != 0 && _providers[latest - 1].removedAt == 0) revert Upkeeping_ProviderExists(latest - 1);
        if (!args.merkle() && hot.listed >= MAX_LISTED) revert Upkeeping_TooManyProviders(MAX_LISTED, hot.listed + 1);
        _useConsent(operator, root, size, receiptKey, sequence, signature);

        provider = _misc.providerCount++;
        _operators[operator].indexPlusOne = provider + 1;
        uint256 from = _effectiveBlock(args);
        ProviderRecord storage record = _providers[provider];
        record.operator = operator;
        record.activeFrom = uint40(from);
        record.claimedThrough = uint40(from);
        if (_runs.length != 0) record.run = uint32(_runs.length - 1);
        record.changes.push(Change(uint40(from), uint56(size), 0, uint56(size), root, receiptKey, sequence));
        _liveWords[provider] = Packed.pack(Live(0, 0, 0, from, Packed.LISTED | Packed.NEW));
        _changeTotal(args, from, 0, size, 1);
        if (!args.merkle()) {
            ++hot.listed;
            _peaks += size;
        }
        hot.flags |= Packed.CHANGED;
        _checkFunds(hot, args);
        _setHot(hot);
        emit ProviderAdded(provider, operator, uint64(from), root, size, receiptKey, sequence);
    }

    /// @inheritdoc IUpkeepingMembers
    function changeData(
        uint32 provider,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence,
        bytes calldata signature
    ) external {
        Args args = GroupArgs.load();
        Hot memory hot = _openForPayer(args);
        ProviderRecord storage record = _present(provider);
        _useConsent(record.operator, root, size, receiptKey, sequence, signature);
        uint256 from = _pushChange(args, hot, provider, Change(0, uint56(size), 0, 0, root, receiptKey, sequence));
        emit DataChanged(provider, uint64(from), root, size, receiptKey, sequence);
    }

    /// @inheritdoc IUpkeepingMembers
    function removeProvider(uint32 provider) external {
        Args args = GroupArgs.load();
        Hot memory hot = _openForPayer(args);
        ProviderRecord storage record = _present(provider);
        uint256 from = _pushChange(
            args,
            hot,
            provider,
            Change(0, 0, 0, 0, 0, address(0), _operators[record.operator].sequence)
        );
        record.removedAt = uint40(from);
        Live memory live = Packed.unpackLive(_liveWords[provider]);
        live.flags |= Packed.REMOVED;
        _liveWords[provider] = Packed.pack(live);
        if (!args.merkle()) {
            // R32: the reserve covers a leaving provider until it leaves.
            uint256 peak = _peak(provider, live);
            _peaks -= peak;
            _totals[_totals.length - 1].leaving += uint88(peak);
        }
        ++_ledger.removedProviders;
        emit ProviderRemoved(provider, uint64(from));
    }

    /// @inheritdoc IUpkeepingMembers
    function revokeConsent() external {
        uint64 sequence = ++_operators[msg.sender].sequence;
        emit ConsentRevoked(msg.sender, sequence);
    }

    /// @inheritdoc IUpkeepingMembers
    function terminate() external {
        Args args = GroupArgs.load();
        Hot memory hot = _openForPayer(args);
        uint256 end = block.number + args.lockup();
        _misc.terminatedAt = uint40(block.number);
        _misc.endBlock = uint40(end);
        hot.flags |= Packed.TERMINATED;
        _setHot(hot);
        emit Terminated(uint64(end));
    }

    /// @inheritdoc IUpkeepingMembers
    function abandon() external {
        Args args = GroupArgs.load();
        Hot memory hot = _hot();
        if (msg.sender != args.payer() && !_hasUnsettled(msg.sender, hot.ts)) {
            revert Upkeeping_NotPayerOrProvider(msg.sender);
        }
        if (hot.flags & Packed.TERMINATED != 0 && hot.ts >= _misc.endBlock) {
            revert IUpkeepingSettlement.Upkeeping_Ended(_misc.endBlock, uint64(hot.ts));
        }
        uint256 earliest = hot.ts + args.interval() + args.lockup();
        if (block.number < earliest) revert Upkeeping_NotAbandonable(earliest, block.number);

        uint256 from = hot.ts;
        uint256 through = args.origin() + ((block.number - args.origin()) / args.slot()) * args.slot();
        uint256 low = _misc.totalsSettled;
        (uint256 before, ) = _totalBefore(low, from);
        (uint256 afterwards, ) = _totalBefore(low, _committedEnd(hot.flags, through));
        _untouched += afterwards - before;
        uint256 part = _partThere(_amount(_untouched, args.price()), hot.free);
        uint256 runs = _runs.length;
        // Runs without a settlement between them are merged, so that a provider has fewer runs to go through.
        if (runs != 0 && _runs[runs - 1].to == from) {
            _runs[runs - 1].to = uint40(through);
            _runs[runs - 1].part = uint72(part);
        } else {
            _runs.push(Run(uint40(from), uint40(through), _root.te, uint72(part)));
        }
        hot.flags |= Packed.ABANDONED;
        TurnLog.flush(_turnLog, hot.turns, from, args.interval(), args.turn());
        hot.turns = 1;
        // R34: a complete proposal takes effect here, regardless of its last consent's block.
        _moveOn(hot, through, type(uint256).max);
        _setHot(hot);
        emit Abandoned(uint64(from), uint64(through), msg.sender);
    }

    /// @inheritdoc IUpkeepingMembers
    function touch(uint32 provider) external {
        if (provider >= _misc.providerCount) revert Upkeeping_NoSuchProvider(_misc.providerCount, provider);
        _touched(GroupArgs.load(), provider);
    }

    /// @dev Ratio of available to maximum due, in units of 2^−64 (R34). Every provider is credited this ratio, in any
    ///      order of touching. Unproved bytes count as proved here, so the sum of credits never exceeds the money
    ///      available.
    function _partThere(uint256 due, uint256 available) private pure returns (uint256) {
        return due <= available ? ALL : (available << 64) / due;
    }

    /// @dev A removed provider may abandon until its last block is settled: otherwise a payer could remove it and stop
    ///      the committee (R34).
    function _hasUnsettled(address operator, uint256 ts) private view returns (bool) {
        uint256 latest = _operators[operator].indexPlusOne;
        if (latest == 0) return false;
        uint256 removedAt = _providers[latest - 1].removedAt;
        return removedAt == 0 || removedAt > ts;
    }

    /// @dev Checks that the caller is the payer and that the group is not terminated.
    function _openForPayer(Args args) internal view returns (Hot memory hot) {
        _onlyPayer(args);
        hot = _hot();
        if (hot.flags & Packed.TERMINATED != 0) revert Upkeeping_Terminated(_misc.terminatedAt);
    }

    function _present(uint256 provider) private view returns (ProviderRecord storage record) {
        record = _providers[provider];
        if (provider >= _misc.providerCount) revert Upkeeping_NoSuchProvider(_misc.providerCount, provider);
        if (record.removedAt != 0) revert Upkeeping_ProviderGone(uint32(provider), record.removedAt);
    }

    /// @dev A payer must not commit data that the provider never received (R33).
    function _useConsent(
        address operator,
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence,
        bytes calldata signature
    ) private {
        if (root == 0) revert Upkeeping_ZeroRoot();
        if (size == 0 || size > MAX_SIZE) revert Upkeeping_BadSize(MAX_SIZE, size);
        if (receiptKey == address(0)) revert Upkeeping_ZeroReceiptKey();
        uint64 expected = _operators[operator].sequence + 1;
        if (sequence != expected) revert Upkeeping_WrongSequence(expected, sequence);
        bytes32 digest = _providerDataDigest(root, size, receiptKey, sequence);
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecover(digest, signature);
        if (failure != ECDSA.RecoverError.NoError || signer != operator) revert Upkeeping_BadConsent(operator, signer);
        _operators[operator].sequence = sequence;
    }

    /// @dev Schedules a change for the next possible slot; it replaces a change that is scheduled for the same slot.
    function _pushChange(
        Args args,
        Hot memory hot,
        uint256 provider,
        Change memory change
    ) private returns (uint256 from) {
        Change[] storage changes = _providers[provider].changes;
        uint256 last = changes.length - 1;
        from = _effectiveBlock(args);
        uint256 lastFrom = changes[last].from;
        uint256 lastSize = changes[last].size;
        // No removal before the first block: every provider is active in some interval and closed by a settlement.
        if (change.size == 0 && from == _providers[provider].activeFrom) {
            revert Upkeeping_NotActiveYet(from, block.number);
        }
        change.from = uint40(from);
        change.peak = change.size;
        Live memory live = Packed.unpackLive(_liveWords[provider]);
        uint256 peak = args.merkle() ? 0 : _peak(provider, live);
        if (lastFrom == from) {
            change.cumulative = changes[last].cumulative;
            changes[last] = change;
        } else {
            change.cumulative = uint96(changes[last].cumulative + lastSize * (from - lastFrom));
            changes.push(change);
            if (!args.merkle()) _noteChange(provider, live, from, ++last, change.size == 0);
        }
        if (!args.merkle()) _raisePeaks(provider, live, last, peak);
        _changeTotal(args, from, lastSize, change.size, 0);
        hot.flags |= Packed.CHANGED;
        if (change.size > lastSize) _checkFunds(hot, args);
        _setHot(hot);
    }

    /// @dev Item by item, a provider's slot holds the block of its first unsettled change.
    function _noteChange(uint256 provider, Live memory live, uint256 from, uint256 index, bool removal) private {
        if (live.changeFrom == 0) {
            live.changeFrom = from;
            _providers[provider].next = uint32(index);
            _liveWords[provider] = Packed.pack(live);
        } else {
            uint256 waiting = index + 1 - _providers[provider].next;
            // R33: a removal always has room.
            if (waiting > MAX_CHANGES && !removal) revert Upkeeping_TooManyChanges(MAX_CHANGES, waiting);
        }
    }

    /// @dev After a new last change: updates the peaks of the unsettled changes before it, at most MAX_CHANGES, and of
    ///      the group.
    function _raisePeaks(uint256 provider, Live memory live, uint256 last, uint256 before) private {
        ProviderRecord storage record = _providers[provider];
        Change[] storage changes = record.changes;
        uint256 peak = changes[last].peak;
        for (uint256 i = last; i > record.next; --i) {
            peak = _max(peak, changes[i - 1].size);
            if (changes[i - 1].peak == peak) break;
            changes[i - 1].peak = uint56(peak);
        }
        _peaks = _peaks + _peak(provider, live) - before;
    }

    function _changeTotal(Args args, uint256 from, uint256 oldSize, uint256 newSize, uint32 added) private {
        if (_totals.length == 0) _totals.push(Total(uint40(args.origin()), 0, 0, 0, 0));
        Total storage last = _totals[_totals.length - 1];
        uint256 size = uint256(last.size) + newSize - oldSize;
        if (last.from == from) {
            last.size = uint88(size);
            last.added += added;
        } else {
            uint256 cumulative = last.cumulative + uint256(last.size) * (from - last.from);
            _totals.push(Total(uint40(from), uint88(size), uint128(cumulative), last.added + added, 0));
        }
    }
}
