// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommitteeFactory} from "../factory/CommitteeFactory.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {
    Consent,
    GroupConfig,
    GroupTerms,
    KeeperClaim,
    Payout,
    Period,
    ProviderClaim,
    Rhythm,
    Terms
} from "../interfaces/Types.sol";

/// @title Stands for any group in tests of committees
/// @notice It accepts, refuses, burns gas or returns far too much, as a test says, and notes what it was called with.
contract GroupStandIn {
    /// @notice A settlement arrived.
    event Called(address committee, uint256 period, uint256 payout, uint256[] items, uint256 gas);

    /// @notice The refusal that a test asked for.
    error GroupStandIn_Refused(uint256 reason);

    enum Mood {
        Accepts,
        Refuses,
        BurnsGas,
        ReturnsTooMuch,
        CallsBack
    }

    Mood public mood;
    bytes private _callBack;
    uint256 public released;

    function become(Mood mood_) external {
        mood = mood_;
    }

    /// @notice Calls the committee back with these bytes in its next settlement, and refuses if that succeeds.
    function callBackWith(bytes calldata data) external {
        mood = Mood.CallsBack;
        _callBack = data;
    }

    function creditItems(Period period, Payout payout, uint256[] calldata items) external {
        if (mood == Mood.Refuses) revert GroupStandIn_Refused(42);
        if (mood == Mood.BurnsGas) while (true) {}
        if (mood == Mood.ReturnsTooMuch) {
            // Assembly: reverts with far more than any error.
            assembly ("memory-safe") {
                revert(0, 50000)
            }
        }
        if (mood == Mood.CallsBack) {
            (bool ok, ) = msg.sender.call(_callBack);
            if (ok) revert GroupStandIn_Refused(43);
        }
        emit Called(msg.sender, Period.unwrap(period), Payout.unwrap(payout), items, gasleft());
    }

    function enter(ICommittee committee, GroupTerms calldata terms, uint16 ceiling, uint64 earliest) external {
        committee.admit(terms, ceiling, earliest);
    }

    function changeCeiling(ICommittee committee, uint32 number, uint16 ceiling) external {
        committee.changeCeiling(number, ceiling);
    }

    function end(ICommittee committee, uint32 number, uint64 left) external {
        committee.endMembership(number, left);
    }

    function release() external {
        released += 1;
    }
}

/// @title The factory of committees, for which every address that a test names is a group
contract CommitteeFactoryStandIn is CommitteeFactory {
    mapping(address group => bool) public isGroup;

    constructor(
        address committeeImplementation_,
        address registry_
    ) CommitteeFactory(committeeImplementation_, registry_) {}

    function recognise(address group) external {
        isGroup[group] = true;
    }

    function createGroup(GroupConfig calldata, address, uint16) external pure returns (address) {
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

    function predictGroup(address, GroupConfig calldata, address) external pure returns (address) {
        return address(0);
    }

    function payeeOf(address, address, uint32, uint8) external pure returns (address) {
        return address(0);
    }

    function withdrawKeepers(KeeperClaim[] calldata) external {}

    function withdrawProviders(ProviderClaim[] calldata) external {}

    function groupCount(address) external pure returns (uint64) {
        return 0;
    }

    function groupImplementation() external pure returns (address) {
        return address(0);
    }
}
