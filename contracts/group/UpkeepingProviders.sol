// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupProviders} from "../interfaces/IGroupProviders.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {DataTerms} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWords.sol";
import {UpkeepingArrears} from "./UpkeepingArrears.sol";

/// @title Providers, their data and their consents (R33)
abstract contract UpkeepingProviders is UpkeepingArrears {
    /// @dev See `IGroupProviders`.
    function addProvider(
        address operator,
        DataTerms calldata terms,
        bytes calldata signature
    ) external nonReentrant returns (uint32 index) {
        (Arguments args, Head memory head) = _openForPayer();
        if (!_registry.isProvider(operator)) revert IGroupProviders.Upkeeping_NotAProvider(operator);
        Operator storage record = _operators[operator];
        uint32 latest = record.indexPlusOne;
        if (latest != 0 && !_tracks[latest - 1].closed) revert IGroupProviders.Upkeeping_ProviderExists(latest - 1);
        _takeSeat(head);
        uint256 from = _useConsent(head, args, operator, terms, signature);

        index = _ledger.providerCount++;
        record.indexPlusOne = index + 1;
        _seats.push(index);
        _accounts[index].operator = operator;
        _tracks[index] = Track(Narrow.to40(from), 0, uint40(from), 0, 1, false, false, false);
        // Non-zero from here on, so that a settlement never pays for a new slot.
        _rates[index] = Rate(1, 1);
        _words[index] = ProviderWord.wrap(ProviderWords.LISTED | ProviderWords.PENDING | ProviderWords.WHOLE);
        _writeChange(_changeAt(index, 0), from, terms);
        ++head.listed;
        head.set(Heads.STARTING);
        _checkFunded(head, args);
        _storeHead(head);
        emit IGroupProviders.ProviderAdded(
            index,
            operator,
            uint64(from),
            terms.root,
            terms.size,
            terms.price,
            terms.receiptKey,
            terms.sequence
        );
    }

    /// @dev See `IGroupProviders`.
    function changeData(uint32 index, DataTerms calldata terms, bytes calldata signature) external nonReentrant {
        (Arguments args, Head memory head) = _openForPayer();
        Track memory track = _listed(index);
        if (track.leavesAt != 0) revert IGroupProviders.Upkeeping_ProviderLeaves(index, track.leavesAt);
        uint256 from = _useConsent(head, args, _accounts[index].operator, terms, signature);
        uint256 peak = _peak(index, track);
        _dropFrom(index, track, from);
        if (track.pending >= MAX_CHANGES)
            revert IGroupProviders.Upkeeping_TooManyChanges(MAX_CHANGES, track.pending + 1);
        _writeChange(_append(index, track, from), from, terms);
        _tracks[index] = track;
        // R32: never refused for a change that needs no more money than what is in force or ahead.
        if (uint256(terms.size) * terms.price > peak) _checkFunded(head, args);
        _storeHead(head);
        emit IGroupProviders.DataChanged(
            index,
            uint64(from),
            terms.root,
            terms.size,
            terms.price,
            terms.receiptKey,
            terms.sequence
        );
    }

    /// @dev See `IGroupProviders`.
    function removeProvider(uint32 index) external nonReentrant {
        (Arguments args, Head memory head) = _openForPayer();
        Track memory track = _listed(index);
        if (track.byPayer) revert IGroupProviders.Upkeeping_NoticeGiven(index, track.leavesAt);
        track.byPayer = true;
        _scheduleLeaving(head, args, index, track, type(uint256).max);
    }

    /// @dev See `IGroupProviders`.
    function giveNotice(uint32 index) external nonReentrant {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        address operator = _accounts[index].operator;
        if (msg.sender != operator) revert IGroupProviders.Upkeeping_NotThatProvider(operator, msg.sender);
        _notTerminated(head);
        Track memory track = _listed(index);
        if (track.byProvider) revert IGroupProviders.Upkeeping_NoticeGiven(index, track.leavesAt);
        track.byProvider = true;
        _scheduleLeaving(head, args, index, track, _nextBeginning(head));
    }

    /// @dev See `IGroupProviders`.
    function revokeConsent() external {
        uint64 sequence = ++_operators[msg.sender].sequence;
        emit IGroupProviders.ConsentRevoked(msg.sender, sequence);
    }

    /// @dev A provider leaves: with notice, or at the next slot if both sides gave it; by `latest` at any rate. The
    ///      changes from then on are void.
    function _scheduleLeaving(
        Head memory head,
        Arguments args,
        uint32 index,
        Track memory track,
        uint256 latest
    ) private {
        uint256 notice = track.byPayer && track.byProvider ? 0 : args.lockup();
        (, uint256 from) = _takesEffect(head, args, notice);
        from = Narrow.min(from, latest);
        if (track.leavesAt != 0) from = Narrow.min(from, track.leavesAt);
        if (from <= track.activeFrom) revert IGroupProviders.Upkeeping_NotActiveYet(track.activeFrom, from);
        _endAt(index, track, from);
        if (from <= head.settledThrough) {
            // It leaves before the first block of a service that has not begun: nothing of it is left to settle.
            _words[index] = _advance(index, _words[index], track.pending);
            --head.listed;
        }
        _storeHead(head);
    }

    /// @dev R33, R38: from the block at which another committee begins, its slot boundaries count. So whoever is to
    ///      leave at a later boundary of the present committee leaves then.
    function _leaveBy(uint256 latest) internal {
        uint256 count = _seats.length;
        for (uint256 i = 0; i < count; ++i) {
            uint32 index = _seats[i];
            Track memory track = _tracks[index];
            if (track.leavesAt > latest) _endAt(index, track, latest);
        }
    }

    /// @dev A provider's last change, in place of all from that block on.
    function _endAt(uint32 index, Track memory track, uint256 from) private {
        _dropFrom(index, track, from);
        track.leavesAt = Narrow.to40(from);
        Change storage change = _append(index, track, from);
        (change.from, change.size, change.price) = (uint40(from), 0, 0);
        (change.receiptKey, change.root, change.sequence) = (address(0), 0, 0);
        _tracks[index] = track;
        emit IGroupProviders.LeaveScheduled(index, uint64(from), track.byPayer, track.byProvider);
    }

    /// @dev Removes pending changes that would take effect at `from` or later. Its beginning stays, unless another
    ///      change takes its place.
    function _dropFrom(uint256 index, Track memory track, uint256 from) private view {
        while (track.pending != 0 && _changeAt(index, track.first + track.pending - 1).from >= from) --track.pending;
    }

    /// @dev Appends a pending change at `from` with the integrals before it; its data are the caller's to write.
    function _append(uint256 index, Track memory track, uint256 from) private returns (Change storage change) {
        change = _changeAt(index, uint256(track.first) + track.pending);
        if (track.pending == 0) {
            track.nextFrom = uint40(from);
            _words[index] = _words[index].with(ProviderWords.PENDING);
            // The first pending change has nothing to be compared with.
            (change.spaceTime, change.value) = (0, 0);
        } else {
            Change storage last = _changeAt(index, track.first + track.pending - 1);
            uint256 spaceTime = uint256(last.size) * (from - last.from);
            change.spaceTime = Narrow.to88(last.spaceTime + spaceTime);
            change.value = Narrow.to168(last.value + spaceTime * last.price);
        }
        ++track.pending;
    }

    function _writeChange(Change storage change, uint256 from, DataTerms calldata terms) private {
        change.from = uint40(from);
        change.size = uint56(terms.size);
        change.price = terms.price;
        change.sequence = terms.sequence;
        change.receiptKey = terms.receiptKey;
        change.root = terms.root;
    }

    /// @dev Largest product of bytes and price in force or ahead.
    function _peak(uint256 index, Track memory track) private view returns (uint256 peak) {
        ProviderWord word = _words[index];
        peak = word.size() * word.price();
        for (uint256 i = 0; i < track.pending; ++i) {
            Change storage change = _changeAt(index, track.first + i);
            peak = Narrow.max(peak, uint256(change.size) * change.price);
        }
    }

    /// @dev Frees the seats of providers that are closed and owed nothing, and requires one that is free.
    function _takeSeat(Head memory head) private {
        uint256 most = head.ceiling == 0 ? MAX_PROVIDERS : head.ceiling;
        if (head.has(Heads.ENDING) && _next.ceiling != 0) most = Narrow.min(most, _next.ceiling);
        if (head.listed >= most) revert IGroupProviders.Upkeeping_TooManyProviders(most, head.listed + 1);
        uint256 count = _seats.length;
        for (uint256 i = 0; i < count;) {
            ProviderWord word = _words[_seats[i]];
            if (word.flagsAre(ProviderWords.LISTED | ProviderWords.OWED, 0)) {
                _seats[i] = _seats[--count];
                _seats.pop();
            } else {
                ++i;
            }
        }
        if (count >= MAX_PROVIDERS) revert IGroupProviders.Upkeeping_TooManyProviders(MAX_PROVIDERS, count + 1);
    }

    function _listed(uint256 index) private view returns (Track memory track) {
        if (index >= _ledger.providerCount)
            revert IGroupProviders.Upkeeping_NoSuchProvider(_ledger.providerCount, index);
        track = _tracks[index];
        if (track.closed) revert IGroupProviders.Upkeeping_ProviderLeaves(uint32(index), track.leavesAt);
    }

    /// @dev Checks a consent (R33) and uses up its number. Returns the block in which it takes effect.
    function _useConsent(
        Head memory head,
        Arguments args,
        address operator,
        DataTerms calldata terms,
        bytes calldata signature
    ) private returns (uint256 from) {
        if (terms.root == 0) revert IGroupProviders.Upkeeping_ZeroRoot();
        if (terms.size == 0 || terms.size > MAX_SIZE) revert IGroupProviders.Upkeeping_BadSize(MAX_SIZE, terms.size);
        if (terms.receiptKey == address(0)) revert IGroupProviders.Upkeeping_ZeroReceiptKey();
        if (block.number > terms.deadline)
            revert IGroupProviders.Upkeeping_ConsentExpired(terms.deadline, uint64(block.number));
        uint64 expected = _operators[operator].sequence + 1;
        if (terms.sequence != expected) revert IGroupProviders.Upkeeping_WrongSequence(expected, terms.sequence);
        address committee;
        (committee, from) = _takesEffect(head, args, 0);
        bytes32 digest = _consentDigest(committee, terms);
        if (!SignatureChecker.isValidSignatureNowCalldata(operator, digest, signature)) {
            revert IGroupProviders.Upkeeping_BadConsent(operator, digest);
        }
        _operators[operator].sequence = expected;
        _course.latest = Narrow.to40(from);
    }
}
