// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupProviders} from "../interfaces/IGroupProviders.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {Escrow} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head} from "../libraries/Heads.sol";
import {ProviderWord} from "../libraries/ProviderWords.sol";
import {UpkeepingLedger} from "./UpkeepingLedger.sol";

/// @title Deposits and withdrawals (R31, R32), the payer's role, and manifests (R46)
abstract contract UpkeepingMoney is UpkeepingLedger, IGroupMoney {
    using SafeERC20 for IERC20;

    /// @dev A plain transfer of the chain's coin is a deposit.
    receive() external payable nonReentrant {
        if (GroupArguments.load().token() != address(0)) revert IGroupMoney.Upkeeping_WrongValue(0, msg.value);
        _book(msg.value);
    }

    /// @inheritdoc IGroupMoney
    function deposit(uint256 amount) external payable nonReentrant {
        _deposit(GroupArguments.load().token(), amount);
    }

    /// @inheritdoc IGroupMoney
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        address token = GroupArguments.load().token();
        // If another transaction has used the permit, its allowance is set, so a failed permit is ignored. Without an
        // allowance the transfer fails.
        if (token != address(0)) {
            try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        }
        _deposit(token, amount);
    }

    /// @inheritdoc IGroupMoney
    function sync() external nonReentrant {
        uint256 unbooked = _unbooked();
        if (unbooked == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        _book(unbooked);
    }

    /// @inheritdoc IGroupMoney
    function withdrawPayer(uint256 amount, address to) external nonReentrant {
        (Arguments args, Head memory head) = _forPayer();
        if (amount == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        if (to == address(0)) revert IGroupMoney.Upkeeping_ZeroAddress();
        _catchUp(head, args);
        if (amount > head.available)
            revert IGroupMoney.Upkeeping_Underfunded(_required(head, args) + amount, head.available);
        head.available -= amount;
        _checkFunded(head, args);
        _storeHead(head);
        emit IGroupMoney.PayerWithdrawn(to, amount);
        _pay(args.token(), to, amount);
    }

    /// @inheritdoc IGroupMoney
    function withdrawKeeper(address committee, uint32 version, uint8 index) external {
        address operator = ICommittee(committee).operatorOf(version, index);
        address payee = _registry.keeperPayee(operator);
        _onlyOwner(operator, payee, msg.sender);
        _withdrawKeeper(payee, committee, version, index);
    }

    /// @inheritdoc IGroupMoney
    function withdrawProvider(uint32 index) external {
        _withdrawProvider(msg.sender, index);
    }

    /// @inheritdoc IGroupMoney
    function payOutKeeper(address payee, address committee, uint32 version, uint8 index) external {
        _onlyFactory();
        _withdrawKeeper(payee, committee, version, index);
    }

    /// @inheritdoc IGroupMoney
    function withdrawProviderFor(address caller, uint32 index) external {
        _onlyFactory();
        _withdrawProvider(caller, index);
    }

    /// @inheritdoc IGroupMoney
    function namePayer(address next) external {
        _onlyPayer(GroupArguments.load());
        if (next == address(0)) revert IGroupMoney.Upkeeping_ZeroAddress();
        _namedPayer = next;
        emit IGroupMoney.PayerNamed(next);
    }

    /// @inheritdoc IGroupMoney
    function acceptPayer() external {
        address expected = _namedPayer;
        if (msg.sender != expected) revert IGroupMoney.Upkeeping_NotNamedPayer(expected, msg.sender);
        emit IGroupMoney.PayerChanged(_payerOf(GroupArguments.load()), expected);
        _payer = expected;
        _namedPayer = address(0);
    }

    /// @inheritdoc IGroupMoney
    function rescue(address token_, address to, uint256 amount) external nonReentrant {
        Arguments args = GroupArguments.load();
        _onlyPayer(args);
        if (token_ == args.token()) revert IGroupMoney.Upkeeping_OwnToken(token_);
        if (to == address(0)) revert IGroupMoney.Upkeeping_ZeroAddress();
        emit IGroupMoney.Rescued(token_, to, amount);
        _transfer(token_, to, amount);
    }

    /// @inheritdoc IGroupMoney
    function setManifest(bytes32 root, bytes32 previous) external {
        _onlyPayer(GroupArguments.load());
        emit IGroupMoney.ManifestSet(root, previous);
    }

    /// @inheritdoc IGroupMoney
    function payer() external view returns (address) {
        return _payerOf(GroupArguments.load());
    }

    /// @inheritdoc IGroupMoney
    function namedPayer() external view returns (address) {
        return _namedPayer;
    }

    /// @inheritdoc IGroupMoney
    function escrow() external view returns (Escrow memory e) {
        Head memory head = _loadHead();
        e.deposited = _ledger.deposited;
        e.paidOut = _ledger.paidOut;
        e.available = uint96(head.available);
        e.providerArrears = _arrears.providers;
        e.keeperArrears = _arrears.keepers;
        e.required = _required(head, GroupArguments.load());
    }

    /// @inheritdoc IGroupMoney
    function keeperBalance(address committee, uint32 version, uint8 index) external view returns (uint256) {
        return _balanceOf(_loadHead(), GroupArguments.load(), _key(committee, version), index);
    }

    /// @inheritdoc IGroupMoney
    function keeperArrears(address committee, uint32 version) external view returns (uint256) {
        return _books[_key(committee, version)].arrears;
    }

    function _deposit(address token, uint256 amount) private {
        uint256 expectedValue = token == address(0) ? amount : 0;
        if (msg.value != expectedValue) revert IGroupMoney.Upkeeping_WrongValue(expectedValue, msg.value);
        if (token != address(0)) {
            // What arrives is measured: a token may take a transfer fee.
            uint256 before = IERC20(token).balanceOf(address(this));
            IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
            amount = IERC20(token).balanceOf(address(this)) - before;
        }
        _book(amount);
    }

    /// @dev Nobody has a balance under an address that is no committee.
    function _withdrawKeeper(address payee, address committee, uint32 version, uint8 index) private nonReentrant {
        Arguments args = GroupArguments.load();
        uint256 key = _key(committee, version);
        uint256 amount = _balanceOf(_loadHead(), args, key, index);
        if (amount == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        _books[key].adjustments[index] -= int256(amount);
        emit IGroupMoney.KeeperWithdrawn(committee, version, index, payee, amount);
        _pay(args.token(), payee, amount);
    }

    function _withdrawProvider(address caller, uint256 index) private nonReentrant {
        address operator = _accounts[index].operator;
        if (operator == address(0)) revert IGroupProviders.Upkeeping_NoSuchProvider(_ledger.providerCount, index);
        address payee = _registry.providerPayee(operator);
        _onlyOwner(operator, payee, caller);
        ProviderWord word = _words[index];
        uint256 amount = word.credit();
        if (amount == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        _words[index] = word.withCredit(0);
        emit IGroupMoney.ProviderWithdrawn(uint32(index), payee, amount);
        _pay(GroupArguments.load().token(), payee, amount);
    }

    function _onlyOwner(address operator, address payee, address caller) private pure {
        if (caller != operator && caller != payee) revert IGroupMoney.Upkeeping_NotOwner(operator, payee, caller);
    }

    /// @dev The last step of every withdrawal, after all effects.
    function _pay(address token, address to, uint256 amount) private {
        // No overflow: what is paid out was deposited.
        _ledger.paidOut += uint96(amount);
        _transfer(token, to, amount);
    }

    function _transfer(address token, address to, uint256 amount) private {
        if (token != address(0)) {
            IERC20(token).safeTransfer(to, amount);
            return;
        }
        (bool ok, ) = to.call{value: amount}("");
        if (!ok) revert IGroupMoney.Upkeeping_TransferFailed(to, amount);
    }
}
