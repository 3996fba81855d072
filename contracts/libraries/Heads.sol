// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice State that every settlement of a group reads and writes, in one slot.
/// @param available booked balance less all credits (96 bits)
/// @param share total credited to each payee under the version whose account is open (96)
/// @param settledThrough every block before it is settled, credited or idle (40)
/// @param listed providers that are not closed (9)
/// @param ceiling providers reserved at the present committee; 0: no committee (9)
/// @param flags see below (6)
struct Head {
    uint256 available;
    uint256 share;
    uint256 settledThrough;
    uint256 listed;
    uint256 ceiling;
    uint256 flags;
}

using Heads for Head global;

/// @title The head slot: one SLOAD and one SSTORE
library Heads {
    /// @notice A field does not fit its bits; by construction none can.
    error Head_TooWide(uint256 available, uint256 share, uint256 settledThrough, uint256 listed, uint256 ceiling);

    /// @dev The present committee is not that of the arguments.
    uint256 internal constant MOVED = 1;
    /// @dev The next settlement compares the members' version: the service is new, or blocks were skipped.
    uint256 internal constant FRESH = 2;
    /// @dev A provider begins at or after settledThrough.
    uint256 internal constant STARTING = 4;
    /// @dev The present service ends at `Course.left`.
    uint256 internal constant ENDING = 8;
    uint256 internal constant TERMINATED = 16;
    /// @dev Somebody is owed arrears.
    uint256 internal constant SHORT = 32;

    /// @notice The fields in the order of `Head`.
    function fields(
        uint256 word
    )
        internal
        pure
        returns (
            uint256 available,
            uint256 share,
            uint256 settledThrough,
            uint256 listed,
            uint256 ceiling,
            uint256 flags
        )
    {
        available = word >> 160;
        share = uint96(word >> 64);
        settledThrough = uint40(word >> 24);
        listed = (word >> 15) & 0x1ff;
        ceiling = (word >> 6) & 0x1ff;
        flags = word & 0x3f;
    }

    function pack(Head memory head) internal pure returns (uint256) {
        (uint256 available, uint256 share, uint256 settledThrough) = (head.available, head.share, head.settledThrough);
        (uint256 listed, uint256 ceiling) = (head.listed, head.ceiling);
        if ((available >> 96) | (share >> 96) | (settledThrough >> 40) | (listed >> 9) | (ceiling >> 9) != 0) {
            revert Head_TooWide(available, share, settledThrough, listed, ceiling);
        }
        return
            (available << 160) | (share << 64) | (settledThrough << 24) | (listed << 15) | (ceiling << 6) | head.flags;
    }

    /// @notice Whether one of the flags is set.
    function has(Head memory head, uint256 flag) internal pure returns (bool) {
        return head.flags & flag != 0;
    }

    function set(Head memory head, uint256 flag) internal pure {
        head.flags |= flag;
    }

    function clear(Head memory head, uint256 flag) internal pure {
        head.flags &= ~flag;
    }
}
