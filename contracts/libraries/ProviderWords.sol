// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Narrow} from "./Narrow.sol";

/// @notice A provider's state that settlements read and write, in one slot: credit (96) ‖ price (80) ‖ size (56) ‖
///         flags
///         (24). Price and size are those in force at settledThrough.
type ProviderWord is uint256;

using ProviderWords for ProviderWord global;

/// @title Fields of a provider's slot
library ProviderWords {
    /// @dev Added, and not closed.
    uint256 internal constant LISTED = 1;
    /// @dev Its data change, begin or end at a block after settledThrough (`Track`).
    uint256 internal constant PENDING = 2;
    /// @dev It is owed arrears.
    uint256 internal constant OWED = 4;
    /// @dev All that it committed in its last settled interval was paid (p = k of R34), or it had none.
    uint256 internal constant WHOLE = 8;
    /// @dev Nothing of that was paid (p = 0).
    uint256 internal constant NONE = 16;

    uint256 private constant DATA_MASK = ((1 << 136) - 1) << 24;

    function credit(ProviderWord word) internal pure returns (uint256) {
        return ProviderWord.unwrap(word) >> 160;
    }

    function price(ProviderWord word) internal pure returns (uint256) {
        return uint80(ProviderWord.unwrap(word) >> 80);
    }

    function size(ProviderWord word) internal pure returns (uint256) {
        return uint56(ProviderWord.unwrap(word) >> 24);
    }

    function has(ProviderWord word, uint256 flag) internal pure returns (bool) {
        return ProviderWord.unwrap(word) & flag != 0;
    }

    /// @dev Whether exactly `expected` of the flags in `mask` are set.
    function flagsAre(ProviderWord word, uint256 mask, uint256 expected) internal pure returns (bool) {
        return ProviderWord.unwrap(word) & mask == expected;
    }

    function with(ProviderWord word, uint256 flag) internal pure returns (ProviderWord) {
        return ProviderWord.wrap(ProviderWord.unwrap(word) | flag);
    }

    function without(ProviderWord word, uint256 flag) internal pure returns (ProviderWord) {
        return ProviderWord.wrap(ProviderWord.unwrap(word) & ~flag);
    }

    function withData(ProviderWord word, uint56 size_, uint80 price_) internal pure returns (ProviderWord) {
        uint256 data = (uint256(price_) << 80) | (uint256(size_) << 24);
        return ProviderWord.wrap((ProviderWord.unwrap(word) & ~DATA_MASK) | data);
    }

    function withCredit(ProviderWord word, uint256 credit_) internal pure returns (ProviderWord) {
        return ProviderWord.wrap((Narrow.check(credit_, 96) << 160) | uint160(ProviderWord.unwrap(word)));
    }

    /// @dev Reverts if the sum does not fit: the credit is the uppermost field.
    function addCredit(ProviderWord word, uint256 amount) internal pure returns (ProviderWord) {
        return ProviderWord.wrap(ProviderWord.unwrap(word) + (Narrow.check(amount, 96) << 160));
    }
}
