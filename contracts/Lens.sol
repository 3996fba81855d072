// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {
    CommitteePage,
    GroupPage,
    ILens,
    KeeperBalance,
    MemberPage,
    MembershipPage,
    ProviderPage,
    VersionPage
} from "./interfaces/ILens.sol";
import {IUpkeeping} from "./interfaces/IUpkeeping.sol";
import {DataChange, Escrow, GroupState, ProviderState, Version} from "./interfaces/Types.sol";
import {Narrow} from "./libraries/Narrow.sol";

/// @title Stateless views of groups and committees (R35)
/// @notice Reads what they say about themselves; the rules are in `ILens`.
contract Lens is ILens {
    /// @dev Blocks beyond this are never: a block number fits 40 bits.
    uint256 private constant NEVER = type(uint40).max;

    IRegistry private immutable _registry;

    constructor(IRegistry registry_) {
        _registry = registry_;
    }

    /// @inheritdoc ILens
    function group(address group_) external view returns (GroupPage memory page) {
        IUpkeeping g = IUpkeeping(group_);
        page.payer = g.payer();
        page.createdAt = g.createdAt();
        page.config = g.config();
        page.state = g.state();
        page.escrow = g.escrow();
    }

    /// @inheritdoc ILens
    function providers(address group_, uint32 from, uint32 count) external view returns (ProviderPage[] memory page) {
        IUpkeeping g = IUpkeeping(group_);
        uint256 end = Narrow.min(g.state().providerCount, uint256(from) + count);
        if (from >= end) return page;
        page = new ProviderPage[](end - from);
        for (uint256 i = from; i < end; ++i) {
            ProviderPage memory p = page[i - from];
            p.index = uint32(i);
            p.provider = g.provider(uint32(i));
            p.payee = _registry.providerPayee(p.provider.operator);
            p.data = g.dataOf(uint32(i));
        }
    }

    /// @inheritdoc ILens
    function committed(
        address group_,
        uint32 provider,
        uint64 from,
        uint64 to
    ) external view returns (uint256 spaceTime, uint256 value) {
        IUpkeeping g = IUpkeeping(group_);
        uint256 end = g.state().endBlock;
        return _committed(g.dataOf(provider), from, end == 0 ? to : Narrow.min(to, end));
    }

    /// @inheritdoc ILens
    function fundedUntil(address group_) external view returns (uint64) {
        IUpkeeping g = IUpkeeping(group_);
        GroupState memory state = g.state();
        Escrow memory escrow = g.escrow();
        uint256 arrears = uint256(escrow.providerArrears) + escrow.keeperArrears;
        if (arrears > escrow.available) return state.settledThrough;
        uint256 funds = escrow.available - arrears;
        DataChange[][] memory data = _data(g);
        uint256 fee = uint256(g.config().keeperFee) * state.service.ceiling;
        uint256 last = state.endBlock == 0 ? NEVER : state.endBlock;
        uint256 low = state.settledThrough;
        // A group without providers may be settled beyond its end.
        if (last <= low || _cost(data, fee, low, last) <= funds) return type(uint64).max;
        // The cost grows with the block, so a binary search finds the last one that is paid for.
        while (low + 1 < last) {
            uint256 middle = (low + last) / 2;
            if (_cost(data, fee, state.settledThrough, middle) <= funds) low = middle;
            else last = middle;
        }
        return uint64(low);
    }

    /// @inheritdoc ILens
    function withdrawable(address group_) external view returns (uint256) {
        Escrow memory escrow = IUpkeeping(group_).escrow();
        return escrow.available > escrow.required ? escrow.available - escrow.required : 0;
    }

    /// @inheritdoc ILens
    function committee(address committee_) external view returns (CommitteePage memory page) {
        ICommittee c = ICommittee(committee_);
        page.convener = c.convener();
        page.rhythm = c.rhythm();
        page.terms = c.terms();
        page.n = c.size();
        page.originBlock = c.originBlock();
        page.certifiedThrough = c.certifiedThrough();
        page.currentVersion = c.currentVersion();
        page.lastVersion = c.lastVersion();
        (page.complete, page.rotated) = c.waiting();
        page.resigned = c.resigned();
        page.lastNumber = c.lastNumber();
        page.reserved = c.reserved();
    }

    /// @inheritdoc ILens
    function members(
        address committee_,
        uint64 version,
        uint8 from,
        uint8 count
    ) external view returns (MemberPage[] memory page) {
        ICommittee c = ICommittee(committee_);
        address[] memory operators = c.operatorsOf(version);
        Version memory info = c.versionInfo(version);
        uint256 resigned = version == c.currentVersion() ? c.resigned() : 0;
        uint256 end = Narrow.min(operators.length, uint256(from) + count);
        if (from >= end) return page;
        page = new MemberPage[](end - from);
        for (uint256 i = from; i < end; ++i) {
            page[i - from] = MemberPage({
                index: uint8(i),
                operator: operators[i],
                payee: _registry.keeperPayee(operators[i]),
                consented: (info.consented >> i) & 1 != 0,
                resigned: (resigned >> i) & 1 != 0
            });
        }
    }

    /// @inheritdoc ILens
    function versions(address committee_, uint64 from, uint64 count) external view returns (VersionPage[] memory page) {
        ICommittee c = ICommittee(committee_);
        uint256 begin = Narrow.max(from, 1);
        uint256 end = Narrow.min(uint256(c.lastVersion()) + 1, uint256(from) + count);
        if (begin >= end) return page;
        page = new VersionPage[](end - begin);
        for (uint256 i = begin; i < end; ++i) {
            uint64 version = uint64(i);
            page[i - begin] = VersionPage({
                version: c.versionInfo(version),
                operators: c.operatorsOf(version),
                configuration: c.configuration(version)
            });
        }
    }

    /// @inheritdoc ILens
    function memberships(
        address committee_,
        uint32 from,
        uint32 count
    ) external view returns (MembershipPage[] memory page) {
        ICommittee c = ICommittee(committee_);
        uint256 begin = Narrow.max(from, 1);
        uint256 end = Narrow.min(uint256(c.lastNumber()) + 1, uint256(from) + count);
        if (begin >= end) return page;
        page = new MembershipPage[](end - begin);
        for (uint256 i = begin; i < end; ++i) {
            page[i - begin] = MembershipPage(uint32(i), c.membership(uint32(i)));
        }
    }

    /// @inheritdoc ILens
    function keeperBalances(
        address[] calldata groups,
        address committee_,
        uint32 version,
        uint8 index
    ) external view returns (KeeperBalance[] memory balances) {
        balances = new KeeperBalance[](groups.length);
        for (uint256 i = 0; i < groups.length; ++i) {
            uint256 balance = IUpkeeping(groups[i]).keeperBalance(committee_, version, index);
            balances[i] = KeeperBalance(groups[i], committee_, version, index, balance);
        }
    }

    /// @dev Data of every provider that is not closed.
    function _data(IUpkeeping g) private view returns (DataChange[][] memory data) {
        uint32[] memory seats = g.seats();
        data = new DataChange[][](seats.length);
        for (uint256 i = 0; i < seats.length; ++i) {
            ProviderState memory provider = g.provider(seats[i]);
            if (!provider.closed) data[i] = g.dataOf(seats[i]);
        }
    }

    /// @dev Token units of [from, to) at full proof, rounded up.
    function _cost(DataChange[][] memory data, uint256 fee, uint256 from, uint256 to) private pure returns (uint256) {
        uint256 value = 0;
        for (uint256 i = 0; i < data.length; ++i) {
            (, uint256 part) = _committed(data[i], from, to);
            value += part;
        }
        return ((value + type(uint64).max) >> 64) + ((fee * (to - from) + type(uint16).max) >> 16);
    }

    /// @dev S and V of [from, to) by the changes alone: each holds until the next one.
    function _committed(
        DataChange[] memory data,
        uint256 from,
        uint256 to
    ) private pure returns (uint256 spaceTime, uint256 value) {
        for (uint256 i = 0; i < data.length; ++i) {
            uint256 begin = Narrow.max(data[i].from, from);
            uint256 end = i + 1 < data.length ? Narrow.min(data[i + 1].from, to) : to;
            if (end <= begin) continue;
            uint256 part = uint256(data[i].size) * (end - begin);
            spaceTime += part;
            value += part * data[i].price;
        }
    }
}
