// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {IUpkeepingFactory} from "./interfaces/IUpkeepingFactory.sol";
import {IUpkeepingCommittees} from "./interfaces/IUpkeepingCommittees.sol";
import {Config} from "./interfaces/UpkeepingTypes.sol";
import {CommitteeKeys} from "./libraries/CommitteeKeys.sol";
import {GroupArgs} from "./libraries/GroupArgs.sol";
import {GroupClones} from "./libraries/GroupClones.sol";
import {Quorum} from "./libraries/Quorum.sol";

/// @title Factory of groups
/// @dev The rules are in `IUpkeepingFactory`.
contract UpkeepingFactory is IUpkeepingFactory {
    uint256 private constant MAX_TURN = 8_000;

    /// @inheritdoc IUpkeepingFactory
    address public immutable implementation;
    /// @inheritdoc IUpkeepingFactory
    address public immutable registry;
    /// @inheritdoc IUpkeepingFactory
    mapping(address payer => uint64) public groupCount;

    constructor(address implementation_, address registry_) {
        if (implementation_.code.length == 0) revert UpkeepingFactory_NoImplementation(implementation_);
        if (registry_.code.length == 0) revert UpkeepingFactory_NoRegistry(registry_);
        implementation = implementation_;
        registry = registry_;
    }

    /// @inheritdoc IUpkeepingFactory
    function createGroup(Config calldata config, address[] calldata operators) external returns (address group) {
        _check(config, operators.length);
        uint256 n = operators.length;
        bytes[] memory keys = CommitteeKeys.gather(IRegistry(registry), operators);
        bool own = n <= Quorum.MAX_OWN_MEMBERS;
        bytes memory code = GroupArgs.encode(msg.sender, groupCount[msg.sender]++, n, config);
        if (own) code = bytes.concat(code, Quorum.pack(keys, operators));
        group = GroupClones.create(implementation, code);
        IUpkeepingCommittees(group).initialize(own ? group : Quorum.store(keys, operators));
        emit GroupCreated(group, msg.sender, config.token, operators, config);
    }

    /// @inheritdoc IUpkeepingFactory
    function isGroup(address group) external view returns (bool) {
        return GroupClones.isClone(implementation, address(this), group);
    }

    /// @dev Checks R4, in its order. `CommitteeKeys.gather` checks the committee's size.
    function _check(Config calldata c, uint256 n) private view {
        if (c.token != address(0) && c.token.code.length == 0) revert UpkeepingFactory_TokenWithoutCode(c.token);
        _atLeast("price at least 1", 1, c.price);
        _atLeast("slot at least 1", 1, c.slot);
        if (c.turn % c.slot != 0) revert UpkeepingFactory_BadConfig("slot divides turn", 0, c.turn % c.slot);
        if (c.interval % c.slot != 0)
            revert UpkeepingFactory_BadConfig("slot divides interval", 0, c.interval % c.slot);
        _atLeast("slot > confirmations+answer+1", uint256(c.confirmations) + c.answer + 2, c.slot);
        _atLeast("interval >= turn+confirmations", uint256(c.turn) + c.confirmations, c.interval);
        if (c.turn > MAX_TURN) revert UpkeepingFactory_BadConfig("turn <= 8000", MAX_TURN, c.turn);
        _atLeast(
            "2/3 turn >= time for its round",
            _roundBlocks(c.turn, c.confirmations),
            (2 * uint256(c.turn) + 2) / 3
        );
        uint256 f = n == 0 ? 0 : (n - 1) / 3;
        _atLeast("lockup >= interval+(f+1)*turn", c.interval + (f + 1) * c.turn, c.lockup);
        if (c.keeperShareBps > 10_000)
            revert UpkeepingFactory_BadConfig("keeper share <= 10000", 10_000, c.keeperShareBps);
        if (c.toleranceBps > 10_000) revert UpkeepingFactory_BadConfig("tolerance <= 10000", 10_000, c.toleranceBps);
    }

    /// @dev Maximum duration of a round, in blocks, with one keeper that does not commit and one that does not reveal.
    ///      In a shorter turn, one such keeper could stop every settlement (R4, R19). An announcement is valid for a =
    ///      ⌊t/12⌋ blocks.
    function _roundBlocks(uint256 turn, uint256 confirmations) private pure returns (uint256) {
        uint256 late = turn / 12 + 6;
        return 2 * ((turn + 5) / 6) + 2 * confirmations + (late > 8 ? late : 8);
    }

    function _atLeast(bytes32 rule, uint256 expected, uint256 actual) private pure {
        if (actual < expected) revert UpkeepingFactory_BadConfig(rule, expected, actual);
    }
}
