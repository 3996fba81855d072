// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Channel, ChannelKey, Claim, IReadVouchers} from "./interfaces/IReadVouchers.sol";

/// @title Paid reading: deposits of readers, and vouchers that providers redeem (R47)
/// @dev The rules are in `IReadVouchers`. There are no constructor arguments and no immutables: the code is the same
///      everywhere.
contract ReadVouchers is IReadVouchers {
    using SafeERC20 for IERC20;

    /// @notice Blocks that a new expiry lies ahead at least. A provider reads a channel at final blocks, which on
    ///         Ethereum are up to three epochs (96 blocks) behind the head, and a redemption takes as long to be final:
    ///         192, and a third of it to read and to be included.
    uint256 public constant LEAST_BLOCKS = 256;
    /// @notice Blocks that a new expiry lies ahead at most, so that a slip does not lock money for ever: three years of
    ///         12 s, half a year of 2 s.
    uint256 public constant MOST_BLOCKS = 1 << 23;
    /// @notice Claims of one call. A claim in a token of its own costs 48 k gas (docs/figures/gas-vouchers.md), so 256
    ///         fit a transaction of 2^24 gas; claims in the same token cost a third of that.
    uint256 public constant MOST_CLAIMS = 256;

    uint256 private constant MAX_MONEY = type(uint96).max;
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant VOUCHER_TYPEHASH = keccak256(
        "Voucher(address reader,address provider,address token,uint256 amount)"
    );

    mapping(address reader => mapping(address provider => mapping(address token => Channel))) private _channels;

    /// @dev Set during every call that may reach a token or a receiver; transient storage is cheap.
    bool private transient _entered;

    modifier nonReentrant() {
        if (_entered) revert IReadVouchers.ReadVouchers_Reentered();
        _entered = true;
        _;
        _entered = false;
    }

    /// @inheritdoc IReadVouchers
    function deposit(
        address reader,
        address provider,
        address token,
        uint256 amount,
        uint256 expiry
    ) external payable nonReentrant {
        if (provider == address(0)) revert IReadVouchers.ReadVouchers_ZeroAddress();
        uint256 expectedValue = token == address(0) ? amount : 0;
        if (msg.value != expectedValue) revert IReadVouchers.ReadVouchers_WrongValue(expectedValue, msg.value);
        Channel storage c = _channels[reader][provider][token];
        bool moves = _checkExpiry(c.expiry, reader, expiry);
        if (amount == 0 && !moves) revert IReadVouchers.ReadVouchers_NothingToMove();
        // What arrives is measured, so it has to arrive first; no other call can change the channel meanwhile.
        uint256 arrived = _receive(token, amount);
        uint256 room = MAX_MONEY - c.deposited;
        if (arrived > room) revert IReadVouchers.ReadVouchers_TooMuchMoney(room, arrived);
        c.deposited += uint96(arrived);
        c.expiry = uint40(expiry);
        emit IReadVouchers.Deposited(reader, provider, token, msg.sender, arrived, expiry);
    }

    /// @inheritdoc IReadVouchers
    function redeem(Claim[] calldata claims, address to) external nonReentrant {
        if (to == address(0)) revert IReadVouchers.ReadVouchers_ZeroAddress();
        uint256 count = claims.length;
        if (count > MOST_CLAIMS) revert IReadVouchers.ReadVouchers_TooManyClaims(MOST_CLAIMS, count);
        // Runs of claims with the same token: all effects come before the first transfer.
        address[] memory tokens = new address[](count);
        uint256[] memory sums = new uint256[](count);
        uint256 runs = 0;
        bytes32 domain = _domain();
        for (uint256 i = 0; i < count; ++i) {
            Claim calldata claim = claims[i];
            uint256 worth = _spend(claim, domain, to);
            if (worth == 0) continue;
            if (runs == 0 || tokens[runs - 1] != claim.token) tokens[runs++] = claim.token;
            // No overflow: at most 256 times 2^96.
            sums[runs - 1] += worth;
        }
        if (runs == 0) revert IReadVouchers.ReadVouchers_NothingToMove();
        for (uint256 i = 0; i < runs; ++i) _transfer(tokens[i], to, sums[i]);
    }

    /// @inheritdoc IReadVouchers
    function withdraw(address provider, address token, address to) external nonReentrant {
        if (to == address(0)) revert IReadVouchers.ReadVouchers_ZeroAddress();
        uint256 expiry = _channels[msg.sender][provider][token].expiry;
        if (block.number < expiry) revert IReadVouchers.ReadVouchers_NotExpired(expiry, block.number);
        _return(ChannelKey(msg.sender, provider, token), to);
    }

    /// @inheritdoc IReadVouchers
    function release(address reader, address token) external nonReentrant {
        _return(ChannelKey(reader, msg.sender, token), reader);
    }

    /// @inheritdoc IReadVouchers
    function channel(address reader, address provider, address token) external view returns (Channel memory) {
        return _channels[reader][provider][token];
    }

    /// @inheritdoc IReadVouchers
    function channels(ChannelKey[] calldata keys) external view returns (Channel[] memory all) {
        all = new Channel[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            all[i] = _channels[keys[i].reader][keys[i].provider][keys[i].token];
        }
    }

    /// @inheritdoc IReadVouchers
    function gain(address reader, address provider, address token, uint256 amount) external view returns (uint256) {
        return _gain(_channels[reader][provider][token], amount);
    }

    /// @inheritdoc IReadVouchers
    function voucherDigest(
        address reader,
        address provider,
        address token,
        uint256 amount
    ) external view returns (bytes32) {
        return _digest(_domain(), ChannelKey(reader, provider, token), amount);
    }

    /// @dev Whether the deposit moves the expiry; it may not open or extend another one's channel.
    function _checkExpiry(uint256 present, address reader, uint256 expiry) private view returns (bool) {
        if (expiry == present && block.number < present) return false;
        if (msg.sender != reader) revert IReadVouchers.ReadVouchers_NotReader(reader, msg.sender);
        uint256 least = block.number + LEAST_BLOCKS;
        uint256 most = block.number + MOST_BLOCKS;
        if (present > least) least = present;
        if (expiry < least || expiry > most) revert IReadVouchers.ReadVouchers_BadExpiry(least, most, expiry);
        return true;
    }

    function _receive(address token, uint256 amount) private returns (uint256) {
        if (token == address(0) || amount == 0) return amount;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        return IERC20(token).balanceOf(address(this)) - before;
    }

    /// @dev Books the gain of a claim of the caller as spent.
    function _spend(Claim calldata claim, bytes32 domain, address to) private returns (uint256 worth) {
        (address reader, address token) = (claim.reader, claim.token);
        Channel storage c = _channels[reader][msg.sender][token];
        worth = _gain(c, claim.amount);
        if (worth == 0) return 0;
        bytes32 digest = _digest(domain, ChannelKey(reader, msg.sender, token), claim.amount);
        // A malformed signature gives the zero address, which has no channel.
        (address signer, , ) = ECDSA.tryRecover(digest, claim.r, claim.vs);
        if (signer != reader) revert IReadVouchers.ReadVouchers_BadSignature(reader, signer);
        // Fits: at most deposited.
        uint96 spent = c.spent + uint96(worth);
        c.spent = spent;
        emit IReadVouchers.Redeemed(reader, msg.sender, token, worth, spent, to);
    }

    function _return(ChannelKey memory key, address to) private {
        Channel storage c = _channels[key.reader][key.provider][key.token];
        uint256 rest = c.deposited - c.spent;
        if (rest == 0) revert IReadVouchers.ReadVouchers_NothingToMove();
        // What is returned counts as spent: no older voucher is worth anything again.
        c.spent = c.deposited;
        emit IReadVouchers.Returned(key.reader, key.provider, key.token, rest, to);
        _transfer(key.token, to, rest);
    }

    function _gain(Channel storage c, uint256 amount) private view returns (uint256) {
        (uint256 deposited, uint256 spent) = (c.deposited, c.spent);
        if (block.number >= c.expiry) return 0;
        uint256 covered = amount < deposited ? amount : deposited;
        return covered > spent ? covered - spent : 0;
    }

    function _domain() private view returns (bytes32) {
        return
            keccak256(
                abi.encode(DOMAIN_TYPEHASH, keccak256("WhitePay reading"), keccak256("1"), block.chainid, address(this))
            );
    }

    function _digest(bytes32 domain, ChannelKey memory key, uint256 amount) private pure returns (bytes32) {
        bytes32 voucher = keccak256(abi.encode(VOUCHER_TYPEHASH, key.reader, key.provider, key.token, amount));
        return keccak256(abi.encodePacked(hex"1901", domain, voucher));
    }

    function _transfer(address token, address to, uint256 amount) private {
        if (token != address(0)) {
            IERC20(token).safeTransfer(to, amount);
            return;
        }
        (bool ok, ) = to.call{value: amount}("");
        if (!ok) revert IReadVouchers.ReadVouchers_TransferFailed(to, amount);
    }
}
