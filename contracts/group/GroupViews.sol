// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingCommittees} from "../interfaces/IUpkeepingCommittees.sol";
import {IUpkeepingMembers} from "../interfaces/IUpkeepingMembers.sol";
import {IUpkeepingViews} from "../interfaces/IUpkeepingViews.sol";
import {
    Committee,
    DataCheckpoint,
    Escrow,
    KeeperAccount,
    Member,
    Parameters,
    PastSettlement,
    Provider,
    Settlement,
    SettlementRoot,
    State
} from "../interfaces/UpkeepingTypes.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {SettlementDigest} from "../libraries/SettlementDigest.sol";
import {TurnLog} from "../libraries/TurnLog.sol";
import {GroupConsents} from "./GroupConsents.sol";
import {GroupOutlook} from "./GroupOutlook.sol";

/// @title All views of a group (R35)
abstract contract GroupViews is GroupConsents, GroupOutlook {
    /// @inheritdoc IUpkeepingViews
    function parameters() external view returns (Parameters memory) {
        Args args = GroupArgs.load();
        return Parameters(args.payer(), address(_registry), uint64(args.origin()), args.config());
    }

    /// @inheritdoc IUpkeepingViews
    function state() external view returns (State memory s) {
        Hot memory hot = _hot();
        Misc memory misc = _misc;
        s.settledThrough = uint64(hot.ts);
        s.committee = _seats.version;
        s.pendingCommittee = misc.pendingVersion;
        s.rotatedCommittee = misc.rotatedVersion;
        s.providerCount = misc.providerCount;
        s.listedProviders =
            GroupArgs.load().merkle() ? misc.providerCount - _ledger.removedProviders : uint32(hot.listed);
        s.terminatedAt = misc.terminatedAt;
        s.endBlock = misc.endBlock;
        s.ended = misc.terminatedAt != 0 && hot.ts >= misc.endBlock;
        s.abandonments = uint32(_runs.length);
    }

    /// @inheritdoc IUpkeepingViews
    function committee() external view returns (Committee memory) {
        return _committee(_seats.version);
    }

    /// @inheritdoc IUpkeepingViews
    function pendingCommittee() external view returns (Committee memory found) {
        if (_misc.pendingVersion != 0) found = _committee(_misc.pendingVersion);
    }

    /// @inheritdoc IUpkeepingViews
    function committeeAt(uint64 version) external view returns (Committee memory) {
        return _committee(version);
    }

    /// @inheritdoc IUpkeepingViews
    function members(uint64 version, uint256 from, uint256 count) external view returns (Member[] memory page) {
        (address blob, uint256 n) = _seatsAt(version);
        (from, count) = _page(from, count, n);
        address[] memory operators = Quorum.operators(blob, n);
        page = new Member[](count);
        for (uint256 i = 0; i < count; ++i) {
            address operator = operators[from + i];
            page[i] = Member(operator, _registry.keeperPayee(operator), Quorum.keyAt(blob, from + i));
        }
    }

    /// @inheritdoc IUpkeepingViews
    function resigned() external view returns (uint256 bitmap) {
        (address blob, uint256 n) = _seatsAt(_seats.version);
        for (uint256 i = 0; i < _resigning.length; ++i) {
            uint256 index = Quorum.indexOf(blob, n, _resigning[i]);
            if (index != n) bitmap |= 1 << index;
        }
    }

    /// @inheritdoc IUpkeepingViews
    function keeperAccounts(
        uint64 version,
        uint256 from,
        uint256 count
    ) external view returns (KeeperAccount[] memory page) {
        (address blob, uint256 n) = _seatsAt(version);
        uint256 share = version == _seats.version ? _hot().share : _shares[version].share;
        (from, count) = _page(from, count, n);
        address[] memory operators = Quorum.operators(blob, n);
        page = new KeeperAccount[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 index = from + i;
            page[i] = KeeperAccount({
                index: uint8(index),
                operator: operators[index],
                payee: _registry.keeperPayee(operators[index]),
                earned: _earned(version, index, share),
                withdrawn: _shares[version].keepers[index].withdrawn
            });
        }
    }

    /// @inheritdoc IUpkeepingViews
    function providerCount() external view returns (uint32) {
        return _misc.providerCount;
    }

    /// @inheritdoc IUpkeepingViews
    function providers(uint256 from, uint256 count) external view returns (Provider[] memory page) {
        (from, count) = _page(from, count, _misc.providerCount);
        Hot memory hot = _hot();
        Args args = GroupArgs.load();
        page = new Provider[](count);
        for (uint256 i = 0; i < count; ++i) {
            page[i] = _provider(hot, args, from + i);
        }
    }

    /// @inheritdoc IUpkeepingViews
    function providerOf(address operator) external view returns (bool found, uint32 provider) {
        uint32 latest = _operators[operator].indexPlusOne;
        return latest == 0 || _providers[latest - 1].removedAt != 0 ? (false, 0) : (true, latest - 1);
    }

    /// @inheritdoc IUpkeepingViews
    function consentSequence(address operator) external view returns (uint64) {
        return _operators[operator].sequence;
    }

    /// @inheritdoc IUpkeepingViews
    function dataHistory(
        uint32 provider,
        uint256 from,
        uint256 count
    ) external view returns (DataCheckpoint[] memory page) {
        Change[] storage changes = _providers[provider].changes;
        (from, count) = _page(from, count, changes.length);
        page = new DataCheckpoint[](count);
        for (uint256 i = 0; i < count; ++i) {
            Change storage change = changes[from + i];
            page[i] = DataCheckpoint(change.from, change.size, change.root, change.receiptKey, change.sequence);
        }
    }

    /// @inheritdoc IUpkeepingViews
    function committedSpaceTime(uint32 provider, uint64 fromBlock, uint64 toBlock) external view returns (uint256) {
        if (provider >= _misc.providerCount)
            revert IUpkeepingMembers.Upkeeping_NoSuchProvider(_misc.providerCount, provider);
        uint256 flags = _hot().flags;
        uint256 end = _committedEnd(flags, toBlock);
        return end > fromBlock ? _cumulative(provider, end) - _cumulative(provider, fromBlock) : 0;
    }

    /// @inheritdoc IUpkeepingViews
    function committedTotal(uint64 fromBlock, uint64 toBlock) external view returns (uint256) {
        uint256 end = _committedEnd(_hot().flags, toBlock);
        if (end <= fromBlock || _totals.length == 0 || end < _totals[0].from) return 0;
        (uint256 last, ) = _totalBefore(0, end);
        if (fromBlock < _totals[0].from) return last;
        (uint256 first, ) = _totalBefore(0, fromBlock);
        return last - first;
    }

    /// @inheritdoc IUpkeepingViews
    function nextEffectiveBlock() external view returns (uint64) {
        return uint64(_effectiveBlock(GroupArgs.load()));
    }

    /// @inheritdoc IUpkeepingViews
    function escrow() external view returns (Escrow memory e) {
        Hot memory hot = _hot();
        Args args = GroupArgs.load();
        e.deposited = _ledger.deposited;
        e.paidOut = _ledger.paidOut;
        e.balance = e.deposited - e.paidOut;
        e.unallocated = hot.free;
        e.credits = e.balance - hot.free;
        e.arrears = _arrears;
        e.reserve = _required(hot, args) - _arrears;
        e.withdrawable = _withdrawable(hot, args);
    }

    /// @inheritdoc IUpkeepingViews
    function withdrawable() external view returns (uint256) {
        return _withdrawable(_hot(), GroupArgs.load());
    }

    /// @inheritdoc IUpkeepingViews
    function fundedUntil() external view returns (uint64) {
        Hot memory hot = _hot();
        uint256 price = GroupArgs.load().price();
        uint256 low = _misc.totalsSettled;
        // No bytes are committed after the end.
        uint256 end = _committedEnd(hot.flags, type(uint64).max);
        if (_totals.length == 0 || block.number >= end) return type(uint64).max;
        (uint256 settled, ) = _totalBefore(low, hot.ts);
        (uint256 now_, uint256 index) = _totalBefore(low, block.number);
        uint256 owed = _arrears + _reserveFor(now_ - settled + _untouched, price);
        if (hot.free < owed) return uint64(block.number);
        uint256 left = (hot.free - owed) << 30;
        // Walks from one scheduled change to the next.
        uint256 until = block.number;
        for (; until != end; ++index) {
            uint256 next = index + 1 < _totals.length ? _min(_totals[index + 1].from, end) : end;
            uint256 perBlock = _totals[index].size * price;
            if (left < perBlock * (next - until)) return uint64(until + left / perBlock);
            left -= perBlock * (next - until);
            until = next;
        }
        return type(uint64).max;
    }

    /// @inheritdoc IUpkeepingViews
    function payerPayee() external view returns (address payee, address pendingPayee) {
        payee = _payerPayee == address(0) ? GroupArgs.load().payer() : _payerPayee;
        pendingPayee = _pendingPayerPayee;
    }

    /// @inheritdoc IUpkeepingViews
    function pastSettlements(uint256 from, uint256 count) external view returns (PastSettlement[] memory) {
        return _pastSettlements(from, count);
    }

    /// @inheritdoc IUpkeepingViews
    function settlements(uint256 from, uint256 count) external view returns (uint64[] memory ends) {
        PastSettlement[] memory past = _pastSettlements(from, count);
        ends = new uint64[](past.length);
        for (uint256 i = 0; i < past.length; ++i) {
            ends[i] = past[i].te;
        }
    }

    /// @inheritdoc IUpkeepingViews
    function merkleRoot() external view returns (bytes32 root, uint64 te) {
        return (_root.root, _root.te);
    }

    /// @inheritdoc IUpkeepingViews
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparator();
    }

    /// @inheritdoc IUpkeepingViews
    function settlementDigest(Settlement calldata s) external view returns (bytes32) {
        (uint256 items, uint256 count) = SettlementDigest.copy(s.items);
        return _typedDigest(SettlementDigest.structHash(s, items, count));
    }

    /// @inheritdoc IUpkeepingViews
    function settlementRootDigest(SettlementRoot calldata s) external view returns (bytes32) {
        return _typedDigest(SettlementDigest.structHash(s));
    }

    /// @inheritdoc IUpkeepingViews
    function providerDataDigest(
        bytes32 root,
        uint64 size,
        address receiptKey,
        uint64 sequence
    ) external view returns (bytes32) {
        return _providerDataDigest(root, size, receiptKey, sequence);
    }

    /// @inheritdoc IUpkeepingViews
    function seatAcceptanceDigest(uint64 version) external view returns (bytes32) {
        return _seatDigest(version);
    }

    function _provider(Hot memory hot, Args args, uint256 index) private view returns (Provider memory p) {
        ProviderRecord storage record = _providers[index];
        Live memory live = Packed.unpackLive(_liveWords[index]);
        p.index = uint32(index);
        p.operator = record.operator;
        p.payee = _registry.providerPayee(record.operator);
        p.activeFrom = record.activeFrom;
        p.removedAt = record.removedAt;
        p.closed = args.merkle() ? p.removedAt != 0 && p.removedAt <= hot.ts : live.flags & Packed.LISTED == 0;
        uint256 last = record.changes.length;
        p.checkpointCount = uint32(last);
        while (last > 0 && record.changes[last - 1].from > block.number) --last;
        bool over = hot.flags & Packed.TERMINATED != 0 && block.number >= _misc.endBlock;
        if (last > 0 && !over) p.bytesNow = record.changes[last - 1].size;
        uint256 first = live.changeFrom == 0 ? record.changes.length : record.next;
        p.firstCheckpoint = first == 0 || args.merkle() ? 0 : uint32(first - 1);
        p.sequence = _operators[record.operator].sequence;
        p.credited = live.credit + record.withdrawn;
        p.withdrawn = record.withdrawn;
        p.arrears = uint256(record.arrears) + record.uncutArrears;
    }

    function _committee(uint256 version) private view returns (Committee memory c) {
        (address blob, uint256 n) = _seatsAt(version);
        CommitteeRecord storage record = _committees[version];
        c.version = uint64(version);
        c.keysBlob = blob;
        c.operators = Quorum.operators(blob, n);
        c.proposedAt = record.proposedAt;
        c.readyAt = record.readyAt;
        c.retiredAt = record.retiredAt;
        c.effectiveFrom = record.effectiveFrom;
        c.seed = record.seed;
        c.accepted = record.accepted;
        if (version == _seats.version) {
            c.effectiveFrom = _seats.effectiveFrom;
            c.seed = _seed;
        }
        if (version == 1) {
            c.proposedAt = uint64(GroupArgs.load().origin());
            c.readyAt = c.proposedAt;
            c.accepted = (1 << n) - 1;
        }
    }

    /// @dev An abandon empties the buffer, so the buffered settlements end at ts.
    function _pastSettlements(uint256 from, uint256 count) private view returns (PastSettlement[] memory) {
        Hot memory hot = _hot();
        Args args = GroupArgs.load();
        return TurnLog.read(_turnLog, hot.turns, hot.ts, args.interval(), args.turn(), from, count);
    }

    function _seatsAt(uint256 version) private view returns (address blob, uint256 n) {
        if (version == _seats.version) return (_seats.keysBlob, _seats.n);
        CommitteeRecord storage record = _committees[version];
        if (record.n == 0)
            revert IUpkeepingCommittees.Upkeeping_NoSuchCommittee(_misc.lastVersion + 1, uint64(version));
        return (record.keysBlob, record.n);
    }
}
