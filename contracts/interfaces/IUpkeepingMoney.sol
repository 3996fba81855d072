// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Money in and out (R31, R32)
/// @notice Every party pulls its own money; a party that cannot be paid harms only itself.
interface IUpkeepingMoney {
    /// @notice Money came in; `amount` is what arrived, also with a token that takes a fee.
    event Deposited(address indexed from, uint256 amount);
    /// @notice The payer took out money that was free.
    event PayerWithdrawn(address indexed payee, uint256 amount);
    /// @notice A keeper's share went out.
    event KeeperWithdrawn(uint64 indexed committee, uint8 indexed index, address indexed payee, uint256 amount);
    /// @notice A provider's money went out.
    event ProviderWithdrawn(uint32 indexed provider, address indexed payee, uint256 amount);
    /// @notice The payer's present payee named another, which has to accept.
    event PayerPayeeNamed(address indexed payee);
    /// @notice The named payee accepted; the payer's withdrawals go there from now on.
    event PayerPayeeAccepted(address indexed payee);
    /// @notice Arrears of a provider that is gone were credited: `amount` to it, and `share` of the keepers' cut to each member of the
    ///         committee in force.
    event ArrearsCollected(uint32 indexed provider, uint256 amount, uint256 share, uint256 remaining);

    /// @notice Only the payer may do this.
    error Upkeeping_NotPayer(address expected, address actual);
    /// @notice Neither the operator nor its payee.
    error Upkeeping_NotOwner(address operator, address payee, address actual);
    /// @notice Nothing came in, or nothing can go out.
    error Upkeeping_NothingToMove();
    /// @notice The coin sent along does not equal the amount (ERC-20 groups: must be 0).
    error Upkeeping_WrongValue(uint256 expected, uint256 actual);
    /// @notice A group takes in at most 2^96 − 1 units in its life.
    error Upkeeping_TooMuchMoney(uint256 expectedMax, uint256 actual);
    /// @notice More than is free.
    error Upkeeping_NotWithdrawable(uint256 expectedMax, uint256 actual);
    /// @notice The escrow has to hold `required`, and `available` is what is booked and not credited: it does not carry an addition,
    ///         more data, or the payment of arrears (R32).
    error Upkeeping_Underfunded(uint256 required, uint256 available);
    /// @notice The receiver refused the coin.
    error Upkeeping_TransferFailed(address payee, uint256 amount);
    /// @notice Only the present payee may name the next one.
    error Upkeeping_NotPayee(address expected, address actual);
    /// @notice Only the named payee may accept.
    error Upkeeping_NotPendingPayee(address expected, address actual);
    /// @notice A payee must not be zero.
    error Upkeeping_ZeroPayee();
    /// @notice Arrears are collected after removal only; before, they are part of the next settlement.
    error Upkeeping_NotClosed(uint32 provider);
    /// @notice The state changed hands during a transfer.
    error Upkeeping_Reentered();

    /// @notice Puts money into the escrow; anyone may. With the chain's own coin, send exactly `amount` along.
    function deposit(uint256 amount) external payable;

    /// @notice Like `deposit`, with an EIP-2612 permit in place of an earlier approval.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Books what was sent to the group's address without `deposit`.
    function sync() external;

    /// @notice The payer takes out what is free, at most `withdrawable()`; it goes to the payer's payee.
    function withdrawPayer(uint256 amount) external;

    /// @notice Pays a keeper what it has in one committee version. By its operator or payee, to its payee.
    function withdrawKeeper(uint64 committee, uint8 index) external;

    /// @notice Pays a provider all it has. By its operator or payee, to its payee.
    function withdrawProvider(uint32 provider) external;

    /// @notice Names another payee for the payer; it counts once that payee accepted. Called by the present payee, which is the
    ///         payer until another accepted (R3). Naming itself takes an earlier naming back.
    function namePayerPayee(address payee) external;

    /// @notice Called by the named payee.
    function acceptPayerPayee() external;

    /// @notice Credits the arrears of a provider that is gone, less the keepers' cut where a settlement left them; anyone may, while the
    ///         escrow holds what R32 requires. After the end as far as the escrow allows.
    function collectArrears(uint32 provider) external;
}
