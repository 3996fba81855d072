// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Escrow} from "./Types.sol";

/// @title Money in and out of a group (R31, R32)
/// @notice Every party withdraws its own money, so a failed transfer affects no other party.
/// @dev Required (R32) at block B, for a group that has not ended, s = settledThrough, end(i) = the block at which
///      provider i leaves or the group ends, none: infinity:
///      required = arrears of providers and keepers + ⌈Σᵢ (U(i) + A(i)) / 2^64⌉ + ⌈F / 65536⌉;
///      U(i) = Σ bytes × price × blocks of [s, min(B, end(i)));
///      A(i) = (lockup, or end(i) − max(B, s) if end(i) is known; at least 0) × the largest bytes × price of i in force
///      at s or later, changes ahead included, at most to end(i);
///      F = keeperFee × ceiling × (blocks of [s, min(B, last)) + lockup, or last − max(B, s), at least 0, where `last`
///      is known: endBlock, or `left` if no service follows); ceiling = the larger one of the present and the next
///      service; 0 without a committee.
///      After the end: arrears alone. A block before s is settled: [s, B) is empty if B ≤ s.
interface IGroupMoney {
    /// @notice A deposit arrived; `amount` is measured, so a token's transfer fee is not in it.
    event Deposited(address indexed from, uint256 amount);
    /// @notice The payer withdrew money that is not required.
    event PayerWithdrawn(address indexed to, uint256 amount);
    /// @notice A keeper's earnings were paid out.
    event KeeperWithdrawn(
        address indexed committee,
        uint32 version,
        uint8 indexed index,
        address indexed payee,
        uint256 amount
    );
    /// @notice A provider's credit was paid out.
    event ProviderWithdrawn(uint32 indexed provider, address indexed payee, uint256 amount);
    /// @notice More is owed than the escrow holds: everything that this call owes is scaled by available / due.
    event Shortfall(uint256 due, uint256 available);
    /// @notice What is owed to a provider, net of the keepers' cut, is now `arrears`.
    event ArrearsChanged(uint32 indexed provider, uint256 arrears);
    /// @notice What is owed to the members of a committee version is now `arrears`.
    event KeeperArrearsChanged(address indexed committee, uint32 indexed version, uint256 arrears);
    /// @notice Arrears of a provider were credited to it.
    event ArrearsPaid(uint32 indexed provider, uint256 amount);
    /// @notice Arrears of a committee version were credited: `share` to each of its n members.
    event KeeperArrearsPaid(address indexed committee, uint32 indexed version, uint256 share);
    /// @notice The payer named another payer, who has to accept.
    event PayerNamed(address indexed payer);
    /// @notice The named payer accepted: the role is its own from now on.
    event PayerChanged(address indexed previous, address indexed payer);
    /// @notice The payer took out a token that the group does not pay in.
    event Rescued(address indexed token, address indexed to, uint256 amount);
    /// @notice Edition of the payer's manifest (R46); `previous` chains the editions.
    event ManifestSet(bytes32 indexed root, bytes32 indexed previous);

    /// @notice Only the payer may do this.
    error Upkeeping_NotPayer(address expected, address actual);
    /// @notice Only the named payer may accept.
    error Upkeeping_NotNamedPayer(address expected, address actual);
    /// @notice The caller is neither the operator nor its payee.
    error Upkeeping_NotOwner(address operator, address payee, address actual);
    /// @notice Only the factory of this group may do this.
    error Upkeeping_NotFactory(address expected, address actual);
    /// @notice There is nothing to deposit, credit or withdraw.
    error Upkeeping_NothingToMove();
    /// @notice The coin sent along does not equal the amount (groups of a token: must be 0).
    error Upkeeping_WrongValue(uint256 expected, uint256 actual);
    /// @notice A group takes in at most 2^96 − 1 units in its life.
    error Upkeeping_TooMuchMoney(uint256 expectedMax, uint256 actual);
    /// @notice The escrow must hold `required` afterwards, and would hold `available` (R32).
    error Upkeeping_Underfunded(uint256 required, uint256 available);
    /// @notice The receiver refused the coin.
    error Upkeeping_TransferFailed(address to, uint256 amount);
    /// @notice The group pays in this token: `sync` books what is not on the books, `withdrawPayer` takes it out.
    error Upkeeping_OwnToken(address token);
    /// @notice The zero address.
    error Upkeeping_ZeroAddress();
    /// @notice The group has not ended: arrears are collected one by one.
    error Upkeeping_NotEnded(uint256 expectedThrough, uint256 actual);
    /// @notice The call re-enters the group during a transfer.
    error Upkeeping_Reentered();

    /// @notice Puts money into the escrow; anyone may. With the chain's own coin, send exactly `amount` along.
    /// @dev Post: deposited and available rise by what arrived.
    function deposit(uint256 amount) external payable;

    /// @notice Like `deposit`, with an EIP-2612 permit in place of an earlier approval.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Books money that was sent to the group's address without `deposit`; anyone may. Also done at creation.
    function sync() external;

    /// @notice Pays `amount` to `to`; payer only (R32).
    /// @dev Pre: available − amount ≥ required, else `Upkeeping_Underfunded(required, available − amount)`; an amount
    ///      above available: `Upkeeping_Underfunded(required + amount, available)`. After the end what is not in
    ///      arrears may be taken.
    function withdrawPayer(uint256 amount, address to) external;

    /// @notice Pays a keeper what it earned under one version of one committee, to its payee; its operator or payee
    ///         only (R31).
    function withdrawKeeper(address committee, uint32 version, uint8 index) external;

    /// @notice Pays a provider its credit, to its payee; its operator or payee only (R31).
    function withdrawProvider(uint32 provider) external;

    /// @notice Pays a keeper to `payee`; by the factory (R31: many groups in one call). It has asked the committee for
    ///         the operator and the registry for its payee, and checked its own caller.
    /// @dev The name gives a low selector, which is found early.
    function payOutKeeper(address payee, address committee, uint32 version, uint8 index) external;

    /// @notice Pays a provider for `caller`; by the factory, which passes on its own caller.
    function withdrawProviderFor(address caller, uint32 provider) external;

    /// @notice Names the next payer, who has to accept; payer only. The payer names itself to withdraw a nomination.
    function namePayer(address next) external;

    /// @notice Called by the named payer.
    function acceptPayer() external;

    /// @notice Takes out a token, or coin, that the group does not pay in; payer only.
    /// @param token_ zero: the chain's own coin
    function rescue(address token_, address to, uint256 amount) external;

    /// @notice Publishes the root of an edition of the payer's manifest; payer only; an event, no state (R46).
    function setManifest(bytes32 root, bytes32 previous) external;

    function payer() external view returns (address);

    /// @notice The named payer that has not accepted yet, or zero.
    function namedPayer() external view returns (address);

    /// @notice Money of the group now.
    function escrow() external view returns (Escrow memory);

    /// @notice What a keeper may withdraw: share of the version − its debts + shares taken in a leader's place −
    ///         withdrawn.
    function keeperBalance(address committee, uint32 version, uint8 index) external view returns (uint256);

    /// @notice What is owed to the members of a version.
    function keeperArrears(address committee, uint32 version) external view returns (uint256);
}
