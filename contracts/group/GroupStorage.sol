// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {IUpkeepingMoney} from "../interfaces/IUpkeepingMoney.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";

/// @title Storage of a group, shared by the contracts that run behind one clone
/// @dev All state lives here, so that `Upkeeping` and what it delegates to cannot disagree about a slot.
abstract contract GroupStorage {
    uint256 internal constant MAX_SIZE = type(uint56).max;
    uint256 internal constant MAX_MONEY = type(uint96).max;
    uint256 internal constant MAX_LISTED = 256;
    uint256 internal constant BPS = 10_000;
    /// @dev R33; a removal always has room beside them.
    uint256 internal constant MAX_CHANGES = 16;
    /// @dev Both kinds of a provider's arrears stop here. A group takes in at most 2^96 − 1, so more could never be paid.
    uint256 internal constant MAX_ARREARS = type(uint104).max;

    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    /// @dev The active committee; the whole of it is read by every settlement.
    struct Seats {
        address keysBlob;
        uint32 version;
        uint40 effectiveFrom;
        uint8 n;
    }

    /// @dev A committee version that is not active: proposed, rotated, past or cancelled.
    struct CommitteeRecord {
        address keysBlob;
        uint40 proposedAt;
        uint40 readyAt;
        uint8 n;
        uint128 accepted;
        uint40 effectiveFrom;
        uint40 retiredAt;
        bytes32 seed;
        uint128 declined;
    }

    /// @dev Counters and pointers that settlements read in rare cases only.
    struct Misc {
        uint40 terminatedAt;
        uint40 endBlock;
        uint32 pendingVersion;
        uint32 rotatedVersion;
        uint32 lastVersion;
        uint32 providerCount;
        uint32 totalsSettled;
    }

    /// @dev Everything that ever came in and went out; their difference is the balance on the books (S2).
    struct Ledger {
        uint96 deposited;
        uint96 paidOut;
        uint32 removedProviders;
    }

    /// @dev A provider's data from a block on. `cumulative` is its committed space-time before that block; `peak`, item by
    ///      item only, the largest size of this and all later changes. A settlement reads the first slot alone.
    struct Change {
        uint40 from;
        uint56 size;
        uint96 cumulative;
        uint56 peak;
        bytes32 root;
        address receiptKey;
        uint64 sequence;
    }

    /// @dev `next` is the index of the change at which `Live.changeFrom` lies; meaningless while that is 0.
    ///      `arrears` are what settlements left owed, keepers' part included; `uncutArrears` what abandons left (R34: no cut).
    ///      No slot that a settlement may write is new by then, as something in each is set when the provider is added: what
    ///      256 of them cost at worst stays far below a transaction's cap.
    ///      Merkle mode only, from `claimedSpaceTime` on: `claimedThrough` is the te of the newest root it claimed under, at first
    ///      its first block; `ratedBlocks` are the settled blocks up to there; `fullSpaceTime` is what it claimed under roots
    ///      that were funded in full; `owed…` are abandoned runs that wait for a rate, which a root of `owedRootTe` or later gives.
    struct ProviderRecord {
        address operator;
        uint40 claimedThrough;
        uint96 withdrawn;
        uint32 next;
        uint32 run;
        uint40 runThrough;
        uint40 removedAt;
        bool finished;
        uint40 activeFrom;
        uint104 arrears;
        uint104 uncutArrears;
        Change[] changes;
        uint128 claimedSpaceTime;
        uint128 fullSpaceTime;
        uint128 abandonedSpaceTime;
        uint40 abandonedBlocks;
        uint40 ratedBlocks;
        uint128 owedSpaceTime;
        uint40 owedBlocks;
        uint40 owedRootTe;
        uint256 claimed;
    }

    /// @dev The latest index + 1 an operator had, and the highest consent number it used.
    struct OperatorRecord {
        uint32 indexPlusOne;
        uint64 sequence;
    }

    /// @dev All providers' committed bytes from a block on, with the integral before it, the providers added so far, and the
    ///      peaks of those that leave at this block.
    struct Total {
        uint40 from;
        uint88 size;
        uint128 cumulative;
        uint32 added;
        uint88 leaving;
    }

    /// @dev Blocks [from, to) were closed without a committee (R34), when the root of `rootTe` was in force. `part` of 2^64 is
    ///      what everybody is credited of it: less than all if the escrow was short.
    struct Run {
        uint40 from;
        uint40 to;
        uint40 rootTe;
        uint72 part;
    }

    /// @dev Money of a committee version. A keeper has earned `share` − debt + bonus, with `share` in the hot slot while the
    ///      version is active. Debts are four 64-bit lanes a slot, their upper 32 bits in `debtsHigh`.
    struct Shares {
        uint96 share;
        mapping(uint256 slot => uint256) debts;
        mapping(uint256 slot => uint256) debtsHigh;
        mapping(uint256 index => KeeperMoney) keepers;
    }

    struct KeeperMoney {
        uint96 bonus;
        uint96 withdrawn;
    }

    /// @dev Merkle mode: the latest root, what all roots were worth (`due`), what of that was there (`funded`), and what is left of
    ///      it for claims (`pool`).
    struct RootRecord {
        bytes32 root;
        uint40 te;
        uint96 funded;
        uint96 pool;
        uint32 finished;
        uint128 spaceTime;
        bool short;
        uint256 due;
    }

    /// @dev A root and what all roots through it were worth.
    struct Stage {
        bytes32 root;
        uint40 te;
        uint216 due;
    }

    IRegistry internal immutable _registry;

    uint256 internal _hotWord;
    Seats internal _seats;
    bytes32 internal _seed;
    Misc internal _misc;
    Ledger internal _ledger;
    address internal _payerPayee;
    address internal _pendingPayerPayee;
    uint256 internal _arrears;
    /// @dev Item by item: the peaks of all providers that stay, a peak being the largest size since a provider's last settlement
    ///      or ahead (R32).
    uint256 internal _peaks;
    /// @dev Committed space-time of abandoned runs that no provider was credited for yet.
    uint256 internal _untouched;
    mapping(uint256 provider => uint256 word) internal _liveWords;
    mapping(uint256 provider => ProviderRecord) internal _providers;
    mapping(address operator => OperatorRecord) internal _operators;
    mapping(uint256 version => CommitteeRecord) internal _committees;
    mapping(uint256 version => Shares) internal _shares;
    Total[] internal _totals;
    Run[] internal _runs;
    address[] internal _resigning;
    RootRecord internal _root;
    /// @dev While the escrow is short of what the roots are worth (R32): the last root that is funded in full, and the next.
    Stage internal _fundedStage;
    Stage internal _partStage;
    uint256[] internal _turnLog;

    /// @dev Held during every call to a token or a payee; transient, so it costs next to nothing.
    bool private transient _entered;

    modifier nonReentrant() {
        if (_entered) revert IUpkeepingMoney.Upkeeping_Reentered();
        _entered = true;
        _;
        _entered = false;
    }

    constructor(IRegistry registry_) {
        _registry = registry_;
    }

    function _onlyPayer(Args args) internal view {
        if (msg.sender != args.payer()) revert IUpkeepingMoney.Upkeeping_NotPayer(args.payer(), msg.sender);
    }

    function _hot() internal view returns (Hot memory) {
        return Packed.unpackHot(_hotWord);
    }

    function _setHot(Hot memory hot) internal {
        _hotWord = Packed.pack(hot);
    }

    function _domainSeparator() internal view returns (bytes32 separator) {
        bytes32 typehash = DOMAIN_TYPEHASH;
        bytes32 name = keccak256("WhitePay");
        bytes32 version = keccak256("1");
        // Assembly: keccak256(abi.encode(…)), without the allocation.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, typehash)
            mstore(add(start, 32), name)
            mstore(add(start, 64), version)
            mstore(add(start, 96), chainid())
            mstore(add(start, 128), address())
            separator := keccak256(start, 160)
        }
    }

    function _typedDigest(bytes32 structHash) internal view returns (bytes32 digest) {
        bytes32 domain = _domainSeparator();
        // Assembly: keccak256(1901 ‖ domain ‖ struct hash), without a copy of its parts.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, shl(240, 0x1901))
            mstore(add(start, 2), domain)
            mstore(add(start, 34), structHash)
            digest := keccak256(start, 66)
        }
    }

    /// @dev Token units for byte·blocks, rounded down (R30). No overflow: 2^128 · 2^96.
    function _amount(uint256 spaceTime, uint256 price) internal pure returns (uint256) {
        return (spaceTime * price) >> 30;
    }

    /// @dev The same, rounded up: what is reserved is never less than what is paid (R32).
    function _reserveFor(uint256 spaceTime, uint256 price) internal pure returns (uint256) {
        return (spaceTime * price + (1 << 30) - 1) >> 30;
    }

    /// @dev x / y for a y that cannot be 0, which the compiler would check all the same.
    function _quotient(uint256 x, uint256 y) internal pure returns (uint256 z) {
        assembly ("memory-safe") {
            z := div(x, y)
        }
    }

    function _min(uint256 x, uint256 y) internal pure returns (uint256) {
        return x < y ? x : y;
    }

    function _max(uint256 x, uint256 y) internal pure returns (uint256) {
        return x > y ? x : y;
    }

    /// @dev Bytes are committed up to the end block only (R33).
    function _committedEnd(uint256 flags, uint256 through) internal view returns (uint256) {
        return flags & Packed.TERMINATED != 0 ? _min(through, _misc.endBlock) : through;
    }

    /// @dev Committed space-time of a provider over [start, through), start being where `live` stands, and `live` moved there.
    ///      Changes are found by halving what lies behind `next`, at most MAX_CHANGES.
    function _advance(uint256 provider, Live memory live, uint256 start, uint256 through)
        internal
        returns (uint256 spaceTime, uint256 next)
    {
        ProviderRecord storage record = _providers[provider];
        next = record.next;
        if (through <= start) return (0, next);
        if (live.changeFrom == 0 || live.changeFrom > through) return (live.size * (through - start), next);
        Change[] storage changes = record.changes;
        uint256 count = changes.length;
        uint256 low = next;
        uint256 high = count;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (changes[middle].from <= through) low = middle;
            else high = middle;
        }
        Change storage first = changes[next];
        Change storage last = changes[low];
        uint256 size = last.size;
        spaceTime = live.size * (live.changeFrom - start) + last.cumulative - first.cumulative + size * (through - last.from);
        uint256 before = _max(live.size, first.peak);
        uint256 afterwards = size;
        live.size = size;
        live.flags &= ~Packed.NEW;
        live.changeFrom = 0;
        next = low + 1;
        if (next < count) {
            Change storage ahead = changes[next];
            live.changeFrom = ahead.from;
            afterwards = _max(size, ahead.peak);
        }
        _lowerPeak(record, live, before, afterwards);
    }

    /// @dev A provider's largest size since its last settlement or ahead, item by item (R32).
    function _peak(uint256 provider, Live memory live) internal view returns (uint256) {
        if (live.changeFrom == 0) return live.size;
        ProviderRecord storage record = _providers[provider];
        return _max(live.size, record.changes[record.next].peak);
    }

    /// @dev After a provider was settled its earlier sizes count no more. One that leaves is not among the peaks of those that stay.
    function _lowerPeak(ProviderRecord storage record, Live memory live, uint256 before, uint256 afterwards) private {
        if (before == afterwards) return;
        if (live.flags & Packed.REMOVED == 0) _peaks -= before - afterwards;
        else if (record.removedAt > block.number) {
            _totals[_totalIndex(_misc.totalsSettled, record.removedAt)].leaving -= uint88(before - afterwards);
        }
    }

    /// @dev Committed space-time of a provider before a block, from its first block on; for Merkle mode, where no settlement
    ///      moves a provider along.
    function _cumulative(uint256 provider, uint256 through) internal view returns (uint256) {
        Change[] storage changes = _providers[provider].changes;
        if (changes[0].from > through) return 0;
        uint256 low = 0;
        uint256 high = changes.length;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (changes[middle].from <= through) low = middle;
            else high = middle;
        }
        return changes[low].cumulative + uint256(changes[low].size) * (through - changes[low].from);
    }

    /// @dev Space-time a provider committed in [from, to), and the number of blocks it did so.
    function _committedIn(uint256 flags, uint256 provider, ProviderRecord storage record, uint256 from, uint256 to)
        internal
        view
        returns (uint256 spaceTime, uint256 blocks)
    {
        if (from < record.activeFrom) from = record.activeFrom;
        to = _committedEnd(flags, to);
        if (record.removedAt != 0) to = _min(to, record.removedAt);
        if (to <= from) return (0, 0);
        return (_cumulative(provider, to) - _cumulative(provider, from), to - from);
    }

    /// @dev Index of the last total at or before a block, searching from `low`; `low` itself if none is.
    function _totalIndex(uint256 low, uint256 through) internal view returns (uint256) {
        uint256 high = _totals.length;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (_totals[middle].from <= through) low = middle;
            else high = middle;
        }
        return low;
    }

    /// @dev Committed space-time of all providers before a block, and the index of the total in force there. `low` is an index
    ///      known to be at or before it. The first total, pushed with the first provider, is that of no bytes at the origin.
    function _totalBefore(uint256 low, uint256 through) internal view returns (uint256 spaceTime, uint256 index) {
        if (_totals.length == 0) return (0, 0);
        index = _totalIndex(low, through);
        Total storage total = _totals[index];
        spaceTime = total.cumulative + uint256(total.size) * (through - total.from);
    }

    /// @dev First slot that starts more than `confirmations` blocks later (R33).
    function _effectiveBlock(Args args) internal view returns (uint256) {
        uint256 elapsed = block.number - args.origin() + args.confirmations();
        return args.origin() + (elapsed / args.slot() + 1) * args.slot();
    }

    /// @dev What unsettled blocks and those ahead may still cost, in byte·blocks (R32): what was committed since ts, and for
    ///      every provider its peak, for the lockup or as long as it stays.
    function _reservedSpaceTime(Hot memory hot, Args args) internal view returns (uint256) {
        uint256 now_ = block.number;
        uint256 ahead = args.lockup();
        if (hot.flags & Packed.TERMINATED != 0) {
            uint256 end = _misc.endBlock;
            if (end <= hot.ts) return 0;
            now_ = _min(now_, end);
            ahead = end - now_;
        }
        uint256 low = _misc.totalsSettled;
        (uint256 settled,) = _totalBefore(low, hot.ts);
        (uint256 spaceTime, uint256 index) = _totalBefore(low, now_);
        uint256 peaks = _peaks;
        bool merkle = args.merkle();
        // At most two changes lie ahead: any takes effect within a slot and the confirmations, which are fewer than a slot.
        for (uint256 i = index; i < _totals.length; ++i) {
            // No settlement moves the providers of a Merkle group along, so their peaks are not known: there the largest of
            // all providers' sizes together, now or ahead.
            if (merkle) peaks = _max(peaks, _totals[i].size);
            else if (i != index) spaceTime += (_totals[i].from - now_) * _totals[i].leaving;
        }
        return spaceTime - settled + ahead * peaks;
    }

    /// @dev What the escrow has to hold for everybody to get their due (R32).
    function _required(Hot memory hot, Args args) internal view returns (uint256) {
        return _arrears + _reserveFor(_reservedSpaceTime(hot, args) + _untouched, args.price());
    }

    /// @dev R32: neither an addition, nor more data, nor what is paid of arrears may thin anybody's pay.
    function _checkFunds(Hot memory hot, Args args) internal view {
        uint256 required = _required(hot, args);
        if (hot.free < required) revert IUpkeepingMoney.Upkeeping_Underfunded(required, hot.free);
    }

    /// @dev What the payer may take out (R32).
    function _withdrawable(Hot memory hot, Args args) internal view returns (uint256) {
        uint256 required = _required(hot, args);
        return hot.free > required ? hot.free - required : 0;
    }

    /// @dev Credits a cut to all members of the committee in force in equal parts: what a payer pays late is its keepers', too.
    /// @return share what each of them got; what does not divide stays free
    function _shareAmongAll(Hot memory hot, uint256 cut) internal view returns (uint256 share) {
        uint256 n = _seats.n;
        share = cut / n;
        hot.free -= share * n;
        hot.share += share;
    }

    /// @dev What a keeper has ever earned in a version whose payees have been credited `share` each.
    function _earned(uint256 version, uint256 index, uint256 share) internal view returns (uint256) {
        Shares storage shares = _shares[version];
        uint256 shift = (index & 3) * 64;
        uint256 debt = uint64(shares.debts[index >> 2] >> shift);
        debt += uint256(uint64(shares.debtsHigh[index >> 2] >> shift)) << 64;
        return share - debt + shares.keepers[index].bonus;
    }
}
