// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {CommitteeCertificates} from "./committee/CommitteeCertificates.sol";
import {CommitteeStorage} from "./committee/CommitteeStorage.sol";
import {ICommittee} from "./interfaces/ICommittee.sol";
import {Rhythm, Terms, Version} from "./interfaces/Types.sol";
import {CommitteeArguments} from "./libraries/CommitteeArguments.sol";

/// @title Agreement of a committee (R2, R5, R6, R25, R27, R29, R36–R38, R41)
/// @notice Code of every committee, a clone with its parameters and its first members' keys behind it. The parts are in
///         `committee/`, by subject.
/// @dev The rules are in `ICommittee`; views of the committee as a whole are here.
contract Committee is CommitteeCertificates {
    constructor(IRegistry registry_, address factory_) CommitteeStorage(registry_, factory_) {}

    /// @inheritdoc ICommittee
    function factory() external view returns (address) {
        return _factory;
    }

    /// @inheritdoc ICommittee
    function convener() external view returns (address) {
        return CommitteeArguments.load().convener();
    }

    /// @inheritdoc ICommittee
    function rhythm() external view returns (Rhythm memory) {
        return CommitteeArguments.load().rhythm();
    }

    /// @inheritdoc ICommittee
    function terms() external view returns (Terms memory) {
        return CommitteeArguments.load().terms();
    }

    /// @inheritdoc ICommittee
    function size() external view returns (uint256) {
        return CommitteeArguments.load().size();
    }

    /// @inheritdoc ICommittee
    function originBlock() external view returns (uint64) {
        return _progress.origin();
    }

    /// @inheritdoc ICommittee
    function certifiedThrough() external view returns (uint64) {
        return _progress.certifiedThrough();
    }

    /// @inheritdoc ICommittee
    function currentVersion() external view returns (uint64) {
        return _progress.version();
    }

    /// @inheritdoc ICommittee
    function lastVersion() external view returns (uint64) {
        return _succession.lastVersion;
    }

    /// @inheritdoc ICommittee
    function resigned() external view returns (uint256) {
        return _succession.resigned;
    }

    /// @inheritdoc ICommittee
    function waiting() external view returns (uint64 complete, uint64 rotated) {
        return (_succession.complete, _succession.rotated);
    }

    /// @inheritdoc ICommittee
    function operatorOf(uint64 version, uint8 index) external view returns (address) {
        _requireVersion(version);
        uint256 n = CommitteeArguments.load().size();
        if (index >= n) revert Committee_NoSuchMember(n, index);
        address keysBlob = _keysOf(version, n);
        return keysBlob == address(0) ? _operatorsOf(version, n)[index] : Quorum.operatorAt(keysBlob, n, index);
    }

    /// @inheritdoc ICommittee
    function versionInfo(uint64 version) external view returns (Version memory info) {
        _requireVersion(version);
        uint256 n = CommitteeArguments.load().size();
        VersionRecord storage record = _versions[version];
        uint64 origin = _progress.origin();
        bool first = version == 1;
        info.version = version;
        info.base = record.base;
        info.proposer = first ? CommitteeArguments.load().convener() : record.proposer;
        info.completedAt = first ? origin : record.completedAt;
        info.effectiveFrom = first ? origin : record.effectiveFrom;
        info.retiredFrom = record.retiredFrom;
        info.seed = record.seed;
        info.consented = first && origin != 0 ? Quorum.everyone(n) : record.consented;
        info.keysBlob = _keysOf(version, n);
    }

    /// @inheritdoc ICommittee
    function operatorsOf(uint64 version) external view returns (address[] memory) {
        _requireVersion(version);
        return _operatorsOf(version, CommitteeArguments.load().size());
    }
}
