// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {IUpkeeping} from "../interfaces/IUpkeeping.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {
    Config,
    DataCheckpoint,
    Escrow,
    Item,
    KeeperAccount,
    Provider,
    Settlement,
    State
} from "../interfaces/UpkeepingTypes.sol";
import {BLS} from "../libraries/BLS.sol";

/// @title The test runner's own calls
/// @dev The runner defines the name `Vm`.
interface Vm {
    // solhint-disable-previous-line interface-starts-with-i
    function roll(uint256 block_) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function addr(uint256 key) external returns (address);
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function sign(uint256 key, bytes32 digest) external returns (uint8 v, bytes32 r, bytes32 s);
}

/// @title The token of the group
interface IMintable is IERC20 {
    function mint(address to, uint256 amount) external;
}

/// @title Calls a group as its payer, keepers and providers, in the order that the fuzzer chooses
contract Handler {
    Vm private constant VM = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    uint256 private constant N = 4;
    uint256 private constant PROVIDERS = 3;
    uint256 private constant KEEPER_KEYS = 1000;
    uint256 private constant PROVIDER_KEYS = 2000;
    uint64 private constant INTERVAL = 40;
    uint64 private constant TURN = 30;
    uint32 private constant LOCKUP = 100;
    uint256 private constant PRICE = 1_000_003;
    uint256 private constant SHARE_BPS = 1000;

    IMintable public immutable token;
    IUpkeeping public immutable group;
    /// @notice Deposits and withdrawals, counted by the handler and not by the group.
    uint256 public putIn;
    uint256 public takenOut;
    uint256 public settlements;
    uint64 public lastTs;
    bool public movedBack;
    /// @notice Last block in which the escrow was seen to hold what R32 requires.
    uint256 public solventAt;
    /// @notice A provider got less than it was due although the group was solvent, at most the lockup before (S8).
    bool public underpaid;
    /// @notice Settlements that were held against S8.
    uint256 public held;

    constructor() {
        token = IMintable(_deploy("demo/DemoToken.sol/DemoToken", abi.encode("Token", "T")));
        IRegistry registry = IRegistry(_deploy("Registry.sol/Registry", ""));
        address members = _deploy("UpkeepingMembers.sol/UpkeepingMembers", abi.encode(registry));
        address escrow = _deploy("UpkeepingEscrow.sol/UpkeepingEscrow", abi.encode(registry, members));
        address implementation = _deploy("Upkeeping.sol/Upkeeping", abi.encode(registry, escrow));
        IUpkeepingFactory factory = IUpkeepingFactory(
            _deploy("UpkeepingFactory.sol/UpkeepingFactory", abi.encode(implementation, registry))
        );
        bytes memory peer = abi.encodePacked(hex"002408011220", bytes32(uint256(1)));
        string[] memory where = new string[](1);
        where[0] = "/ip4/127.0.0.1/tcp/1";
        address[] memory operators = new address[](N);
        VM.roll(100);
        for (uint256 i = 0; i < N; ++i) {
            operators[i] = VM.addr(KEEPER_KEYS + i);
            bytes memory key = _publicKey(KEEPER_KEYS + i);
            bytes memory message = registry.proofMessage(operators[i], key);
            bytes memory proof = _sign(KEEPER_KEYS + i, message, "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_");
            VM.startPrank(operators[i]);
            registry.registerKeeper(key, proof, operators[i], peer, where);
            VM.stopPrank();
        }
        for (uint256 i = 0; i < PROVIDERS; ++i) {
            address operator = VM.addr(PROVIDER_KEYS + i);
            VM.startPrank(operator);
            registry.registerProvider(operator, peer, where);
            VM.stopPrank();
        }
        Config memory config = Config(
            address(token),
            uint96(PRICE),
            uint32(INTERVAL),
            uint32(TURN),
            5,
            2,
            1,
            LOCKUP,
            uint16(SHARE_BPS),
            100,
            false
        );
        group = IUpkeeping(factory.createGroup(config, operators));
        token.mint(address(this), 1e24);
        token.approve(address(group), type(uint256).max);
        lastTs = group.state().settledThrough;
    }

    /// @dev Deploys from the build of the contracts: compiling them again for this test takes a minute.
    function _deploy(string memory contract_, bytes memory arguments) private returns (address deployed) {
        string memory build = VM.readFile(string.concat("artifacts/contracts/", contract_, ".json"));
        bytes memory code = bytes.concat(VM.parseJsonBytes(build, ".bytecode"), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), contract_);
    }

    /// @dev After every call: records whether the escrow holds the required amount.
    modifier noticing() {
        _;
        Escrow memory escrow = group.escrow();
        if (escrow.unallocated >= escrow.reserve + escrow.arrears) solventAt = block.number;
    }

    function deposit(uint64 amount) external noticing {
        group.deposit(uint256(amount) + 1);
        putIn += uint256(amount) + 1;
    }

    /// @notice Deposits the missing amount, or nothing, so that time consumes the escrow.
    function fund(uint8 chance) external noticing {
        Escrow memory escrow = group.escrow();
        uint256 required = escrow.reserve + escrow.arrears;
        if (chance > 128 || escrow.unallocated >= required) return;
        putIn += required - escrow.unallocated;
        group.deposit(required - escrow.unallocated);
    }

    /// @notice Sizes up to 2^55 bytes, which would reduce the other providers' pay.
    function add(uint8 which, uint56 size, uint8 smaller) external noticing {
        uint256 key = PROVIDER_KEYS + (which % PROVIDERS);
        address operator = VM.addr(key);
        (bool found, ) = group.providerOf(operator);
        if (found || group.state().terminatedAt != 0) return;
        uint64 bytes_ = (uint64(size) >> (smaller % 56)) | 1;
        (uint64 sequence, bytes memory signature) = _consent(key, operator, bytes_);
        try group.addProvider(operator, bytes32(uint256(1)), bytes_, operator, sequence, signature) {} catch {}
    }

    function change(uint8 which, uint56 size, uint8 smaller) external noticing {
        uint256 key = PROVIDER_KEYS + (which % PROVIDERS);
        address operator = VM.addr(key);
        (bool found, uint32 provider) = group.providerOf(operator);
        if (!found || group.state().terminatedAt != 0) return;
        uint64 bytes_ = (uint64(size) >> (smaller % 56)) | 1;
        (uint64 sequence, bytes memory signature) = _consent(key, operator, bytes_);
        try group.changeData(provider, bytes32(uint256(2)), bytes_, operator, sequence, signature) {} catch {}
    }

    function touch(uint8 which) external noticing {
        uint32 count = group.providerCount();
        if (count != 0) group.touch(which % count);
    }

    function collect(uint8 which) external noticing {
        uint32 count = group.providerCount();
        if (count != 0) try group.collectArrears(which % count) {} catch {}
    }

    function remove(uint8 which) external noticing {
        (bool found, uint32 provider) = group.providerOf(VM.addr(PROVIDER_KEYS + (which % PROVIDERS)));
        if (found) try group.removeProvider(provider) {} catch {}
    }

    function settle(uint96 proven, uint8 bits) external noticing {
        State memory state = group.state();
        if (state.ended) return;
        uint256 te = state.settledThrough + INTERVAL;
        if (block.number > te) te += ((block.number - te) / TURN) * TURN;
        else VM.roll(te);
        Settlement memory s;
        s.ts = state.settledThrough;
        s.te = uint64(te);
        s.committee = 1;
        if (te > s.ts + INTERVAL) s.failed = 8;
        s.payees = bits & 15 & ~s.failed;
        Provider[] memory providers = group.providers(0, 300);
        Item[] memory items = new Item[](providers.length);
        uint256 count;
        for (uint256 i = 0; i < providers.length; ++i) {
            if (providers[i].closed || providers[i].activeFrom >= te) continue;
            items[count++] = Item(uint32(i), proven >> (i & 3));
        }
        assembly ("memory-safe") {
            mstore(items, count)
        }
        s.items = items;
        uint256 secret = 3 * KEEPER_KEYS + 3;
        bytes memory signature = _sign(
            secret,
            abi.encodePacked(group.settlementDigest(s)),
            "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
        );
        bool solvent = solventAt != 0 && block.number <= solventAt + LOCKUP;
        VM.startPrank(VM.addr(KEEPER_KEYS));
        group.settle(s, 7, signature);
        VM.stopPrank();
        if (solvent) _holdAgainstS8(s, providers);
        ++settlements;
        if (s.te <= lastTs) movedBack = true;
        lastTs = s.te;
    }

    /// @dev Every provider is paid in full for the signed and committed space-time, and has no arrears left. Earlier
    ///      arrears and credit for abandons come on top.
    function _holdAgainstS8(Settlement memory s, Provider[] memory before) private {
        for (uint256 i = 0; i < s.items.length; ++i) {
            Item memory item = s.items[i];
            Provider memory afterwards = group.providers(item.provider, 1)[0];
            // Computed from the list of changes, not from the contract's sums.
            uint256 committed = _committed(item.provider, s.ts, s.te);
            uint256 paid = item.spaceTime < committed ? item.spaceTime : committed;
            uint256 amount = (paid * PRICE) / 2 ** 30;
            uint256 due = amount - (amount * SHARE_BPS) / 10_000;
            if (afterwards.credited < before[item.provider].credited + due || afterwards.arrears != 0) underpaid = true;
        }
        ++held;
    }

    /// @dev Byte·blocks committed in [from, to), from the history on chain.
    function _committed(uint32 provider, uint64 from, uint64 to) private view returns (uint256 sum) {
        DataCheckpoint[] memory history = group.dataHistory(provider, 0, 1000);
        uint64 end = group.state().endBlock;
        if (end != 0 && end < to) to = end;
        for (uint256 i = history.length; i > 0 && to > from; --i) {
            uint64 since = history[i - 1].fromBlock > from ? history[i - 1].fromBlock : from;
            if (since >= to) continue;
            sum += uint256(history[i - 1].size) * (to - since);
            to = since;
        }
    }

    function wait(uint8 blocks) external noticing {
        VM.roll(block.number + blocks);
    }

    function abandon() external noticing {
        try group.abandon() {
            if (group.state().settledThrough <= lastTs) movedBack = true;
            lastTs = group.state().settledThrough;
        } catch {}
    }

    function terminate(uint8 chance) external noticing {
        if (chance < 8 && group.state().terminatedAt == 0) group.terminate();
    }

    function withdrawKeeper(uint8 index) external noticing {
        _withdraw(VM.addr(KEEPER_KEYS + (index % N)), abi.encodeCall(group.withdrawKeeper, (1, index % uint8(N))));
    }

    function withdrawProvider(uint8 index) external noticing {
        uint32 count = group.providerCount();
        if (count == 0) return;
        Provider memory provider = group.providers(index % count, 1)[0];
        _withdraw(provider.operator, abi.encodeCall(group.withdrawProvider, (provider.index)));
    }

    /// @notice Only the owner may withdraw a provider's or keeper's money.
    function steal(uint8 index, address thief) external {
        bytes memory call =
            index % 2 == 0
                ? abi.encodeCall(group.withdrawKeeper, (1, index % uint8(N)))
                : abi.encodeCall(group.withdrawProvider, (index));
        for (uint256 i = 0; i < N; ++i) {
            if (thief == VM.addr(KEEPER_KEYS + i) || thief == VM.addr(PROVIDER_KEYS + i)) return;
        }
        VM.startPrank(thief);
        (bool ok, ) = address(group).call(call);
        VM.stopPrank();
        require(!ok, "stolen");
    }

    function withdrawPayer(uint64 part) external noticing {
        uint256 amount = (group.withdrawable() * part) / type(uint64).max;
        if (amount == 0) return;
        group.withdrawPayer(amount);
        takenOut += amount;
    }

    function _withdraw(address operator, bytes memory call) private {
        uint256 before = token.balanceOf(operator);
        VM.startPrank(operator);
        (bool ok, ) = address(group).call(call);
        VM.stopPrank();
        if (ok) takenOut += token.balanceOf(operator) - before;
    }

    function _consent(uint256 key, address operator, uint64 size) private returns (uint64 sequence, bytes memory) {
        sequence = group.consentSequence(operator) + 1;
        (bool found, ) = group.providerOf(operator);
        bytes32 root = bytes32(uint256(found ? 2 : 1));
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, group.providerDataDigest(root, size, operator, sequence));
        return (sequence, abi.encodePacked(r, s, v));
    }

    /// @dev secret · H(message), by the precompile for multi-scalar multiplication.
    function _sign(
        uint256 secret,
        bytes memory message,
        bytes memory dst
    ) private view returns (bytes memory signature) {
        bytes memory input = new bytes(160);
        uint256 place;
        assembly ("memory-safe") {
            place := add(input, 32)
            mstore(add(input, 160), secret)
        }
        BLS.hashToG1(message, dst, place);
        bool ok;
        (ok, signature) = address(0x0c).staticcall(input);
        require(ok && signature.length == 128, "signing");
    }

    function _publicKey(uint256 secret) private view returns (bytes memory key) {
        bytes memory input = new bytes(288);
        uint256 place;
        assembly ("memory-safe") {
            place := add(input, 32)
            mstore(add(input, 288), secret)
        }
        BLS.g2Generator(place);
        bool ok;
        (ok, key) = address(0x0e).staticcall(input);
        require(ok && key.length == 256, "key");
    }
}

