// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice State that every settlement of a group reads and writes, in one slot.
/// @param free unallocated escrow (96 bits)
/// @param share total credited to each payee of the active committee (96)
/// @param ts settled through (39)
/// @param listed providers that are not closed, item by item (9)
/// @param flags see `Packed` (5)
/// @param turns turns of the latest settlements, not yet in the log, see `TurnLog` (11)
struct Hot {
    uint256 free;
    uint256 share;
    uint256 ts;
    uint256 listed;
    uint256 flags;
    uint256 turns;
}

/// @notice State of a provider that a settlement reads and writes, in one slot.
/// @param credit amount that it may withdraw (96)
/// @param size bytes committed at its start, which is ts, or the start of an abandoned interval not credited yet (56)
/// @param rate paid part of what was committed in its last settled interval, of 2^RATE_BITS; in a Merkle group bytes
///        per block (56)
/// @param changeFrom first block after the start at which the committed bytes change, 0 if none (40)
/// @param flags see `Packed` (8)
struct Live {
    uint256 credit;
    uint256 size;
    uint256 rate;
    uint256 changeFrom;
    uint256 flags;
}

/// @title Packed slots
/// @notice One SLOAD and one SSTORE per slot; the compiler would write each field separately.
library Packed {
    /// @dev Hot: some provider was added, changed or removed since ts.
    uint256 internal constant CHANGED = 1;
    /// @dev Hot: another committee version waits to take effect.
    uint256 internal constant SUCCESSION = 2;
    /// @dev Hot: terminated.
    uint256 internal constant TERMINATED = 4;
    /// @dev Hot: abandoned at least once.
    uint256 internal constant ABANDONED = 8;
    /// @dev Hot: the active committee's keys are not those in the group's own code.
    uint256 internal constant ELSEWHERE = 16;

    /// @dev `Live.rate` of a fully paid interval is 2^RATE_BITS.
    uint256 internal constant RATE_BITS = 55;

    /// @dev Live: added and not closed.
    uint256 internal constant LISTED = 1;
    /// @dev Live: its first block lies after ts.
    uint256 internal constant NEW = 2;
    /// @dev Live: removed, perhaps at a block still to come.
    uint256 internal constant REMOVED = 4;
    /// @dev Live: has arrears.
    uint256 internal constant OWED = 8;
    /// @dev Live: was settled at least once, so `rate` means something.
    uint256 internal constant RATED = 16;

    function unpackHot(uint256 word) internal pure returns (Hot memory hot) {
        hot.free = word >> 160;
        hot.share = uint96(word >> 64);
        hot.ts = (word >> 25) & 0x7fffffffff;
        hot.listed = (word >> 16) & 0x1ff;
        hot.flags = (word >> 11) & 0x1f;
        hot.turns = word & 0x7ff;
    }

    /// @dev No field can exceed its bits: money by the cap on deposits, the rest by construction.
    function pack(Hot memory hot) internal pure returns (uint256) {
        return
            (hot.free << 160) | (hot.share << 64) | (hot.ts << 25) | (hot.listed << 16) | (hot.flags << 11) | hot.turns;
    }

    function unpackLive(uint256 word) internal pure returns (Live memory live) {
        live.credit = word >> 160;
        live.size = uint56(word >> 104);
        live.rate = uint56(word >> 48);
        live.changeFrom = uint40(word >> 8);
        live.flags = uint8(word);
    }

    function pack(Live memory live) internal pure returns (uint256) {
        return (live.credit << 160) | (live.size << 104) | (live.rate << 48) | (live.changeFrom << 8) | live.flags;
    }
}
