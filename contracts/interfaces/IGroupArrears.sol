// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Payment of arrears outside of settlements (R32)
/// @notice Events and errors are in `IGroupMoney`.
interface IGroupArrears {
    /// @notice Credits all arrears of a provider; anyone may, while available ≥ required (R32). Arrears of a provider
    ///         that is listed are paid with the next settlement, too.
    function collectArrears(uint32 provider) external;

    /// @notice Credits the arrears of a committee version to its members in equal parts; anyone may, while available ≥
    ///         required (R32). What ⌊arrears / n⌋ leaves is owed no more and stays in the escrow.
    function collectKeeperArrears(address committee, uint32 version) external;

    /// @notice After the end: credits all arrears, of providers and keepers, at one ratio min(1, available / arrears),
    ///         each rounded down; anyone may (R32). A group without providers reaches its end without certificates.
    function collectAllArrears() external;
}
