// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Memory address of a certificate's eight words, as they were handed in. A struct would be zeroed first in
///         every call. Each field is a whole word: one that is too wide differs from every value that it is compared
///         with.
type CertificateWords is uint256;

using CertificateFields for CertificateWords global;

/// @title Fields of a certificate in memory (R27), in the order of `Certificate`
library CertificateFields {
    function ts(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 0);
    }

    function te(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 32);
    }

    function version(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 64);
    }

    function leader(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 96);
    }

    function failed(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 128);
    }

    function payees(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 160);
    }

    function count(CertificateWords c) internal pure returns (uint256) {
        return _word(c, 192);
    }

    function groups(CertificateWords c) internal pure returns (bytes32) {
        return bytes32(_word(c, 224));
    }

    function _word(CertificateWords c, uint256 offset) private pure returns (uint256 word) {
        // Assembly: a word in memory.
        assembly ("memory-safe") {
            word := mload(add(c, offset))
        }
    }
}
