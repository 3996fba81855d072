// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IUpkeepingCommittees} from "../interfaces/IUpkeepingCommittees.sol";
import {Hot, Packed} from "../libraries/Packed.sol";
import {GroupCommitments} from "./GroupCommitments.sol";

/// @title Closing an interval, by a settlement or an abandon (R33, R34)
abstract contract GroupSuccession is GroupCommitments {
    /// @dev Advances the group to te: the index of totals, ts, and a committee that was complete before `deadline`.
    function _moveOn(Hot memory hot, uint256 te, uint256 deadline) internal {
        if (hot.flags & Packed.CHANGED != 0) {
            uint256 index = _totalIndex(_misc.totalsSettled, te);
            _misc.totalsSettled = uint32(index);
            if (index + 1 == _totals.length) hot.flags &= ~Packed.CHANGED;
        }
        if (hot.flags & Packed.SUCCESSION != 0) _succeed(hot, deadline);
        hot.ts = te;
    }

    /// @dev A proposed committee takes effect if its last member consented before the deadline, else a rotated one
    ///      (R33).
    function _succeed(Hot memory hot, uint256 deadline) private {
        Misc memory misc = _misc;
        uint256 version = misc.rotatedVersion;
        // R5: the seed is the hash of the block before the committee takes effect. A version with rotated keys keeps
        // the seed: otherwise a keeper could redraw the turn order at will, and select the draw as the leader that
        // sends.
        bytes32 seed = _seed;
        if (misc.pendingVersion != 0) {
            uint256 readyAt = _committees[misc.pendingVersion].readyAt;
            if (readyAt != 0 && readyAt < deadline) {
                version = misc.pendingVersion;
                misc.pendingVersion = 0;
                seed = blockhash(block.number - 1);
                delete _resigning;
            }
        }
        if (version == 0) return;
        misc.rotatedVersion = 0;
        _misc = misc;
        if (misc.pendingVersion == 0) hot.flags &= ~Packed.SUCCESSION;
        hot.flags |= Packed.ELSEWHERE;

        Seats memory old = _seats;
        CommitteeRecord storage archived = _committees[old.version];
        archived.keysBlob = old.keysBlob;
        archived.n = old.n;
        archived.effectiveFrom = old.effectiveFrom;
        archived.retiredAt = uint40(block.number);
        archived.seed = _seed;
        _shares[old.version].share = uint96(hot.share);
        hot.share = 0;

        CommitteeRecord storage record = _committees[version];
        record.effectiveFrom = uint40(block.number);
        record.seed = seed;
        _seed = seed;
        _seats = Seats(record.keysBlob, uint32(version), uint40(block.number), record.n);
        emit IUpkeepingCommittees.CommitteeActivated(uint64(version), old.version, seed);
    }
}
