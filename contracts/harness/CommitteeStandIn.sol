// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {Consent, GroupConfig, GroupTerms, Payout, Period, Rhythm, Terms} from "../interfaces/Types.sol";
import {GroupFactory} from "../factory/GroupFactory.sol";

/// @title Stands for any committee in tests of groups: it passes on what a test says was certified
/// @notice Slots, memberships and calls to groups are as in `ICommittee`; nothing is signed.
contract CommitteeStandIn {
    uint64 public immutable originBlock = uint64(block.number);
    uint64 public certifiedThrough = uint64(block.number);
    uint32 public lastNumber;
    mapping(uint64 ts => uint64) private _te;
    mapping(uint64 ts => uint64) private _acceptedAt;
    mapping(uint32 number => uint64) public left;
    address[] private _operators;
    Rhythm private _rhythm;

    constructor(Rhythm memory rhythm_, address[] memory operators) {
        _rhythm = rhythm_;
        _operators = operators;
    }

    /// @notice Calls a group as a committee does, and passes its error on.
    function settle(address group, Period period, Payout payout, uint256[] calldata items) external {
        IUpkeeping(group).creditItems(period, payout, items);
    }

    /// @notice The same with this much gas, as a committee calls a group.
    function settleWithin(uint256 gas, address group, Period period, Payout payout, uint256[] calldata items) external {
        IUpkeeping(group).creditItems{gas: gas}(period, payout, items);
    }

    /// @notice The same for many groups, one after another.
    function settleMany(
        address[] calldata groups,
        Period[] calldata periods,
        Payout payout,
        uint256[][] calldata items
    ) external {
        for (uint256 i = 0; i < groups.length; ++i) {
            IUpkeeping(groups[i]).creditItems(periods[i], payout, items[i]);
        }
    }

    /// @notice A certificate [certifiedThrough, te) was accepted in this block.
    function certify(uint64 te) external {
        (_te[certifiedThrough], _acceptedAt[certifiedThrough]) = (te, uint64(block.number));
        certifiedThrough = te;
    }

    function releaseGroup(address group) external {
        IUpkeeping(group).release();
    }

    function admit(GroupTerms calldata, uint16, uint64 earliest) external returns (uint32 number, uint64 entered) {
        number = ++lastNumber;
        uint64 soonest = uint64(block.number) + _rhythm.confirmations + 1;
        entered = firstSlotFrom(earliest > soonest ? earliest : soonest);
    }

    function changeCeiling(uint32, uint16) external {}

    function endMembership(uint32 number, uint64 left_) external {
        left[number] = left_;
    }

    function firstSlotFrom(uint64 blockNumber) public view returns (uint64) {
        return originBlock + ((blockNumber - originBlock + _rhythm.slot - 1) / _rhythm.slot) * _rhythm.slot;
    }

    function lastSlotAt(uint64 blockNumber) external view returns (uint64) {
        return originBlock + ((blockNumber - originBlock) / _rhythm.slot) * _rhythm.slot;
    }

    function rhythm() external view returns (Rhythm memory) {
        return _rhythm;
    }

    function certificateAt(uint64 ts) external view returns (uint64, uint64) {
        return (_te[ts], _acceptedAt[ts]);
    }

    function operatorOf(uint64, uint8 index) external view returns (address) {
        return _operators[index];
    }

    function size() external view returns (uint256) {
        return _operators.length;
    }
}

/// @title The factory of groups, for which every `CommitteeStandIn` is a committee
contract GroupFactoryStandIn is GroupFactory {
    address public immutable registry;
    mapping(address committee => bool) public isCommittee;

    constructor(address groupImplementation_, address registry_) GroupFactory(groupImplementation_) {
        registry = registry_;
    }

    function recognise(address committee) external {
        isCommittee[committee] = true;
    }

    function createCommittee(
        Rhythm calldata,
        Terms calldata,
        address[] calldata,
        Consent[] calldata
    ) external pure returns (address) {
        return address(0);
    }

    function createPrivate(
        Rhythm calldata,
        Terms calldata,
        address[] calldata,
        Consent[] calldata,
        GroupConfig calldata,
        uint16
    ) external pure returns (address, address) {
        return (address(0), address(0));
    }

    function predictCommittee(
        address,
        Rhythm calldata,
        Terms calldata,
        address[] calldata
    ) external pure returns (address) {
        return address(0);
    }

    function storeOperators(address[] calldata) external pure returns (address) {
        return address(0);
    }

    function storeMembers(address[] calldata) external pure returns (address) {
        return address(0);
    }

    function storeKeys(bytes calldata, address[] calldata) external pure returns (address) {
        return address(0);
    }

    function committeeCount(address) external pure returns (uint64) {
        return 0;
    }

    function committeeImplementation() external pure returns (address) {
        return address(0);
    }
}
