// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Money in and out (R31, R32)
/// @notice Every party withdraws its own money, so a failed transfer affects no other party.
interface IUpkeepingMoney {
    /// @notice A deposit arrived; `amount` is measured, so a token's transfer fee is not in it.
    event Deposited(address indexed from, uint256 amount);
    /// @notice The payer withdrew unreserved money.
    event PayerWithdrawn(address indexed payee, uint256 amount);
    /// @notice A keeper's share was paid out.
    event KeeperWithdrawn(uint64 indexed committee, uint8 indexed index, address indexed payee, uint256 amount);
    /// @notice A provider's credit was paid out.
    event ProviderWithdrawn(uint32 indexed provider, address indexed payee, uint256 amount);
    /// @notice The payer's present payee named another, which has to accept.
    event PayerPayeeNamed(address indexed payee);
    /// @notice The named payee accepted; the payer's withdrawals go there from now on.
    event PayerPayeeAccepted(address indexed payee);
    /// @notice Arrears of a provider that is gone were credited: `amount` to it, and `share` of the keepers' cut to
    ///         each member of the committee in force.
    event ArrearsCollected(uint32 indexed provider, uint256 amount, uint256 share, uint256 remaining);

    /// @notice Only the payer may do this.
    error Upkeeping_NotPayer(address expected, address actual);
    /// @notice The caller is neither the operator nor its payee.
    error Upkeeping_NotOwner(address operator, address payee, address actual);
    /// @notice There is nothing to deposit, credit or withdraw.
    error Upkeeping_NothingToMove();
    /// @notice The coin sent along does not equal the amount (ERC-20 groups: must be 0).
    error Upkeeping_WrongValue(uint256 expected, uint256 actual);
    /// @notice A group takes in at most 2^96 − 1 units in its life.
    error Upkeeping_TooMuchMoney(uint256 expectedMax, uint256 actual);
    /// @notice The amount is above `withdrawable()`.
    error Upkeeping_NotWithdrawable(uint256 expectedMax, uint256 actual);
    /// @notice The escrow must hold `required` and has `available` that is not credited to anyone: too little for an
    ///         addition, for more data, or for the payment of arrears (R32).
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
    /// @notice The call re-enters the group during a transfer.
    error Upkeeping_Reentered();

    /// @notice Puts money into the escrow; anyone may. With the chain's own coin, send exactly `amount` along.
    function deposit(uint256 amount) external payable;

    /// @notice Like `deposit`, with an EIP-2612 permit in place of an earlier approval.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Books money that was sent to the group's address without `deposit`.
    function sync() external;

    /// @notice Pays at most `withdrawable()` to the payer's payee; payer only.
    function withdrawPayer(uint256 amount) external;

    /// @notice Pays a keeper its share in one committee version, to its payee; its operator or payee only.
    function withdrawKeeper(uint64 committee, uint8 index) external;

    /// @notice Pays a provider all its credit, to its payee; its operator or payee only.
    function withdrawProvider(uint32 provider) external;

    /// @notice Names the next payee of the payer, which is in force once it accepts. Only the present payee may call
    ///         this; that is the payer until another payee accepts (R3). To withdraw a nomination, the present payee
    ///         names itself.
    function namePayerPayee(address payee) external;

    /// @notice Called by the named payee.
    function acceptPayerPayee() external;

    /// @notice Credits the arrears of a provider that is gone, less the keepers' cut where a settlement left them;
    ///         anyone may, while the escrow holds what R32 requires. After the end as far as the escrow allows.
    function collectArrears(uint32 provider) external;
}