/// @title Invariants after any sequence of calls
contract GroupInvariantsTest {
    Handler private _handler;
    IUpkeeping private _group;

    function setUp() public {
        _handler = new Handler();
        _group = _handler.group();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// @notice S2: money in = money out + balance, by the group's books, by the token, and by the handler's count.
    function invariant_MoneyInIsMoneyOutPlusBalance() public view {
        Escrow memory escrow = _group.escrow();
        require(escrow.deposited == _handler.putIn(), "in");
        require(escrow.paidOut == _handler.takenOut(), "out");
        require(escrow.balance == _handler.token().balanceOf(address(_group)), "balance");
        require(escrow.balance == escrow.unallocated + escrow.credits, "parts");
    }

    /// @notice S2, S3: the sum that providers and keepers may withdraw equals the credits, so no party gets another
    ///         party's pay.
    function invariant_CreditsAreTheOwners() public view {
        uint256 owned;
        Provider[] memory providers = _group.providers(0, 300);
        uint256 arrears;
        for (uint256 i = 0; i < providers.length; ++i) {
            owned += providers[i].credited - providers[i].withdrawn;
            arrears += providers[i].arrears;
        }
        KeeperAccount[] memory keepers = _group.keeperAccounts(1, 0, 4);
        for (uint256 i = 0; i < 4; ++i) {
            owned += keepers[i].earned - keepers[i].withdrawn;
        }
        Escrow memory escrow = _group.escrow();
        require(owned == escrow.credits, "credits");
        require(arrears == escrow.arrears, "arrears");
    }

    /// @notice S8: a funded provider is paid in full after any calls.
    function invariant_AFundedProviderGetsItsDue() public view {
        require(!_handler.underpaid(), "underpaid");
    }

    /// @notice S1: intervals follow each other; none is settled twice.
    function invariant_TimeMovesForward() public view {
        require(!_handler.movedBack(), "back");
        require(_group.state().settledThrough == _handler.lastTs(), "ts");
        require(_group.settlements(0, 10_000).length == _handler.settlements(), "history");
    }
}
