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
/// @dev A settlement moves the amount due to all providers into a pool; a claim moves one provider's part to its
///      credit. All sums are cumulative, so that the sum of rounded claims never exceeds the pool. If the escrow is
///      short, it funds the oldest roots first. Money assigned to a root stays with it, so a provider may claim late.
abstract contract GroupMerkle is GroupSettlement {
    /// @dev Maximum number of abandoned runs after a root that a claim under it goes through.
    uint256 private constant RUNS_BEHIND = 32;

    /// @dev Funding of the root of a claim, with all roots before it: full, a part, or none yet.
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
    function claim(
        uint32 provider,
        uint256 cumulativeSpaceTime,
        bytes32[] calldata proof
    ) external returns (uint256 amount) {
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

    /// @dev Finds the root that the proof leads to, and its funding. If several roots are equal, the newest sets the
    ///      rate and the best funded one sets the amount.
    function _coverOf(
        uint256 provider,
        uint256 cumulativeSpaceTime,
        bytes32[] calldata proof
    ) private view returns (Cover cover, uint256 te) {
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

    /// @dev Committed space-time of all providers over the interval that starts at the group's ts.
    function _committedInterval(Hot memory hot, uint256 ts, uint256 te) private view returns (uint256) {
        uint256 low = _misc.totalsSettled;
        (uint256 before, ) = _totalBefore(low, ts);
        (uint256 afterwards, ) = _totalBefore(low, _committedEnd(hot.flags, te));
        return afterwards - before;
    }

    /// @dev Moves the unfunded amount of all roots out of the escrow, at most the escrow's free money (R32).
    /// @return cut the keepers' part, still free
    /// @return toProviders what went to the pool
    function _fund(Hot memory hot, Args args, uint256 ts) private returns (uint256 cut, uint256 toProviders) {
        uint256 owedBefore = _root.due - _root.funded;
        uint256 due = _amount(_root.spaceTime, args.price());
        uint256 owed = due - _root.funded;
        uint256 paid = _min(owed, hot.free);
        cut = (paid * args.keeperShareBps()) / BPS;
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

    /// @dev After the end no settlement can pay the arrears, so a claim does; the last committee gets the cut.
    function _fundAfterEnd(Hot memory hot, Args args) private {
        (uint256 cut, uint256 toProviders) = _fund(hot, args, hot.ts);
        _stage(Stage(0, 0, 0));
        emit PoolFunded(toProviders, _shareAmongAll(hot, cut));
    }

    /// @dev Tracks the funded roots, oldest first, while the escrow is short. Two suffice: the last root that is funded
    ///      in full, and the next one, which is funded in part.
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

    /// @dev Stores the provider's rate by a root that is newer than its earlier claims: abandoned runs are paid by that
    ///      rate (R34).
    /// @return spaceTime of the leaf, at most the space-time committed in settled intervals up to the root (R16)
    /// @return moved whether the root is newer
    function _rate(
        Hot memory hot,
        uint256 provider,
        Live memory live,
        uint256 cumulativeSpaceTime,
        uint256 te
    ) private returns (uint256 spaceTime, bool moved) {
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
        // A root may correct an earlier one, so this can exceed the bytes committed in a block.
        live.rate = _min(newSpaceTime / (blocks - record.ratedBlocks), MAX_SIZE);
        live.flags |= Packed.RATED;
        record.ratedBlocks = uint40(blocks);
    }

    /// @dev Space-time a provider committed in settled intervals through te, and their blocks, abandoned ones left out.
    function _settledCommitment(
        Hot memory hot,
        uint256 provider,
        ProviderRecord storage record,
        uint256 te
    ) private view returns (uint256 spaceTime, uint256 blocks) {
        (spaceTime, blocks) = _committedIn(hot.flags, provider, record, 0, te);
        uint256 count = _runs.length;
        if (count == 0) return (spaceTime, blocks);
        uint256 lastTo = _runs[count - 1].to;
        bool behind = record.run + 1 != count || (record.runThrough < lastTo && record.activeFrom < lastTo);
        if (behind) revert Upkeeping_TouchFirst(uint32(provider));
        uint256 abandoned = record.abandonedSpaceTime;
        uint256 abandonedBlocks = record.abandonedBlocks;
        // The root does not cover runs abandoned after it. Beyond the limit the result is too low; a later root
        // corrects it.
        for (uint256 i = count; i > 0 && count - i < RUNS_BEHIND && _runs[i - 1].from >= te; --i) {
            (uint256 later, uint256 laterBlocks) = _committedIn(
                hot.flags,
                provider,
                record,
                _runs[i - 1].from,
                _runs[i - 1].to
            );
            abandoned -= later;
            abandonedBlocks -= laterBlocks;
        }
        spaceTime = spaceTime > abandoned ? spaceTime - abandoned : 0;
        blocks = blocks > abandonedBlocks ? blocks - abandonedBlocks : 0;
    }

    /// @dev Amount due to a provider for its space-time, over all claims. Of a root that is funded in part, every
    ///      provider gets the same ratio of the amount that the root adds.
    function _entitled(
        Args args,
        ProviderRecord storage record,
        Cover cover,
        uint256 spaceTime
    ) private returns (uint256) {
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

    /// @dev When every provider has claimed under the last root, the rounding remainder returns to the payer.
    function _finish(Hot memory hot, ProviderRecord storage record) private {
        record.finished = true;
        if (++_root.finished != _misc.providerCount) return;
        emit PoolReturned(_root.pool);
        hot.free += _root.pool;
        _root.pool = 0;
    }
}
