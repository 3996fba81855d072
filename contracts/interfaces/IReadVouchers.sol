// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Money of a reader for one provider in one token.
/// @param deposited all that was ever deposited
/// @param spent all that ever left the channel: redeemed by the provider, or returned to the reader
/// @param expiry first block in which the provider can redeem no more and the reader may withdraw
struct Channel {
    uint96 deposited;
    uint96 spent;
    uint40 expiry;
}

/// @notice Names a channel.
/// @param token zero: the chain's own coin
struct ChannelKey {
    address reader;
    address provider;
    address token;
}

/// @notice A reader's newest voucher, as the provider hands it in.
/// @param token zero: the chain's own coin
/// @param amount cumulative: all that the reader ever promised to this provider in this token
/// @param r first word of the signature
/// @param vs second word of the signature in its compact form (EIP-2098): the parity of y in the top bit, then s
struct Claim {
    address reader;
    address token;
    uint256 amount;
    bytes32 r;
    bytes32 vs;
}

/// @title Paid reading: deposits of readers, and vouchers that providers redeem (R47)
/// @notice A reader deposits for one provider, in one token, until a block of its choice. While it reads, it signs
///         vouchers; each one says how much it has promised to this provider in all, so the newest one replaces the
///         others. The provider redeems the newest vouchers of many readers in one call. This contract calls no other
///         one but the token, and no other contract calls it.
/// @dev For a channel, D = deposited and S = spent. Both only grow, and S ≤ D ≤ 2^96 − 1.
///      gain(voucher) = max(0, min(amount, D) − S) before `expiry`, and 0 from that block on;
///      a redemption sets S to S + gain; a withdrawal or a release returns D − S and sets S to D.
///      Invariants:
///      - Over the whole life of a channel, the provider gets at most the highest amount that the reader ever signed.
///        A return counts as spent, so a voucher that the deposits of its time covered is worth nothing after it.
///        A reader that signs above D promises its next deposits.
///      - What the contract holds of a token is Σ (D − S) over the channels of this token, or more: tokens that were
///        sent here without `deposit` belong to no channel, and stay.
///      - Nobody but the reader moves an expiry, and it never moves back: before it, the money that covers a voucher
///        cannot leave without its provider.
///      Neither side can be cheated of more than one range of bytes: the provider sends the next range only when a
///      voucher covers all ranges before it, so a reader that stops owes one range at most; a reader that pays a range
///      ahead and gets nothing has lost that range at most. The provider has to check a voucher itself: signature,
///      D − S, and an expiry that leaves it the time to redeem.
///      Signed: Voucher(address reader,address provider,address token,uint256 amount) in the EIP-712 domain (name
///      "WhitePay reading", version "1", chain id, this contract). Readers sign with the key of their account (ECDSA,
///      s in the lower half). Contracts (ERC-1271) cannot be readers: one could change its answer after it has read,
///      and so take a promise back; or use up the gas of a call that redeems for many readers.
interface IReadVouchers {
    /// @notice A deposit arrived; `amount` is measured, so a token's transfer fee is not in it.
    event Deposited(
        address indexed reader,
        address indexed provider,
        address indexed token,
        address from,
        uint256 amount,
        uint256 expiry
    );
    /// @notice A provider was paid `amount` for a voucher; the channel has spent `spent` in all.
    event Redeemed(
        address indexed reader,
        address indexed provider,
        address indexed token,
        uint256 amount,
        uint256 spent,
        address to
    );
    /// @notice The rest of a channel went back to its reader: at the expiry, or released by the provider.
    event Returned(address indexed reader, address indexed provider, address indexed token, uint256 amount, address to);

    /// @notice Only the reader opens a channel, or moves its expiry; others add to an open one.
    error ReadVouchers_NotReader(address expected, address actual);
    /// @notice An expiry is not before the present one, `LEAST_BLOCKS` ahead at least if it is new, and `MOST_BLOCKS`
    ///         ahead at most.
    error ReadVouchers_BadExpiry(uint256 expectedMin, uint256 expectedMax, uint256 actual);
    /// @notice The reader withdraws from the expiry on.
    error ReadVouchers_NotExpired(uint256 expectedFrom, uint256 actual);
    /// @notice There is nothing to deposit, redeem or return.
    error ReadVouchers_NothingToMove();
    /// @notice The coin sent along does not equal the amount (deposits of a token: must be 0).
    error ReadVouchers_WrongValue(uint256 expected, uint256 actual);
    /// @notice A channel takes in at most 2^96 − 1 units in its life.
    error ReadVouchers_TooMuchMoney(uint256 expectedMax, uint256 actual);
    /// @notice More claims than one call takes.
    error ReadVouchers_TooManyClaims(uint256 expectedMax, uint256 actual);
    /// @notice A voucher is not signed by its reader, for this provider, token and amount, in this contract's domain.
    ///         `actual` is the account that signed it, 0 if the signature is malformed.
    error ReadVouchers_BadSignature(address expected, address actual);
    /// @notice The receiver refused the coin.
    error ReadVouchers_TransferFailed(address to, uint256 amount);
    /// @notice The zero address.
    error ReadVouchers_ZeroAddress();
    /// @notice The call re-enters the contract during a transfer.
    error ReadVouchers_Reentered();

    /// @notice Adds to a reader's channel. With the chain's own coin, send exactly `amount` along.
    /// @dev Only the reader opens a channel or moves its expiry: else a stranger could lock its money with a deposit of
    ///      one unit. Anybody else adds to a channel before its expiry, and names that expiry. The reader may deposit 0
    ///      to move the expiry alone.
    ///      Pre: expiry ≥ the present one; if it differs, or the present one has passed: block + LEAST_BLOCKS ≤ expiry
    ///      ≤ block + MOST_BLOCKS. Post: D rises by what arrived.
    /// @param token zero: the chain's own coin
    function deposit(address reader, address provider, address token, uint256 amount, uint256 expiry) external payable;

    /// @notice Pays the caller, a provider, what vouchers of its readers are worth (gain, above) to `to`; one transfer
    ///         for each run of claims with the same token.
    /// @dev A claim that is worth nothing is skipped before its signature is looked at: it was redeemed already, or its
    ///      channel expired while the transaction waited. So no reader can make the call fail for the others. At most
    ///      `MOST_CLAIMS`; `ReadVouchers_NothingToMove` if all are worth nothing.
    function redeem(Claim[] calldata claims, address to) external;

    /// @notice Pays the caller, a reader, the rest of its channel to `to`, from the expiry on.
    function withdraw(address provider, address token, address to) external;

    /// @notice Pays the rest of a channel back to its reader; by the provider, at any time. It gives up every voucher
    ///         of the reader that it has not redeemed.
    function release(address reader, address token) external;

    function channel(address reader, address provider, address token) external view returns (Channel memory);

    /// @notice Many channels in one call: those of a reader, or of a provider.
    function channels(ChannelKey[] calldata keys) external view returns (Channel[] memory);

    /// @notice What a voucher with this amount is worth in a transaction of the present block: gain, above.
    function gain(address reader, address provider, address token, uint256 amount) external view returns (uint256);

    /// @notice The EIP-712 digest that the reader signs.
    function voucherDigest(
        address reader,
        address provider,
        address token,
        uint256 amount
    ) external view returns (bytes32);
}
