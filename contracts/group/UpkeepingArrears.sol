// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupMoney} from "../interfaces/IGroupMoney.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {ProviderWord, ProviderWords} from "../libraries/ProviderWords.sol";
import {UpkeepingLedger} from "./UpkeepingLedger.sol";

/// @title Payment of arrears outside of settlements (R32)
abstract contract UpkeepingArrears is UpkeepingLedger {
    /// @dev See `IGroupMoney`.
    function collectArrears(uint32 index) external nonReentrant {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        uint256 amount = _accounts[index].arrears;
        if (amount == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        _catchUp(head, args);
        _checkFunded(head, args);
        _payArrears(head, index, amount);
        _noteArrears(head);
        _storeHead(head);
    }

    /// @dev See `IGroupMoney`.
    function collectKeeperArrears(address committee, uint32 version) external nonReentrant {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        uint256 key = _key(committee, version);
        uint256 amount = _books[key].arrears;
        if (amount == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        _catchUp(head, args);
        _checkFunded(head, args);
        _payKeeperArrears(head, _committeeOf(head, args), key, amount);
        _noteArrears(head);
        _storeHead(head);
    }

    /// @dev See `IGroupMoney`.
    function collectAllArrears() external nonReentrant {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        // Nothing is certified for a group without providers: its end comes by itself.
        _catchUp(head, args);
        if (!_hasEnded(head)) {
            uint256 end = head.has(Heads.TERMINATED) ? _course.end : type(uint40).max;
            revert IGroupMoney.Upkeeping_NotEnded(end, head.settledThrough);
        }
        uint256 available = head.available;
        uint256 due = uint256(_arrears.providers) + _arrears.keepers;
        if (due == 0 || available == 0) revert IGroupMoney.Upkeeping_NothingToMove();
        if (due > available) emit IGroupMoney.Shortfall(due, available);
        uint256 count = _seats.length;
        for (uint256 i = 0; i < count; ++i) {
            uint256 provider = _seats[i];
            uint256 amount = _scaled(_accounts[provider].arrears, available, due);
            if (amount != 0) _payArrears(head, provider, amount);
        }
        address committee = _committeeOf(head, args);
        // From the last one down: a version that is paid in full leaves its place to the last one.
        for (uint256 i = _owedVersions.length; i != 0; --i) {
            uint256 key = _owedVersions[i - 1];
            _payKeeperArrears(head, committee, key, _scaled(_books[key].arrears, available, due));
        }
        _noteArrears(head);
        _storeHead(head);
    }

    function _payArrears(Head memory head, uint256 provider, uint256 amount) private {
        head.available -= amount;
        ProviderWord word = _words[provider].addCredit(amount);
        uint256 left = _accounts[provider].arrears - amount;
        _setArrears(provider, left);
        _words[provider] = left == 0 ? word.without(ProviderWords.OWED) : word;
        emit IGroupMoney.ArrearsPaid(uint32(provider), amount);
    }
}
