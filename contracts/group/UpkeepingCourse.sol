// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupService} from "../interfaces/IGroupService.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {DataTerms} from "../interfaces/Types.sol";
import {Arguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {UpkeepingKeepers} from "./UpkeepingKeepers.sol";

/// @title Which committee serves which block (R38), and when changes take effect (R33)
abstract contract UpkeepingCourse is UpkeepingKeepers {
    bytes32 private constant PROVIDER_DATA_TYPEHASH = keccak256(
        "ProviderData(address committee,bytes32 root,uint64 size,uint80 price,address receiptKey,uint64 sequence,"
        "uint64 deadline)"
    );

    /// @dev The committee and the first block at which something takes effect: a change (`notice` = 0: more than its
    ///      confirmations later) or a leaving (`notice` blocks later). Without a committee the next block.
    function _takesEffect(
        Head memory head,
        Arguments args,
        uint256 notice
    ) internal view returns (address committee, uint256 from) {
        committee = _committeeOf(head, args);
        if (committee == address(0))
            from = block.number + 1;
            // If the service has not begun, settledThrough is its first block.
        else from = Narrow.max(_boundaryAfter(committee, notice), head.settledThrough);
        if (head.has(Heads.ENDING) && from >= _course.left) {
            Next memory next = _next;
            committee = next.committee;
            if (committee != address(0)) from = Narrow.max(_boundaryAfter(committee, notice), next.from);
        }
        if (notice == 0) from = Narrow.max(from, _course.latest);
    }

    function _boundaryAfter(address committee, uint256 notice) private view returns (uint256) {
        uint256 ahead = notice == 0 ? uint256(ICommittee(committee).rhythm().confirmations) + 1 : notice;
        return ICommittee(committee).firstSlotFrom(Narrow.to64(block.number + ahead));
    }

    /// @dev First block of the service that begins next, if one has not begun yet: a provider may leave then (R38).
    function _nextBeginning(Head memory head) internal view returns (uint256) {
        if (head.ceiling != 0 && head.settledThrough > block.number) return head.settledThrough;
        if (head.has(Heads.ENDING) && _next.from > block.number) return _next.from;
        return type(uint256).max;
    }

    /// @dev The group is settled through the end of its service: the next one is the present one from here on.
    function _handOver(Head memory head, Arguments args) internal {
        address committee = _committeeOf(head, args);
        if (_run.version() != 0) _closeAccount(head, committee);
        emit IGroupService.ServiceOver(committee, _present.number, uint64(head.settledThrough));
        Next memory next = _next;
        if (next.committee == address(0)) {
            head.ceiling = 0;
            head.clear(Heads.ENDING | Heads.MOVED | Heads.FRESH);
            delete _present;
            _course.left = 0;
            return;
        }
        delete _next;
        _begin(head, args, next);
        // R34 (b): that committee may have certified blocks which could not be settled before now.
        _course.movedAt = Narrow.to40(block.number);
        if (head.has(Heads.TERMINATED)) _course.left = _course.end;
        else {
            head.clear(Heads.ENDING);
            _course.left = 0;
        }
    }

    /// @dev A service becomes the present one.
    function _begin(Head memory head, Arguments args, Next memory next) internal {
        _present = Present(next.committee, next.number);
        _course.from = next.from;
        head.ceiling = next.ceiling;
        head.set(Heads.FRESH);
        if (next.committee == args.firstCommittee()) head.clear(Heads.MOVED);
        else head.set(Heads.MOVED);
        emit IGroupService.Entered(next.committee, next.number, next.ceiling, next.from);
    }

    /// @dev After settledThrough moved.
    function _handOverIfLeft(Head memory head, Arguments args) internal {
        if (head.has(Heads.ENDING) && head.settledThrough >= _course.left) _handOver(head, args);
    }

    /// @dev Moves an idle group along, over the end of its service and into the next if that has come.
    function _catchUp(Head memory head, Arguments args) internal {
        _passIdle(head);
        _handOverIfLeft(head, args);
        // After a handover the blocks since then are idle, too, up to the end of a terminated group.
        _passIdle(head);
        _handOverIfLeft(head, args);
    }

    /// @dev A call that changes something, by the payer, while the group is not terminated.
    function _openForPayer() internal returns (Arguments args, Head memory head) {
        (args, head) = _forPayer();
        _notTerminated(head);
        _catchUp(head, args);
    }

    function _requireNoEnd(Head memory head) internal view {
        if (head.has(Heads.ENDING))
            revert IGroupService.Upkeeping_ServiceEnds(_course.left, uint64(head.settledThrough));
    }

    /// @dev What an operator signs (R33).
    function _consentDigest(address committee, DataTerms calldata terms) internal view returns (bytes32) {
        return _typedDigest(keccak256(abi.encode(PROVIDER_DATA_TYPEHASH, committee, terms)));
    }
}
