// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A price for the data of transactions, for tests
/// @notice Replaces the GasPriceOracle of an OP Stack chain, with a fixed price per byte.
contract GasPriceOracleHarness {
    uint256 public constant WEI_PER_BYTE = 10_000_000_000_007;

    /// @param unsignedTransaction The transaction in its RLP encoding, without a signature.
    /// @return fee What its data costs on the chain below, in wei.
    function getL1Fee(bytes calldata unsignedTransaction) external pure returns (uint256 fee) {
        return unsignedTransaction.length * WEI_PER_BYTE;
    }
}
