// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {IGroupService} from "../interfaces/IGroupService.sol";
import {Period, Payout} from "../interfaces/Types.sol";
import {Arguments} from "../libraries/GroupArguments.sol";
import {DebtRun} from "../libraries/DebtRuns.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {Words} from "../libraries/Words.sol";
import {UpkeepingCommitments} from "./UpkeepingCommitments.sol";

/// @title Keepers' shares, debts and arrears, by version of a committee (R25, R30, R32)
/// @notice Every member of a version is credited `share`, one number in the head. Members that are not paid have it as
///         a debt, and as long as the same ones are left out, all their debts are one word, the run.
abstract contract UpkeepingKeepers is UpkeepingCommitments {
    using Words for Period;
    using Words for Payout;

    function _key(address committee, uint256 version) internal pure returns (uint256) {
        return (version << 160) | uint160(committee);
    }

    /// @dev Address of the present committee; zero without one.
    function _committeeOf(Head memory head, Arguments args) internal view returns (address) {
        if (head.ceiling == 0) return address(0);
        return head.has(Heads.MOVED) ? _present.committee : args.firstCommittee();
    }

    /// @dev The members that signed can be others than before (R37) only if their first certificate begins at or after
    ///      settledThrough, or if the flag FRESH says so.
    function _mayBeOthers(Head memory head, Period period) internal pure returns (bool) {
        return head.has(Heads.FRESH) || period.versionFrom() >= head.settledThrough;
    }

    /// @dev Opens the account of the members that signed, if they are others than before.
    function _openAccount(Head memory head, Arguments args, Period period) internal {
        head.clear(Heads.FRESH);
        uint32 number = _present.number;
        if (number != period.number()) revert IGroupService.Upkeeping_WrongNumber(number, uint32(period.number()));
        uint256 version = period.version();
        uint256 before = _run.version();
        if (before == version) return;
        address committee = _committeeOf(head, args);
        if (before != 0) _closeAccount(head, committee);
        // A group that comes back finds its account as it was.
        Book storage book = _books[_key(committee, version)];
        head.share = book.share;
        _run = book.run.opened(version);
    }

    function _closeAccount(Head memory head, address committee) internal {
        // The run stays as it is: a settlement in which one account closes and another one follows or closes, too, has
        // the debts of one set of members to write at most.
        Book storage book = _books[_key(committee, _run.version())];
        book.share = Narrow.to96(head.share);
        book.run = _run;
        _run = DebtRun.wrap(0);
        head.share = 0;
    }

    /// @dev Divides the keepers' part (R30). Nothing is credited if nobody is paid. Available pays every share.
    function _payKeepers(Head memory head, address committee, Payout payout, uint256 part) internal {
        uint256 share = part / payout.divisor();
        uint256 shares;
        // Unchecked: a share is below 2^160, and at most 124 are paid; `Heads.pack` refuses a sum of shares above 96
        // bits.
        unchecked {
            shares = share * payout.paid();
            if (shares == 0) return;
            head.share += share;
        }
        head.available -= shares;
        uint256 unpaid = payout.unpaid();
        if (unpaid != 0) _leaveOut(committee, unpaid, share);
        uint256 sender = payout.sender();
        if (sender != Words.NO_SENDER) {
            // R25: it takes the leader's share; the leader is among the unpaid.
            _books[_key(committee, _run.version())].adjustments[sender] += int256(share);
        }
    }

    function _leaveOut(address committee, uint256 unpaid, uint256 share) private {
        DebtRun run = _run;
        if (run.unpaid() != unpaid) {
            _flushRun(_books[_key(committee, run.version())], run);
            run = run.restarted(unpaid);
        }
        _run = run.plus(share);
    }

    /// @dev Turns the run into debts of its members.
    function _flushRun(Book storage book, DebtRun run) private {
        int256 debt = int256(run.debt());
        uint256 index = 0;
        for (uint256 members = run.unpaid(); members != 0; members >>= 1) {
            if (members & 1 != 0) book.adjustments[index] -= debt;
            ++index;
        }
    }

    /// @dev Books what a version earned and the escrow did not hold (R32).
    function _oweKeepers(address committee, uint256 n, uint256 amount) internal {
        if (amount == 0) return;
        uint256 key = _key(committee, _run.version());
        if (_books[key].owedIndex == 0 && _owedVersions.length == MAX_OWED_VERSIONS) {
            key = _owedVersions[MAX_OWED_VERSIONS - 1];
        }
        Book storage book = _books[key];
        if (book.owedIndex == 0) {
            _owedVersions.push(key);
            book.owedIndex = uint8(_owedVersions.length);
            book.n = uint8(n);
        }
        _setKeeperArrears(key, Narrow.min(book.arrears + amount, MAX_MONEY));
    }

    /// @dev Credits `amount` of a version's arrears to its members in equal parts. What does not divide stays owed in a
    ///      part payment; with the last one it stays in the escrow, as in every division among keepers (R30). Otherwise
    ///      the group would be in arrears for ever, and could be released (R38).
    function _payKeeperArrears(Head memory head, address committee, uint256 key, uint256 amount) internal {
        Book storage book = _books[key];
        uint256 owed = book.arrears;
        uint256 share = amount / book.n;
        uint256 left = amount == owed ? 0 : owed - share * book.n;
        if (left == owed) return;
        head.available -= share * book.n;
        if (_isOpen(head, committee, key)) head.share += share;
        else book.share = Narrow.to96(book.share + share);
        emit IGroupMoney.KeeperArrearsPaid(address(uint160(key)), uint32(key >> 160), share);
        _setKeeperArrears(key, left);
    }

    function _setKeeperArrears(uint256 key, uint256 arrears) private {
        Book storage book = _books[key];
        _arrears.keepers = Narrow.to128(uint256(_arrears.keepers) + arrears - book.arrears);
        book.arrears = uint96(arrears);
        emit IGroupMoney.KeeperArrearsChanged(address(uint160(key)), uint32(key >> 160), arrears);
        if (arrears != 0) return;
        uint256 lastKey = _owedVersions[_owedVersions.length - 1];
        _owedVersions[book.owedIndex - 1] = lastKey;
        _books[lastKey].owedIndex = book.owedIndex;
        _owedVersions.pop();
        book.owedIndex = 0;
    }

    /// @dev Sets a provider's arrears; its slot is the caller's to update (flag OWED).
    function _setArrears(uint256 provider, uint256 arrears) internal {
        Account storage account = _accounts[provider];
        arrears = Narrow.min(arrears, MAX_MONEY);
        if (arrears == account.arrears) return;
        _arrears.providers = Narrow.to128(uint256(_arrears.providers) + arrears - account.arrears);
        account.arrears = uint96(arrears);
        emit IGroupMoney.ArrearsChanged(uint32(provider), arrears);
    }

    /// @dev Keeps the flag SHORT and the block since which something is owed.
    function _noteArrears(Head memory head) internal {
        Arrears memory owed = _arrears;
        bool short = owed.providers != 0 || owed.keepers != 0;
        if (short == head.has(Heads.SHORT)) return;
        _course.arrearsSince = short ? uint40(block.number) : 0;
        if (short) head.set(Heads.SHORT);
        else head.clear(Heads.SHORT);
    }

    /// @dev Whether the account of a version is open: its share is in the head.
    function _isOpen(Head memory head, address committee, uint256 key) internal view returns (bool) {
        uint256 version = _run.version();
        return version != 0 && head.ceiling != 0 && key == _key(committee, version);
    }

    function _balanceOf(Head memory head, Arguments args, uint256 key, uint256 index) internal view returns (uint256) {
        Book storage book = _books[key];
        bool open = _isOpen(head, _committeeOf(head, args), key);
        DebtRun run = open ? _run : book.run;
        int256 balance = int256(open ? head.share : book.share) + book.adjustments[index];
        if ((run.unpaid() >> index) & 1 != 0) balance -= int256(run.debt());
        return uint256(balance);
    }
}
