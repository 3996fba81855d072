// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CommitteeFactory} from "./factory/CommitteeFactory.sol";
import {GroupFactory} from "./factory/GroupFactory.sol";
import {IUpkeepingFactory} from "./interfaces/IUpkeepingFactory.sol";
import {Consent, GroupConfig, Rhythm, Terms} from "./interfaces/Types.sol";

/// @title Factory of committees and groups (R4, R31, R36, R41)
/// @dev The rules are in `IUpkeepingFactory`; the parts are in `factory/`, by subject.
contract UpkeepingFactory is CommitteeFactory, GroupFactory {
    constructor(
        address committeeImplementation_,
        address groupImplementation_,
        address registry_
    ) CommitteeFactory(committeeImplementation_, registry_) GroupFactory(groupImplementation_) {}

    /// @inheritdoc IUpkeepingFactory
    function createPrivate(
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators,
        Consent[] calldata consents,
        GroupConfig calldata config,
        uint16 ceiling
    ) external returns (address committee, address group) {
        committee = _createCommittee(rhythm, terms, operators, consents);
        group = _createGroup(config, committee, ceiling);
    }
}
