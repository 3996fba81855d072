// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {IUpkeepingMoney} from "../interfaces/IUpkeepingMoney.sol";
import {Args} from "../libraries/GroupArgs.sol";
import {Hot, Packed} from "../libraries/Packed.sol";

/// @title Storage of a group, shared by the contracts that run behind one clone
/// @dev All state is declared here, so that `Upkeeping` and the contracts that it delegates to use the same slots.
abstract contract GroupStorage {
    uint256 internal constant MAX_SIZE = type(uint56).max;
    uint256 internal constant MAX_MONEY = type(uint96).max;
    uint256 internal constant MAX_LISTED = 256;
    uint256 internal constant BPS = 10_000;
    /// @dev R33; a removal is always possible in addition.
    uint256 internal constant MAX_CHANGES = 16;
    /// @dev Both kinds of a provider's arrears stop here. A group takes in at most 2^96 − 1, so more could never be
    ///      paid.
    uint256 internal constant MAX_ARREARS = type(uint104).max;

    bytes32 internal constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    /// @dev The active committee, in one slot.
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

    /// @dev Counters and indices that few settlements read.
    struct Misc {
        uint40 terminatedAt;
        uint40 endBlock;
        uint32 pendingVersion;
        uint32 rotatedVersion;
        uint32 lastVersion;
        uint32 providerCount;
        uint32 totalsSettled;
    }

    /// @dev Total deposits and payments; their difference is the booked balance (S2).
    struct Ledger {
        uint96 deposited;
        uint96 paidOut;
        uint32 removedProviders;
    }

    /// @dev A provider's data from a block on. `cumulative` is its committed space-time before that block; `peak`, item
    ///      by item only, is the largest size of this and all later changes. A settlement reads only the first slot.
    struct Change {
        uint40 from;
        uint56 size;
        uint96 cumulative;
        uint56 peak;
        bytes32 root;
        address receiptKey;
        uint64 sequence;
    }

    /// @dev `next` is the index of the change at which `Live.changeFrom` lies; meaningless while that is 0. `arrears`
    ///      are what settlements left owed, keepers' part included; `uncutArrears` what abandons left (R34: no cut).
    ///      Every slot that a settlement writes is non-zero since the provider's addition: this keeps the cost of 256
    ///      providers far below the gas limit of a transaction. Merkle mode only, from `claimedSpaceTime` on:
    ///      `claimedThrough` is the te of the newest root it claimed under, at first its first block; `ratedBlocks` are
    ///      the settled blocks up to there; `fullSpaceTime` is what it claimed under roots that were funded in full;
    ///      `owed…` are abandoned runs that wait for a rate, which a root of `owedRootTe` or later gives.
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

    /// @dev All providers' committed bytes from a block on, with the integral before it, the providers added so far,
    ///      and the peaks of those that leave at this block.
    struct Total {
        uint40 from;
        uint88 size;
        uint128 cumulative;
        uint32 added;
        uint88 leaving;
    }

    /// @dev Blocks [from, to) were closed without a committee (R34), when the root of `rootTe` was in force. `part` of
    ///      2^64 is what everybody is credited of it: less than all if the escrow was short.
    struct Run {
        uint40 from;
        uint40 to;
        uint40 rootTe;
        uint72 part;
    }

    /// @dev Money of a committee version. A keeper has earned `share` − debt + bonus, with `share` in the hot slot
    ///      while the version is active. Debts are four 64-bit lanes a slot, their upper 32 bits in `debtsHigh`.
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

    /// @dev Merkle mode: the latest root, the amount due for all roots (`due`), the part that was funded (`funded`),
    ///      and the rest of it that is left for claims (`pool`).
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

    /// @dev A root and the amount due for all roots through it.
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
    /// @dev Item by item: the peaks of all providers that stay, a peak being the largest size since a provider's last
    ///      settlement or ahead (R32).
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
    /// @dev While the escrow is short of what the roots are worth (R32): the last root that is funded in full, and the
    ///      next.
    Stage internal _fundedStage;
    Stage internal _partStage;
    uint256[] internal _turnLog;

    /// @dev Set during every call to a token or a payee; transient storage is cheap.
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

    /// @dev The same, rounded up: the reserve is never less than the later payment (R32).
    function _reserveFor(uint256 spaceTime, uint256 price) internal pure returns (uint256) {
        return (spaceTime * price + (1 << 30) - 1) >> 30;
    }

    /// @dev x / y without the compiler's check; y is never 0.
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

    /// @dev Credits a cut to all members of the active committee in equal parts: late payments of the payer include the
    ///      keepers' cut.
    /// @return share of each member; the remainder of the division stays free
    function _shareAmongAll(Hot memory hot, uint256 cut) internal view returns (uint256 share) {
        uint256 n = _seats.n;
        share = cut / n;
        hot.free -= share * n;
        hot.share += share;
    }

    /// @dev Total that a keeper has earned in a version whose payees have been credited `share` each.
    function _earned(uint256 version, uint256 index, uint256 share) internal view returns (uint256) {
        Shares storage shares = _shares[version];
        uint256 shift = (index & 3) * 64;
        uint256 debt = uint64(shares.debts[index >> 2] >> shift);
        debt += uint256(uint64(shares.debtsHigh[index >> 2] >> shift)) << 64;
        return share - debt + shares.keepers[index].bonus;
    }
}
