// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUpkeepingMembers} from "../interfaces/IUpkeepingMembers.sol";
import {IUpkeepingMoney} from "../interfaces/IUpkeepingMoney.sol";
import {IUpkeepingSettlement} from "../interfaces/IUpkeepingSettlement.sol";
import {SettlementRoot} from "../interfaces/UpkeepingTypes.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {SettlementDigest} from "../libraries/SettlementDigest.sol";
import {GroupSettlement} from "./GroupSettlement.sol";

/// @title Settling any number of providers with one root (R27, Merkle mode)
/// @dev A settlement moves what the interval is worth to all providers together into a pool; claims move it on to one of them.
///      All sums are cumulative, so that roundings over many intervals cannot add up to more than the pool holds.
abstract contract GroupMerkle is GroupSettlement {
    uint256 private constant RUNS_PER_CLAIM = 16;

    /// @inheritdoc IUpkeepingSettlement
    function settleRoot(SettlementRoot calldata s, uint256 signers, bytes calldata signature) external {
        Args memory args = GroupArgs.load();
        if (!args.merkle()) revert Upkeeping_WrongMode(true, false);
        Hot memory hot = _hot();
        Admission memory a = Admission(s.ts, s.te, s.committee, s.leader, s.failed, s.payees, 0, 0, 0, 0, address(this));
        _admit(hot, args, a, signers, signature.length);
        bytes32 digest = settlementRootDigest(s);
        _verify(a, signers, digest, signature);

        uint256 spaceTime = _min(s.totalSpaceTime, _committedInterval(hot, s.ts, s.te));
        _root.root = s.root;
        _root.te = uint40(s.te);
        _root.spaceTime += uint128(spaceTime);
        (uint256 cut, uint256 toProviders) = _fund(hot, args, s.ts);
        (, uint256 share) = _payKeepers(hot, a, cut);
        _close(hot, args, a);
        _setHot(hot);
        emit RootSettled(s.te, s.root, spaceTime, toProviders, share);
        emit Settled(s.ts, s.te, s.leader, s.failed, s.payees, signers, digest);
    }

    /// @inheritdoc IUpkeepingSettlement
    function settlementRootDigest(SettlementRoot calldata s) public view returns (bytes32) {
        return _typedDigest(SettlementDigest.structHash(s));
    }

    /// @inheritdoc IUpkeepingSettlement
    function claim(uint32 provider, uint256 cumulativeSpaceTime, bytes32[] calldata proof)
        external
        returns (uint256 amount)
    {
        Args memory args = GroupArgs.load();
        if (provider >= _misc.providerCount) {
            revert IUpkeepingMembers.Upkeeping_NoSuchProvider(_misc.providerCount, provider);
        }
        _checkProof(provider, cumulativeSpaceTime, proof);
        Hot memory hot = _hot();
        Live memory live = Packed.unpackLive(_liveWords[provider]);
        if (hot.flags & Packed.ABANDONED != 0) _touch(hot, args, provider, live, RUNS_PER_CLAIM);
        bool ended = hot.flags & Packed.TERMINATED != 0 && hot.ts >= _misc.endBlock;
        // No settlement will come that could join the arrears; the cut on them stays with the payer.
        if (ended) _fund(hot, args, hot.ts);

        ProviderRecord storage record = _providers[provider];
        uint256 spaceTime = _min(cumulativeSpaceTime, _settledCommitment(hot, provider, record));
        uint256 newSpaceTime = spaceTime > record.claimedSpaceTime ? spaceTime - record.claimedSpaceTime : 0;
        amount = _entitled(args, spaceTime);
        amount = amount > record.claimed ? _min(amount - record.claimed, _root.pool) : 0;
        bool closes = ended && !record.finished && _root.funded == _root.due;
        if (amount == 0 && newSpaceTime == 0 && !closes) revert IUpkeepingMoney.Upkeeping_NothingToMove();

        _rate(live, record, newSpaceTime);
        record.claimedSpaceTime += uint128(newSpaceTime);
        record.claimed += amount;
        _root.pool -= uint96(amount);
        live.credit += amount;
        if (closes) _finish(hot, record);
        _liveWords[provider] = Packed.pack(live);
        _setHot(hot);
        emit Claimed(provider, _root.te, spaceTime, amount);
    }

    function _checkProof(uint256 provider, uint256 cumulativeSpaceTime, bytes32[] calldata proof) private view {
        bytes32 expected = _root.root;
        if (_root.te == 0) revert Upkeeping_NoRoot();
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(provider, cumulativeSpaceTime))));
        bytes32 actual = MerkleProof.processProofCalldata(proof, leaf);
        if (actual != expected) revert Upkeeping_BadMerkleProof(expected, actual);
    }

    /// @dev Committed space-time of all providers over an interval that starts where the group stands.
    function _committedInterval(Hot memory hot, uint256 ts, uint256 te) private view returns (uint256) {
        uint256 low = _misc.totalsSettled;
        (uint256 before,) = _totalBefore(low, ts);
        (uint256 afterwards,) = _totalBefore(low, _committedEnd(hot.flags, te));
        return afterwards - before;
    }

    /// @dev Takes what all roots are worth and have not been given out of the escrow, as far as that goes (R32).
    /// @return cut the keepers' part, still free
    /// @return toProviders what went to the pool
    function _fund(Hot memory hot, Args memory args, uint256 ts) private returns (uint256 cut, uint256 toProviders) {
        uint256 owedBefore = _root.due - _root.funded;
        uint256 due = _amount(_root.spaceTime, args.price());
        uint256 owed = due - _root.funded;
        uint256 paid = _min(owed, hot.free);
        cut = paid * args.keeperShareBps() / BPS;
        toProviders = paid - cut;
        hot.free -= toProviders;
        _root.due = due;
        _root.funded += uint96(paid);
        _root.pool += uint96(toProviders);
        if (owed != paid || owedBefore != 0) {
            _arrears = _arrears + owed - paid - owedBefore;
            if (owed != paid) emit Shortfall(uint64(ts), owed, paid);
        }
    }

    /// @dev R16 at the claim: all a provider committed in settled intervals up to the root, abandoned ones left out.
    function _settledCommitment(Hot memory hot, uint256 provider, ProviderRecord storage record)
        private
        view
        returns (uint256)
    {
        uint256 end = _committedEnd(hot.flags, _root.te);
        uint256 abandoned = record.abandonedSpaceTime;
        uint256 count = _runs.length;
        if (count != 0) {
            Run memory last = _runs[count - 1];
            bool behind = record.run + 1 != count || (record.runThrough < last.to && record.activeFrom < last.to);
            if (behind) revert Upkeeping_TouchFirst(uint32(provider));
            // What was abandoned after the root is no part of what the root covers.
            if (last.from >= _root.te) {
                uint256 from = _committedEnd(hot.flags, last.from);
                abandoned -= _cumulative(provider, _committedEnd(hot.flags, last.to)) - _cumulative(provider, from);
            }
        }
        return _cumulative(provider, end) - abandoned;
    }

    /// @dev What a provider gets for its space-time, all claims together. While the pool is short, all get the same part.
    function _entitled(Args memory args, uint256 spaceTime) private view returns (uint256) {
        uint256 gross = _amount(spaceTime, args.price());
        if (_root.funded < _root.due) gross = Math.mulDiv(gross, _root.funded, _root.due);
        return Math.mulDiv(gross, BPS - args.keeperShareBps(), BPS);
    }

    /// @dev The rate of its last settlement, which an abandoned interval is paid by (R34), is that between two claims.
    function _rate(Live memory live, ProviderRecord storage record, uint256 newSpaceTime) private {
        uint256 since = record.claimedThrough == 0 ? record.activeFrom : record.claimedThrough;
        if (_root.te <= since) return;
        live.rate = newSpaceTime / (_root.te - since);
        live.flags |= Packed.RATED;
        record.claimedThrough = _root.te;
    }

    /// @dev When every provider has claimed under the last root, what the roundings left in the pool is the payer's.
    function _finish(Hot memory hot, ProviderRecord storage record) private {
        record.finished = true;
        if (++_root.finished != _misc.providerCount) return;
        hot.free += _root.pool;
        _root.pool = 0;
    }
}
