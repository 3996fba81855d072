// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IUpkeepingMoney} from "../interfaces/IUpkeepingMoney.sol";
import {IUpkeepingCommittees} from "../interfaces/IUpkeepingCommittees.sol";
import {IUpkeepingMembers} from "../interfaces/IUpkeepingMembers.sol";
import {Args, GroupArgs} from "../libraries/GroupArgs.sol";
import {Hot, Live, Packed} from "../libraries/Packed.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {GroupTouch} from "./GroupTouch.sol";

/// @title Money in and out (R31, R32)
abstract contract GroupTreasury is GroupTouch, IUpkeepingMoney {
    using SafeERC20 for IERC20;

    /// @dev A plain transfer of the chain's coin is a deposit.
    receive() external payable nonReentrant {
        Args args = GroupArgs.load();
        if (args.token() != address(0)) revert Upkeeping_WrongValue(0, msg.value);
        _book(msg.value);
    }

    /// @inheritdoc IUpkeepingMoney
    function deposit(uint256 amount) external payable nonReentrant {
        _deposit(GroupArgs.load().token(), amount);
    }

    /// @inheritdoc IUpkeepingMoney
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        address token = GroupArgs.load().token();
        // If another transaction has used the permit, its allowance is set, so a failed permit is ignored. Without an
        // allowance the transfer fails.
        if (token != address(0)) {
            try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        }
        _deposit(token, amount);
    }

    /// @inheritdoc IUpkeepingMoney
    function sync() external nonReentrant {
        address token = GroupArgs.load().token();
        uint256 held = token == address(0) ? address(this).balance : IERC20(token).balanceOf(address(this));
        uint256 onBooks = _ledger.deposited - _ledger.paidOut;
        if (held <= onBooks) revert Upkeeping_NothingToMove();
        _book(held - onBooks);
    }

    /// @inheritdoc IUpkeepingMoney
    function withdrawPayer(uint256 amount) external nonReentrant {
        Args args = GroupArgs.load();
        _onlyPayer(args);
        if (amount == 0) revert Upkeeping_NothingToMove();
        Hot memory hot = _hot();
        uint256 most = _withdrawable(hot, args);
        if (amount > most) revert Upkeeping_NotWithdrawable(most, amount);
        hot.free -= amount;
        _setHot(hot);
        address payee = _payerPayee == address(0) ? msg.sender : _payerPayee;
        emit PayerWithdrawn(payee, amount);
        _pay(args.token(), payee, amount);
    }

    /// @inheritdoc IUpkeepingMoney
    function withdrawKeeper(uint64 version, uint8 index) external nonReentrant {
        (address blob, uint256 n, uint256 share) = _seatsOf(version);
        if (index >= n) revert IUpkeepingCommittees.Upkeeping_NoSuchSeat(n, index);
        address payee = _owner(Quorum.operatorAt(blob, n, index), true);
        KeeperMoney storage money = _shares[version].keepers[index];
        uint256 amount = _earned(version, index, share) - money.withdrawn;
        if (amount == 0) revert Upkeeping_NothingToMove();
        money.withdrawn += uint96(amount);
        emit KeeperWithdrawn(version, index, payee, amount);
        _pay(GroupArgs.load().token(), payee, amount);
    }

    /// @inheritdoc IUpkeepingMoney
    function withdrawProvider(uint32 provider) external nonReentrant {
        Args args = GroupArgs.load();
        ProviderRecord storage record = _existing(provider);
        address payee = _owner(record.operator, false);
        Live memory live = _touched(args, provider);
        uint256 amount = live.credit;
        if (amount == 0) revert Upkeeping_NothingToMove();
        live.credit = 0;
        _liveWords[provider] = Packed.pack(live);
        record.withdrawn += uint96(amount);
        emit ProviderWithdrawn(provider, payee, amount);
        _pay(args.token(), payee, amount);
    }

    /// @inheritdoc IUpkeepingMoney
    function namePayerPayee(address payee) external {
        address present = _payerPayee == address(0) ? GroupArgs.load().payer() : _payerPayee;
        // R3: only the present payee, so that the payer's hot key cannot redirect the money.
        if (msg.sender != present) revert Upkeeping_NotPayee(present, msg.sender);
        if (payee == address(0)) revert Upkeeping_ZeroPayee();
        _pendingPayerPayee = payee;
        emit PayerPayeeNamed(payee);
    }

    /// @inheritdoc IUpkeepingMoney
    function acceptPayerPayee() external {
        address expected = _pendingPayerPayee;
        if (msg.sender != expected) revert Upkeeping_NotPendingPayee(expected, msg.sender);
        _payerPayee = expected;
        _pendingPayerPayee = address(0);
        emit PayerPayeeAccepted(expected);
    }

    /// @inheritdoc IUpkeepingMoney
    function collectArrears(uint32 provider) external {
        Args args = GroupArgs.load();
        ProviderRecord storage record = _existing(provider);
        Live memory live = _touched(args, provider);
        Hot memory hot = _hot();
        // Allowed if the provider is closed, was removed before ts, or the group has ended. Otherwise the next
        // settlement pays the arrears; a root cannot pay them.
        bool ended = hot.flags & Packed.TERMINATED != 0 && hot.ts >= _misc.endBlock;
        bool gone = record.removedAt != 0 && record.removedAt <= hot.ts;
        if (!gone && !ended && !args.merkle()) revert Upkeeping_NotClosed(provider);
        // R32: before the end, only money that other providers do not need; never the money for abandoned intervals.
        if (!ended) _checkFunds(hot, args);
        uint256 untouched = _amount(_untouched, args.price());
        uint256 available = hot.free > untouched ? hot.free - untouched : 0;
        uint256 uncut = _min(record.uncutArrears, available);
        uint256 gross = _min(record.arrears, available - uncut);
        if (uncut + gross == 0) revert Upkeeping_NothingToMove();
        record.uncutArrears -= uint104(uncut);
        record.arrears -= uint104(gross);
        _arrears -= uncut + gross;
        uint256 cut = (gross * args.keeperShareBps()) / BPS;
        uint256 amount = uncut + gross - cut;
        hot.free -= amount;
        uint256 share = _shareAmongAll(hot, cut);
        _setHot(hot);
        live.credit += amount;
        uint256 remaining = uint256(record.arrears) + record.uncutArrears;
        if (remaining == 0) live.flags &= ~Packed.OWED;
        _liveWords[provider] = Packed.pack(live);
        emit ArrearsCollected(provider, amount, share, remaining);
    }

    function _existing(uint256 provider) internal view returns (ProviderRecord storage record) {
        record = _providers[provider];
        if (provider >= _misc.providerCount) {
            revert IUpkeepingMembers.Upkeeping_NoSuchProvider(_misc.providerCount, provider);
        }
    }

    /// @dev Keys, size and share of a version, active or past.
    function _seatsOf(uint256 version) internal view returns (address blob, uint256 n, uint256 share) {
        Seats memory seats = _seats;
        if (version == seats.version) return (seats.keysBlob, seats.n, _hot().share);
        CommitteeRecord storage record = _committees[version];
        if (record.n == 0)
            revert IUpkeepingCommittees.Upkeeping_NoSuchCommittee(_misc.lastVersion + 1, uint64(version));
        return (record.keysBlob, record.n, _shares[version].share);
    }

    /// @dev Payee of an operator; reverts unless the caller is the operator or the payee.
    function _owner(address operator, bool keeper) private view returns (address payee) {
        payee = keeper ? _registry.keeperPayee(operator) : _registry.providerPayee(operator);
        if (msg.sender != operator && msg.sender != payee) revert Upkeeping_NotOwner(operator, payee, msg.sender);
    }

    function _deposit(address token, uint256 amount) private {
        uint256 expectedValue = token == address(0) ? amount : 0;
        if (msg.value != expectedValue) revert Upkeeping_WrongValue(expectedValue, msg.value);
        if (token != address(0)) {
            // The received amount is measured: a token may take a transfer fee.
            uint256 before = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
            amount = IERC20(token).balanceOf(address(this)) - before;
        }
        _book(amount);
    }

    function _book(uint256 amount) private {
        if (amount == 0) revert Upkeeping_NothingToMove();
        uint256 deposited = _ledger.deposited + amount;
        if (deposited > MAX_MONEY) revert Upkeeping_TooMuchMoney(MAX_MONEY - _ledger.deposited, amount);
        _ledger.deposited = uint96(deposited);
        Hot memory hot = _hot();
        hot.free += amount;
        _setHot(hot);
        emit Deposited(msg.sender, amount);
    }

    /// @dev The last step of every withdrawal, after all effects.
    function _pay(address token, address payee, uint256 amount) private {
        _ledger.paidOut += uint96(amount);
        if (token != address(0)) {
            IERC20(token).safeTransfer(payee, amount);
        } else {
            (bool ok, ) = payee.call{value: amount}("");
            if (!ok) revert Upkeeping_TransferFailed(payee, amount);
        }
    }
}
