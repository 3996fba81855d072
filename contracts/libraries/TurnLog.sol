// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {PastSettlement} from "../interfaces/UpkeepingTypes.sol";

/// @title Past settlements, in about a bit each
/// @notice An interval's length gives its turn: te − ts = h + (turn − 1)·t. A turn is encoded as turn − 1 zeros and a
///         one, after a leading one that marks the start. The hot slot, which every settlement writes, buffers ten
///         bits; a full buffer moves to a log of words: block at which the word starts (40) ‖ settlements before it
///         (32) ‖ bits (184). A turn too long for that has a word of its own, with the highest of the 184 bits set.
library TurnLog {
    uint256 private constant BUFFER_BITS = 10;
    uint256 private constant WORD_BITS = 182;
    uint256 private constant RAW = 1 << 183;

    /// @notice Appends a settlement of an interval that started at `ts`.
    /// @param buffer buffered bits, 1 if none
    /// @return the new buffer
    function append(
        uint256[] storage log,
        uint256 buffer,
        uint256 turn,
        uint256 ts,
        uint256 interval,
        uint256 blocks
    ) internal returns (uint256) {
        // Unchecked: the first half keeps the difference above 0.
        unchecked {
            if (turn <= BUFFER_BITS && buffer >> (BUFFER_BITS + 1 - turn) == 0) return (buffer << turn) | 1;
        }
        return _overflow(log, buffer, turn, ts, interval, blocks);
    }

    /// @dev The rare case: moves the buffer to the log first. A function of its own, so that `append` stays short
    ///      enough to be inlined.
    function _overflow(
        uint256[] storage log,
        uint256 buffer,
        uint256 turn,
        uint256 ts,
        uint256 interval,
        uint256 blocks
    ) private returns (uint256) {
        flush(log, buffer, ts, interval, blocks);
        if (turn <= BUFFER_BITS) return (1 << turn) | 1;
        log.push((ts << 216) | (_before(log) << 184) | RAW | turn);
        return 1;
    }

    /// @notice Moves the buffered bits to the log. `end` is the te of the last buffered settlement.
    function flush(uint256[] storage log, uint256 buffer, uint256 end, uint256 interval, uint256 blocks) internal {
        if (buffer == 1) return;
        (uint256 size, uint256 count) = _measure(buffer);
        uint256 start = end - count * interval - (size - count) * blocks;
        if (log.length != 0) {
            uint256 last = log[log.length - 1];
            uint256 bits = last & (RAW - 1);
            (uint256 lastSize, uint256 lastCount) = _measure(bits);
            uint256 lastEnd = (last >> 216) + lastCount * interval + (lastSize - lastCount) * blocks;
            if (last & RAW == 0 && lastEnd == start && lastSize + size <= WORD_BITS) {
                uint256 joined = (bits << size) | (buffer ^ (1 << size));
                log[log.length - 1] = ((last >> 184) << 184) | joined;
                return;
            }
        }
        log.push((start << 216) | (_before(log) << 184) | buffer);
    }

    /// @dev Position of a reader.
    /// @param skip settlements to pass over before the page
    struct Reader {
        uint256 skip;
        uint256 done;
        uint256 ts;
        uint256 interval;
        uint256 blocks;
    }

    /// @notice Settlements [from, from + count), oldest first, cut at the end. `end` is the te of the last buffered
    ///         settlement.
    function read(
        uint256[] storage log,
        uint256 buffer,
        uint256 end,
        uint256 interval,
        uint256 blocks,
        uint256 from,
        uint256 count
    ) internal view returns (PastSettlement[] memory page) {
        (uint256 size, uint256 waiting) = _measure(buffer);
        uint256 total = _before(log) + waiting;
        if (from > total) from = total;
        page = new PastSettlement[](count > total - from ? total - from : count);
        uint256 word = _wordOf(log, from);
        Reader memory reader = Reader(0, 0, 0, interval, blocks);
        reader.skip = from - (word < log.length ? uint32(log[word] >> 184) : total - waiting);
        for (; word < log.length && reader.done < page.length; ++word) {
            reader.ts = log[word] >> 216;
            _decode(page, reader, log[word] & (2 * RAW - 1));
        }
        reader.ts = end - waiting * interval - (size - waiting) * blocks;
        _decode(page, reader, buffer);
    }

    /// @dev Writes the settlements of one word that belong to the page.
    function _decode(PastSettlement[] memory page, Reader memory reader, uint256 bits) private pure {
        if (bits & RAW != 0) {
            _put(page, reader, bits ^ RAW);
            return;
        }
        uint256 turn = 1;
        for (uint256 position = Math.log2(bits); position > 0; --position) {
            if ((bits >> (position - 1)) & 1 == 0) {
                ++turn;
            } else {
                _put(page, reader, turn);
                turn = 1;
            }
        }
    }

    function _put(PastSettlement[] memory page, Reader memory reader, uint256 turn) private pure {
        uint256 ts = reader.ts;
        reader.ts = ts + reader.interval + (turn - 1) * reader.blocks;
        if (reader.skip != 0) --reader.skip;
        else if (reader.done < page.length)
            page[reader.done++] = PastSettlement(uint64(ts), uint64(reader.ts), uint32(turn));
    }

    /// @dev The word that holds the settlement with this number, or the number of words if it is in the buffer.
    function _wordOf(uint256[] storage log, uint256 ordinal) private view returns (uint256) {
        if (log.length == 0 || ordinal >= _before(log)) return log.length;
        uint256 low = 0;
        uint256 high = log.length;
        while (low + 1 < high) {
            uint256 middle = (low + high) / 2;
            if (uint32(log[middle] >> 184) <= ordinal) low = middle;
            else high = middle;
        }
        return low;
    }

    /// @dev Settlements in all words of the log.
    function _before(uint256[] storage log) private view returns (uint256) {
        if (log.length == 0) return 0;
        uint256 last = log[log.length - 1];
        if (last & RAW != 0) return uint32(last >> 184) + 1;
        (, uint256 count) = _measure(last & (RAW - 1));
        return uint32(last >> 184) + count;
    }

    /// @dev Bits behind the leading one, and how many of them are ones.
    function _measure(uint256 bits) private pure returns (uint256 size, uint256 count) {
        size = Math.log2(bits);
        for (uint256 rest = bits ^ (1 << size); rest != 0; rest &= rest - 1) {
            ++count;
        }
    }
}
