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
///      All sums are cumulative, so that roundings over many intervals cannot add up to more than the pool holds. Where the escrow
///      is short, it pays the oldest roots first: what a root was given stays with it, so that a provider may claim late.
abstract contract GroupMerkle is GroupSettlement {
    /// @dev How many abandoned runs after a root are looked back over when a claim is made under it.
    uint256 private constant RUNS_BEHIND = 32;

    /// @dev What is there for the root of a claim: all it and those before it are worth, a part of it, or nothing yet.
    enum Cover {
        Full,
        Part,
        None
    }

    /// @inheritdoc IUpkeepingSettlement
    function settleRoot(SettlementRoot calldata s, uint256 signers, bytes calldata signature) external {
        Args args = GroupArgs.load();
        if (!args.merkle()) revert Upkeeping_WrongMode(true, false);
        Hot memory hot = _hot();
        uint256 place;
        assembly ("memory-safe") {
            place := s
        }
        Admission memory a = _termsAt(place);
        _admit(hot, args, a, signers, signature.length);
        bytes32 digest = _typedDigest(SettlementDigest.structHash(s));
        _verify(a, signers, digest, signature);

        uint256 spaceTime = _min(s.totalSpaceTime, _committedInterval(hot, a.ts, a.te));
        Stage memory before = Stage(_root.root, _root.te, uint216(_root.due));
        _root.root = s.root;
        _root.te = uint40(a.te);
        _root.spaceTime += uint128(spaceTime);
        (uint256 cut, uint256 toProviders) = _fund(hot, args, a.ts);
        _stage(before);
        uint256 share = _payKeepers(hot, a, cut);
        _close(hot, args, a);
        _setHot(hot);
        emit RootSettled(s.te, s.root, spaceTime, toProviders, share);
        emit Settled(s.ts, s.te, s.leader, s.failed, s.payees, signers, digest);
    }

    /// @inheritdoc IUpkeepingSettlement
    function claim(uint32 provider, uint256 cumulativeSpaceTime, bytes32[] calldata proof)
        external
        returns (uint256 amount)
    {
        Args args = GroupArgs.load();
        if (provider >= _misc.providerCount) {
            revert IUpkeepingMembers.Upkeeping_NoSuchProvider(_misc.providerCount, provider);
        }
        if (_root.te == 0) revert Upkeeping_NoRoot();
        Hot memory hot = _hot();
        bool ended = hot.flags & Packed.TERMINATED != 0 && hot.ts >= _misc.endBlock;
        if (ended && _root.funded < _root.due) _fundAfterEnd(hot, args);
        (Cover cover, uint256 te) = _coverOf(provider, cumulativeSpaceTime, proof);
        Live memory live = Packed.unpackLive(_liveWords[provider]);
        if (hot.flags & Packed.ABANDONED != 0) _collectRuns(hot, args, provider, live);

        ProviderRecord storage record = _providers[provider];
        (uint256 spaceTime, bool moved) = _rate(hot, provider, live, cumulativeSpaceTime, te);
        amount = _entitled(args, record, cover, spaceTime);
        amount = amount > record.claimed ? _min(amount - record.claimed, _root.pool) : 0;
        bool closes = ended && !record.finished && _root.funded == _root.due;
        if (amount == 0 && !moved && !closes) revert IUpkeepingMoney.Upkeeping_NothingToMove();

        record.claimed += amount;
        _root.pool -= uint96(amount);
        live.credit += amount;
        if (hot.flags & Packed.ABANDONED != 0) _creditRuns(hot, args, provider, live);
        if (closes) _finish(hot, record);
        _liveWords[provider] = Packed.pack(live);
        _setHot(hot);
        emit Claimed(provider, uint64(te), spaceTime, amount);
    }

    /// @dev Which root the proof leads to, and what is there for it. Roots may be alike: the newest of them counts for the
    ///      rate, the one with the most money for the amount.
    function _coverOf(uint256 provider, uint256 cumulativeSpaceTime, bytes32[] calldata proof)
        private
        view
        returns (Cover cover, uint256 te)
    {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(provider, cumulativeSpaceTime))));
        bytes32 actual = MerkleProof.processProofCalldata(proof, leaf);
        bool latest = actual == _root.root;
        if (_root.funded == _root.due) {
            if (!latest) revert Upkeeping_BadMerkleProof(_root.root, actual);
            return (Cover.Full, _root.te);
        }
        cover = Cover.None;
        if (actual == _partStage.root) (cover, te) = (Cover.Part, _partStage.te);
        if (actual == _fundedStage.root && _fundedStage.te != 0) {
            cover = Cover.Full;
            if (te == 0) te = _fundedStage.te;
        }
        if (latest) te = _root.te;
        if (te == 0) revert Upkeeping_BadMerkleProof(_root.root, actual);
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
    function _fund(Hot memory hot, Args args, uint256 ts) private returns (uint256 cut, uint256 toProviders) {
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

    /// @dev No settlement will come that could join the arrears, so a claim does; the cut on them is the last committee's.
    function _fundAfterEnd(Hot memory hot, Args args) private {
        (uint256 cut, uint256 toProviders) = _fund(hot, args, hot.ts);
        _stage(Stage(0, 0, 0));
        emit PoolFunded(toProviders, _shareAmongAll(hot, cut));
    }

    /// @dev Keeps track of which roots the money reaches while it does not reach all of them, oldest first. Two are enough: the
    ///      last one that is funded in full, and the one after it for which a part is there.
    /// @param before the latest root until now
    function _stage(Stage memory before) private {
        if (_root.funded == _root.due) {
            if (_root.short) _root.short = false;
        } else if (!_root.short) {
            _root.short = true;
            _fundedStage = before;
            _partStage = Stage(_root.root, _root.te, uint216(_root.due));
        } else if (_root.funded >= _partStage.due) {
            _fundedStage = _partStage;
            _partStage = Stage(_root.root, _root.te, uint216(_root.due));
        }
    }

    /// @dev Notes what a provider did by a root that is newer than those it has claimed under: abandoned runs are paid by that
    ///      rate (R34).
    /// @return spaceTime of the leaf, but never more than what it committed in settled intervals up to the root (R16)
    /// @return moved whether the root is newer
    function _rate(Hot memory hot, uint256 provider, Live memory live, uint256 cumulativeSpaceTime, uint256 te)
        private
        returns (uint256 spaceTime, bool moved)
    {
        ProviderRecord storage record = _providers[provider];
        (uint256 committed, uint256 blocks) = _settledCommitment(hot, provider, record, te);
        spaceTime = _min(cumulativeSpaceTime, committed);
        moved = te > record.claimedThrough;
        if (!moved) return (spaceTime, false);
        record.claimedThrough = uint40(te);
        uint256 before = record.claimedSpaceTime;
        uint256 newSpaceTime = spaceTime > before ? spaceTime - before : 0;
        record.claimedSpaceTime = uint128(before + newSpaceTime);
        if (blocks <= record.ratedBlocks) return (spaceTime, true);
        // A root may make up for an earlier one, so this can be more than anyone commits in a block.
        live.rate = _min(newSpaceTime / (blocks - record.ratedBlocks), MAX_SIZE);
        live.flags |= Packed.RATED;
        record.ratedBlocks = uint40(blocks);
    }

    /// @dev Space-time a provider committed in settled intervals through te, and their blocks, abandoned ones left out.
    function _settledCommitment(Hot memory hot, uint256 provider, ProviderRecord storage record, uint256 te)
        private
        view
        returns (uint256 spaceTime, uint256 blocks)
    {
        (spaceTime, blocks) = _committedIn(hot.flags, provider, record, 0, te);
        uint256 count = _runs.length;
        if (count == 0) return (spaceTime, blocks);
        uint256 lastTo = _runs[count - 1].to;
        bool behind = record.run + 1 != count || (record.runThrough < lastTo && record.activeFrom < lastTo);
        if (behind) revert Upkeeping_TouchFirst(uint32(provider));
        uint256 abandoned = record.abandonedSpaceTime;
        uint256 abandonedBlocks = record.abandonedBlocks;
        // What was abandoned after the root is no part of what the root covers. Beyond the limit the result is too low, which
        // later roots make good.
        for (uint256 i = count; i > 0 && count - i < RUNS_BEHIND && _runs[i - 1].from >= te; --i) {
            (uint256 later, uint256 laterBlocks) = _committedIn(hot.flags, provider, record, _runs[i - 1].from, _runs[i - 1].to);
            abandoned -= later;
            abandonedBlocks -= laterBlocks;
        }
        spaceTime = spaceTime > abandoned ? spaceTime - abandoned : 0;
        blocks = blocks > abandonedBlocks ? blocks - abandonedBlocks : 0;
    }

    /// @dev What a provider gets for its space-time, all claims together. Of the root that is funded in part, all get the same
    ///      part of what is new in it.
    function _entitled(Args args, ProviderRecord storage record, Cover cover, uint256 spaceTime)
        private
        returns (uint256)
    {
        uint256 full = record.fullSpaceTime;
        if (cover == Cover.Full && spaceTime > full) {
            full = spaceTime;
            record.fullSpaceTime = uint128(full);
        }
        uint256 gross = _amount(full, args.price());
        if (cover == Cover.Part && spaceTime > full) {
            uint256 first = _fundedStage.due;
            uint256 more = _amount(spaceTime, args.price()) - gross;
            gross += Math.mulDiv(more, _root.funded - first, _partStage.due - first);
        }
        return Math.mulDiv(gross, BPS - args.keeperShareBps(), BPS);
    }

    /// @dev When every provider has claimed under the last root, what the roundings left in the pool is the payer's.
    function _finish(Hot memory hot, ProviderRecord storage record) private {
        record.finished = true;
        if (++_root.finished != _misc.providerCount) return;
        emit PoolReturned(_root.pool);
        hot.free += _root.pool;
        _root.pool = 0;
    }
}
