// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupProviders} from "../interfaces/IGroupProviders.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {DebtRun} from "../libraries/DebtRuns.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {ProviderWord} from "../libraries/ProviderWords.sol";

/// @title Storage of a group
abstract contract UpkeepingStorage {
    uint256 internal constant BPS = 10_000;
    /// @dev A group takes in at most this in its life, so no sum of credits exceeds it. Arrears of one party stop here,
    ///      too: more could never be paid.
    uint256 internal constant MAX_MONEY = type(uint96).max;
    uint256 internal constant MAX_SIZE = type(uint56).max;
    /// @dev R33.
    uint256 internal constant MAX_PROVIDERS = 256;
    uint256 internal constant MAX_CHANGES = 16;
    /// @dev Versions of committees that are owed arrears at a time, which bounds `collectAllArrears`.
    uint256 internal constant MAX_OWED_VERSIONS = 16;
    /// @dev Places for a provider's changes: those unsettled, its leaving, and the one in force.
    uint256 internal constant RING = 32;

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    /// @dev Total deposits and payments; their difference is the booked balance (S2).
    struct Ledger {
        uint96 deposited;
        uint96 paidOut;
        uint32 providerCount;
    }

    struct Present {
        address committee;
        uint32 number;
    }

    /// @dev The service after the present one, in a move.
    struct Next {
        address committee;
        uint32 number;
        uint16 ceiling;
        uint40 from;
    }

    /// @dev `from` is the first block of the present service, `left` its end (flag ENDING), `end` that of the group
    ///      (flag TERMINATED); `movedAt` and `arrearsSince` as in `GroupState`; `latest` is the last block in which a
    ///      change takes effect, so that changes stay in order when committees with other slots follow.
    struct Course {
        uint40 from;
        uint40 left;
        uint40 end;
        uint40 movedAt;
        uint40 arrearsSince;
        uint40 latest;
    }

    struct Arrears {
        uint128 providers;
        uint128 keepers;
    }

    struct Account {
        address operator;
        uint96 arrears;
    }

    /// @dev A provider's changes lie in its ring: `pending` ones from `first` on, the one in force before them.
    ///      `nextFrom` is the block of the first pending one.
    struct Track {
        uint40 activeFrom;
        uint40 leavesAt;
        uint40 nextFrom;
        uint8 first;
        uint8 pending;
        bool byPayer;
        bool byProvider;
        bool closed;
    }

    /// @dev A provider's data from a block on; `value` and `spaceTime` are what it committed before that block. They
    ///      share a word, because a settlement reads both of two changes: 2^32 blocks (34 years at 0.25 s) of the
    ///      largest size at the largest price fit.
    struct Change {
        uint40 from;
        uint56 size;
        uint80 price;
        uint64 sequence;
        uint168 value;
        uint88 spaceTime;
        address receiptKey;
        bytes32 root;
    }

    /// @dev Paid and committed space-time of a provider's last settled interval, if it was neither WHOLE nor NONE.
    struct Rate {
        uint128 paid;
        uint128 committed;
    }

    /// @dev The latest index + 1 that an operator had, and the last consent number that it used.
    struct Operator {
        uint32 indexPlusOne;
        uint64 sequence;
    }

    /// @dev Keepers' money under one version of one committee. While its account is open, `share` is in the head. A
    ///      member's balance is share + adjustment, less the run's debt if it is unpaid there; an adjustment
    ///      is the shares taken in a leader's place − debts − what was withdrawn. `owedIndex` is the place + 1 in
    ///      `_owedVersions`. `run` is that of an account that is closed.
    struct Book {
        uint96 share;
        uint96 arrears;
        uint8 n;
        uint8 owedIndex;
        DebtRun run;
        mapping(uint256 index => int256 amount) adjustments;
    }

    IRegistry internal immutable _registry;
    address internal immutable _factory;

    uint256 internal _headWord;
    Present internal _present;
    Course internal _course;
    Next internal _next;
    Ledger internal _ledger;
    Arrears internal _arrears;
    DebtRun internal _run;
    address internal _payer;
    address internal _namedPayer;
    uint32[] internal _seats;
    uint256[] internal _owedVersions;
    mapping(uint256 provider => ProviderWord word) internal _words;
    mapping(uint256 provider => Account) internal _accounts;
    mapping(uint256 provider => Track) internal _tracks;
    mapping(uint256 provider => Rate) internal _rates;
    mapping(uint256 provider => Change[RING]) internal _changes;
    mapping(address operator => Operator) internal _operators;
    mapping(uint256 key => Book) internal _books;

    /// @dev Set during every call that may reach a token, a payee or a committee; transient storage is cheap.
    bool private transient _entered;

    modifier nonReentrant() {
        if (_entered) revert IGroupMoney.Upkeeping_Reentered();
        _entered = true;
        _;
        _entered = false;
    }

    constructor(IRegistry registry_, address factory_) {
        _registry = registry_;
        _factory = factory_;
    }

    /// @dev The payer of the arguments, until the role passes on.
    function _payerOf(Arguments args) internal view returns (address) {
        address later = _payer;
        return later == address(0) ? args.firstPayer() : later;
    }

    function _onlyPayer(Arguments args) internal view {
        address expected = _payerOf(args);
        if (msg.sender != expected) revert IGroupMoney.Upkeeping_NotPayer(expected, msg.sender);
    }

    function _loadHead() internal view returns (Head memory) {
        (uint256 a, uint256 b, uint256 c, uint256 d, uint256 e, uint256 f) = Heads.fields(_headWord);
        return Head(a, b, c, d, e, f);
    }

    function _storeHead(Head memory head) internal {
        _headWord = head.pack();
    }

    /// @dev A payer's call: arguments and head.
    function _forPayer() internal view returns (Arguments args, Head memory head) {
        args = GroupArguments.load();
        _onlyPayer(args);
        head = _loadHead();
    }

    function _notTerminated(Head memory head) internal view {
        if (head.has(Heads.TERMINATED)) revert IGroupProviders.Upkeeping_Terminated(_course.end);
    }

    /// @dev settledThrough; while no provider is listed, the present block counts as that.
    function _settledNow(Head memory head) internal view returns (uint256) {
        return head.listed == 0 && block.number > head.settledThrough ? block.number : head.settledThrough;
    }

    /// @dev Terminated, and settled through its end.
    function _hasEnded(Head memory head) internal view returns (bool) {
        return head.has(Heads.TERMINATED) && _settledNow(head) >= _course.end;
    }

    function _typedDigest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("WhitePay"), keccak256("2"), block.chainid, address(this))
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
