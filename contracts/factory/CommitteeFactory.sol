// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {BLS} from "../libraries/BLS.sol";
import {Clones} from "../libraries/Clones.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {Consent, Rhythm, Terms} from "../interfaces/Types.sol";
import {CommitteeArguments} from "../libraries/CommitteeArguments.sol";
import {MemberKeys} from "../libraries/MemberKeys.sol";

/// @title Factory of committees (R2, R4, R36, R37)
abstract contract CommitteeFactory is IUpkeepingFactory {
    uint256 private constant MAX_TURN = 8_000;
    uint256 internal constant BPS = 10_000;

    /// @inheritdoc IUpkeepingFactory
    address public immutable committeeImplementation;
    /// @inheritdoc IUpkeepingFactory
    address public immutable registry;
    /// @inheritdoc IUpkeepingFactory
    mapping(address convener => uint64) public committeeCount;

    constructor(address committeeImplementation_, address registry_) {
        if (committeeImplementation_.code.length == 0) revert UpkeepingFactory_NoCode(committeeImplementation_);
        if (registry_.code.length == 0) revert UpkeepingFactory_NoCode(registry_);
        committeeImplementation = committeeImplementation_;
        registry = registry_;
    }

    /// @inheritdoc IUpkeepingFactory
    function createCommittee(
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators,
        Consent[] calldata consents
    ) external returns (address) {
        return _createCommittee(rhythm, terms, operators, consents);
    }

    /// @inheritdoc IUpkeepingFactory
    function predictCommittee(
        address convener,
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators
    ) external view returns (address) {
        (bytes memory code, ) = _committeeCode(convener, rhythm, terms, operators);
        return Clones.predict(committeeImplementation, address(this), code);
    }

    /// @inheritdoc IUpkeepingFactory
    function storeOperators(address[] calldata operators) external returns (address) {
        MemberKeys.checkOperators(IRegistry(registry), operators);
        return MemberKeys.storeList(operators);
    }

    /// @inheritdoc IUpkeepingFactory
    function storeMembers(address[] calldata operators) external returns (address) {
        return Quorum.store(MemberKeys.gather(IRegistry(registry), operators), operators);
    }

    /// @inheritdoc IUpkeepingFactory
    function storeKeys(bytes calldata keys, address[] calldata operators) external returns (address) {
        uint256 n = operators.length;
        if (keys.length != n * BLS.KEY_BYTES) revert UpkeepingFactory_BadLength(n * BLS.KEY_BYTES, keys.length);
        bytes[] memory list = new bytes[](n);
        for (uint256 i = 0; i < n; ++i) {
            list[i] = keys[i * BLS.KEY_BYTES:(i + 1) * BLS.KEY_BYTES];
        }
        return Quorum.store(list, operators);
    }

    /// @inheritdoc IUpkeepingFactory
    function isCommittee(address committee) public view returns (bool) {
        return Clones.isClone(committeeImplementation, address(this), committee);
    }

    /// @dev The caller is the convener.
    function _createCommittee(
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators,
        Consent[] calldata consents
    ) internal returns (address committee) {
        _checkRhythm(rhythm);
        _checkTerms(terms);
        MemberKeys.checkSize(operators.length);
        MemberKeys.checkDistinct(operators);
        (bytes memory code, bytes[] memory keys) = _committeeCode(msg.sender, rhythm, terms, operators);
        committeeCount[msg.sender] += 1;
        committee = Clones.create(committeeImplementation, code);
        bool own = operators.length <= Quorum.MAX_OWN_MEMBERS;
        emit CommitteeCreated(committee, msg.sender, rhythm, terms, operators);
        ICommittee(committee).initialize(own ? committee : Quorum.store(keys, operators), consents);
    }

    /// @dev What lies behind the proxy: arguments, and the members' keys as `Quorum` packs them. Above 112 members they
    ///      do not fit and go to a blob; the address then binds their hash.
    function _committeeCode(
        address convener,
        Rhythm calldata rhythm,
        Terms calldata terms,
        address[] calldata operators
    ) private view returns (bytes memory code, bytes[] memory keys) {
        code = CommitteeArguments.encode(convener, committeeCount[convener], operators.length, rhythm, terms);
        keys = MemberKeys.gather(IRegistry(registry), operators);
        bytes memory packed = Quorum.pack(keys, operators);
        bool own = operators.length <= Quorum.MAX_OWN_MEMBERS;
        code = own ? bytes.concat(code, packed) : abi.encodePacked(code, keccak256(packed));
    }

    /// @dev R4, in its order.
    function _checkRhythm(Rhythm calldata r) private pure {
        _atLeast("slot at least 1", 1, r.slot);
        _atLeast("turn at least 1", 1, r.turn);
        _equal("slot divides turn", 0, r.turn % r.slot);
        _equal("slot divides interval", 0, r.interval % r.slot);
        _atLeast("slot > confirmations+answer+1", uint256(r.confirmations) + r.answer + 2, r.slot);
        _atLeast("interval >= turn+confirmations", uint256(r.turn) + r.confirmations, r.interval);
        _atMost("turn <= 8000", MAX_TURN, r.turn);
        _atLeast(
            "2/3 turn >= time for its round",
            _roundBlocks(r.turn, r.confirmations),
            (2 * uint256(r.turn) + 2) / 3
        );
        _atMost("tolerance <= 10000", BPS, r.toleranceBps);
    }

    function _checkTerms(Terms calldata t) private view {
        if (t.token != address(0) && t.token.code.length == 0) revert UpkeepingFactory_TokenWithoutCode(t.token);
        _atMost("least keeper share <= 10000", BPS, t.leastKeeperShareBps);
        _atLeast("most providers at least 1", 1, t.mostProviders);
        if (t.open) _atLeast("open committee has a fee", 1, t.leastKeeperFee);
    }

    /// @dev Longest duration of a round, in blocks, with one keeper that does not commit and one that does not reveal:
    ///      in a shorter turn one such keeper could stop every settlement (R4, R19). An announcement is valid for a =
    ///      ⌊t/12⌋ blocks.
    function _roundBlocks(uint256 turn, uint256 confirmations) private pure returns (uint256) {
        uint256 late = turn / 12 + 6;
        return 2 * ((turn + 5) / 6) + 2 * confirmations + (late > 8 ? late : 8);
    }

    function _atLeast(bytes32 rule, uint256 expected, uint256 actual) internal pure {
        if (actual < expected) revert UpkeepingFactory_BadConfig(rule, expected, actual);
    }

    function _atMost(bytes32 rule, uint256 expected, uint256 actual) internal pure {
        if (actual > expected) revert UpkeepingFactory_BadConfig(rule, expected, actual);
    }

    function _equal(bytes32 rule, uint256 expected, uint256 actual) private pure {
        if (actual != expected) revert UpkeepingFactory_BadConfig(rule, expected, actual);
    }
}
