// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupArrears} from "./IGroupArrears.sol";
import {IGroupMoney} from "./IGroupMoney.sol";
import {IGroupProviders} from "./IGroupProviders.sol";
import {IGroupService} from "./IGroupService.sol";
import {Payout, Period} from "./Types.sol";

/// @title One payer's money: a group, served by one committee at a time (R16, R29–R38, R46)
/// @notice A clone of the factory. It stores the escrow, the credits of providers and keepers, the providers and their
///         data, how far it is settled, and its present and next service. What was agreed it takes from its committee
///         alone.
interface IUpkeeping is IGroupMoney, IGroupArrears, IGroupProviders, IGroupService {
    /// @notice An interval was settled. `interval` is a `SettledInterval`, `keepers` a `KeepersPart`, each word of
    ///         `providers` a `ProviderPart`.
    event Settled(uint256 interval, uint256 keepers, uint256[] providers);

    /// @notice The certificate does not cover the group's next block: it is settled already, or earlier ones come
    ///         first.
    error Upkeeping_StaleInterval(uint64 settledThrough, uint64 ts, uint64 te);
    /// @notice Not one item for each provider with committed bytes in the interval.
    error Upkeeping_WrongItemCount(uint256 expected, uint256 actual);
    /// @notice Items are not strictly ascending by provider.
    error Upkeeping_ItemsNotAscending(uint256 expectedAbove, uint256 actual);
    /// @notice An item has bits beyond provider and space-time.
    error Upkeeping_BadItem(uint256 item);
    /// @notice The provider of an item has no committed byte in the interval.
    error Upkeeping_ProviderNotActive(uint32 provider);

    /// @notice Settles one interval of this group; by its present committee only, which checked the signatures, the
    ///         window and the proof that these items were signed (R29).
    /// @dev The interval is [from, through): from = max(ts, settledThrough), through = min(te, left).
    ///      Pre: te > settledThrough; nothing is committed in [settledThrough, ts) if ts > settledThrough; one item for
    ///      each provider with committed bytes in the interval, strictly ascending.
    ///      For each: S = Σ bytes × blocks, V = Σ bytes × price × blocks of the interval, proven = min(signed, S)
    ///      (R16), amount = ⌊proven × V / (S × 2^64)⌋ (R30). fee = ⌊keeperFee × ceiling × (through − from) / 65536⌋.
    ///      An amount above 2^96 − 1 counts as that.
    ///      due = Σ amount + fee + arrears of these providers + arrears of this committee version. If due > available,
    ///      each of these terms x becomes x' = ⌊x × available / due⌋ (R32), else x' = x.
    ///      A provider gets amount' − ⌊amount' × bps / 10000⌋ and its arrears'; its new arrears are arrears −
    ///      arrears' + (amount − ⌊amount × bps / 10000⌋) − (amount' − ⌊amount' × bps / 10000⌋).
    ///      K = Σ⌊amount × bps / 10000⌋ + fee, K' the same of amount' and fee'. Every member that is not `unpaid` gets
    ///      ⌊K' / divisor⌋, `sender` as much again; K − K' is booked as arrears of this version, of whose arrears each
    ///      of the n members gets ⌊arrears' / n⌋; once they are paid, what that leaves is owed no more. What is not
    ///      credited stays available. Post: settledThrough = through; a provider that leaves by then is closed; if
    ///      through = left, the next service is the present one. Never reverts for lack of money. No call to any other
    ///      contract.
    ///      The name gives the lowest selector of the group's functions: the code compares selectors one by one, so
    ///      that any other name costs every settlement up to 900 gas more.
    /// @param period `Period`
    /// @param payout `Payout`
    /// @param items `Item` words
    function creditItems(Period period, Payout payout, uint256[] calldata items) external;

    /// @notice Makes several calls of this group in one transaction, in their order, for example adds several providers
    ///         (R33).
    /// @dev Each call is as if the caller made it by itself: same sender, same rights, same guard against re-entering.
    ///      If one fails, the whole transaction reverts with that call's error. No coin can be sent along, so a coin
    ///      is never counted twice; a call that needs some (`deposit` of a group of the chain's coin) has to be made by
    ///      itself.
    /// @param data calls, each encoded as for a transaction: selector and arguments
    /// @return results what each call returned, in the same order
    function multicall(bytes[] calldata data) external returns (bytes[] memory results);
}
