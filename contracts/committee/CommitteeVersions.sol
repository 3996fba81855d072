// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Quorum} from "../libraries/Quorum.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {BlockHistory} from "../libraries/BlockHistory.sol";
import {MemberKeys} from "../libraries/MemberKeys.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {Progress, ProgressWords} from "../libraries/ProgressWords.sol";
import {CommitteeStorage} from "./CommitteeStorage.sol";

/// @title When a version is complete and takes effect (R5, R37)
abstract contract CommitteeVersions is CommitteeStorage {
    /// @dev Operators of a version that exists, in contract order.
    function _operatorsOf(uint256 version, uint256 n) internal view returns (address[] memory) {
        address keysBlob = _keysOf(version, n);
        if (keysBlob == address(0)) return MemberKeys.readList(_versions[version].list, n);
        return Quorum.operators(keysBlob, n);
    }

    /// @dev A number for a new version.
    function _nextVersion() internal returns (uint256 version) {
        version = uint256(_succession.lastVersion) + 1;
        _succession.lastVersion = uint32(Narrow.check(version, 32));
    }

    /// @dev The first version exists from the last consent on, the origin (R37). Its seed is the hash of the block
    ///      before (R5).
    function _form() internal {
        uint40 origin = Narrow.to40(block.number);
        bytes32 seed = blockhash(block.number - 1);
        _progress = _progress.withOrigin(origin).withCertifiedThrough(origin).withVersion(1, origin);
        _versions[1].seed = seed;
        emit Formed(origin, seed);
    }

    /// @dev A version has its consents: its members' keys are those in the registry now.
    function _complete(uint256 version, address[] memory operators) internal {
        VersionRecord storage record = _versions[version];
        record.keysBlob = IUpkeepingFactory(_factory).storeMembers(operators);
        record.completedAt = Narrow.to40(block.number);
        _succession.complete = uint32(version);
        emit VersionCompleted(uint64(version), uint64(block.number));
        _awaitOrActivate(version);
    }

    /// @dev A complete version takes effect with the next certificate that ends after this block; at once where none
    ///      is due (R37).
    function _awaitOrActivate(uint256 version) internal {
        Progress p = _progress;
        _progress = _isIdle(p) ? _activate(p, version, block.number) : p.with(ProgressWords.SUCCESSION);
    }

    /// @dev Applies what takes effect with a certificate through te: a complete version, or else a rotated key.
    function _succeed(Progress p, uint256 te) internal returns (Progress) {
        Succession memory s = _succession;
        if (s.complete != 0 && _versions[s.complete].completedAt < te) return _activate(p, s.complete, te);
        if (s.rotated != 0 && _versions[s.rotated].completedAt < te) return _activate(p, s.rotated, te);
        return p;
    }

    /// @dev The caller stores what it returns.
    function _activate(Progress p, uint256 version, uint256 from) private returns (Progress) {
        VersionRecord storage record = _versions[version];
        bytes32 seed;
        if (record.rotation) {
            // R5: whoever only rotates its key keeps the seed.
            seed = _versions[p.version()].seed;
        } else {
            seed = BlockHistory.hashOf(from - 1);
            if (seed == bytes32(0)) revert Committee_NoBlockHash(uint64(from - 1));
            // A rotation that waits beside it is part of it: its keys were taken from the registry later, or were
            // rotated with it.
            uint256 rotated = _succession.rotated;
            if (rotated != 0) emit VersionVoid(uint64(rotated));
            Succession storage succession = _succession;
            succession.era = uint32(version);
            succession.complete = 0;
            succession.resigned = record.resigned;
        }
        _succession.rotated = 0;
        _versions[p.version()].retiredFrom = Narrow.to40(from);
        record.effectiveFrom = Narrow.to40(from);
        record.seed = seed;
        _seats.keysBlob = record.keysBlob;
        emit VersionActivated(uint64(version), uint64(from), seed, record.keysBlob);
        p = p.withVersion(version, from).with(ProgressWords.ELSEWHERE);
        return _succession.complete == 0 ? p.without(ProgressWords.SUCCESSION) : p.with(ProgressWords.SUCCESSION);
    }
}
