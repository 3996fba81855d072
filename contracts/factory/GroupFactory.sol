// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Clones} from "../libraries/Clones.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {GroupConfig, KeeperClaim, ProviderClaim} from "../interfaces/Types.sol";
import {GroupArguments} from "../libraries/GroupArguments.sol";

/// @title The factory's groups, and withdrawals over many of them (R4, R31, R41)
abstract contract GroupFactory is IUpkeepingFactory {
    uint256 private constant MOST_REASON_BYTES = 256;

    /// @inheritdoc IUpkeepingFactory
    address public immutable groupImplementation;
    /// @inheritdoc IUpkeepingFactory
    mapping(address payer => uint64) public groupCount;

    constructor(address groupImplementation_) {
        if (groupImplementation_.code.length == 0) revert UpkeepingFactory_NoCode(groupImplementation_);
        groupImplementation = groupImplementation_;
    }

    /// @inheritdoc IUpkeepingFactory
    function createGroup(
        GroupConfig calldata config,
        address committee,
        uint16 ceiling
    ) external returns (address group) {
        return _createGroup(config, committee, ceiling);
    }

    /// @inheritdoc IUpkeepingFactory
    function predictGroup(
        address payer,
        GroupConfig calldata config,
        address committee
    ) external view returns (address) {
        bytes memory data = GroupArguments.encode(payer, committee, groupCount[payer], config);
        return Clones.predict(groupImplementation, address(this), data);
    }

    /// @inheritdoc IUpkeepingFactory
    function withdrawKeepers(KeeperClaim[] calldata claims) external {
        address payee;
        for (uint256 i = 0; i < claims.length; ++i) {
            KeeperClaim calldata c = claims[i];
            if (payee == address(0) || !_sameMember(claims[i - 1], c)) {
                // An external call: a claim that names no committee stops no other (R31).
                try this.payeeOf(msg.sender, c.committee, c.version, c.index) returns (address found) {
                    payee = found;
                } catch (bytes memory reason) {
                    payee = address(0);
                    _reportFailure(c.group, i, reason);
                    continue;
                }
            }
            bytes memory data = abi.encodeCall(IGroupMoney.payOutKeeper, (payee, c.committee, c.version, c.index));
            _tryWithdrawal(c.group, i, data);
        }
    }

    /// @inheritdoc IUpkeepingFactory
    function payeeOf(
        address caller,
        address committee,
        uint32 version,
        uint8 index
    ) external view returns (address payee) {
        address operator = ICommittee(committee).operatorOf(version, index);
        payee = IRegistry(this.registry()).keeperPayee(operator);
        if (caller != operator && caller != payee) revert IGroupMoney.Upkeeping_NotOwner(operator, payee, caller);
    }

    /// @inheritdoc IUpkeepingFactory
    function withdrawProviders(ProviderClaim[] calldata claims) external {
        for (uint256 i = 0; i < claims.length; ++i) {
            ProviderClaim calldata c = claims[i];
            _tryWithdrawal(c.group, i, abi.encodeCall(IGroupMoney.withdrawProviderFor, (msg.sender, c.provider)));
        }
    }

    /// @inheritdoc IUpkeepingFactory
    function isGroup(address group) public view returns (bool) {
        return Clones.isClone(groupImplementation, address(this), group);
    }

    function _createGroup(
        GroupConfig calldata config,
        address committee,
        uint16 ceiling
    ) internal returns (address group) {
        if (config.token != address(0) && config.token.code.length == 0) {
            revert UpkeepingFactory_TokenWithoutCode(config.token);
        }
        if (config.lockup == 0) revert UpkeepingFactory_BadConfig("lockup at least 1", 1, 0);
        if (config.keeperShareBps > 10_000) {
            revert UpkeepingFactory_BadConfig("keeper share <= 10000", 10_000, config.keeperShareBps);
        }
        bytes memory data = GroupArguments.encode(msg.sender, committee, groupCount[msg.sender]++, config);
        group = Clones.create(groupImplementation, data);
        emit GroupCreated(group, msg.sender, committee, config);
        IGroupService(group).initialize(ceiling);
    }

    /// @dev One that fails stops no other (R31). The group checks the caller; an address that is no group of this
    ///      factory learns nothing and gets nothing.
    function _tryWithdrawal(address group, uint256 position, bytes memory data) private {
        // A call to an address without code would succeed.
        if (group.code.length == 0) revert UpkeepingFactory_NotAGroup(group);
        (bool ok, bytes memory reason) = group.call(data);
        if (!ok) _reportFailure(group, position, reason);
    }

    function _reportFailure(address group, uint256 position, bytes memory reason) private {
        // Assembly: cuts the reason without a copy.
        assembly ("memory-safe") {
            if gt(mload(reason), MOST_REASON_BYTES) {
                mstore(reason, MOST_REASON_BYTES)
            }
        }
        emit WithdrawalFailed(group, position, reason);
    }

    function _sameMember(KeeperClaim calldata a, KeeperClaim calldata b) private pure returns (bool) {
        return a.committee == b.committee && a.version == b.version && a.index == b.index;
    }
}
