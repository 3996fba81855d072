// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IGroupService} from "../interfaces/IGroupService.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {IUpkeepingFactory} from "../interfaces/IUpkeepingFactory.sol";
import {GroupTerms} from "../interfaces/Types.sol";
import {Arguments, GroupArguments} from "../libraries/GroupArguments.sol";
import {Head, Heads} from "../libraries/Heads.sol";
import {Narrow} from "../libraries/Narrow.sol";
import {UpkeepingAbandon} from "./UpkeepingAbandon.sol";

/// @title Entering, moving, release and the end of a group (R33, R38)
abstract contract UpkeepingService is UpkeepingAbandon {
    /// @dev See `IGroupService`.
    function initialize(uint16 ceiling) external nonReentrant {
        _onlyFactory();
        if (_headWord != 0) revert IGroupService.Upkeeping_Initialized();
        Arguments args = GroupArguments.load();
        Head memory head;
        head.settledThrough = block.number;
        _storeHead(head);
        uint256 held = _unbooked();
        if (held != 0) _book(held);
        if (ceiling == 0) return;
        head = _loadHead();
        _enter(head, args, args.firstCommittee(), ceiling);
    }

    /// @dev See `IGroupService`.
    function enter(address committee, uint16 ceiling) external nonReentrant {
        (Arguments args, Head memory head) = _openForPayer();
        _requireNoEnd(head);
        _enter(head, args, committee, ceiling);
    }

    /// @dev See `IGroupService`.
    function raiseCeiling(uint16 ceiling) external nonReentrant {
        (Arguments args, Head memory head) = _openForPayer();
        _requireNoEnd(head);
        address committee = _committeeOf(head, args);
        if (committee == address(0)) revert IGroupService.Upkeeping_NoCommittee();
        if (ceiling <= head.ceiling || ceiling > MAX_PROVIDERS)
            revert IGroupService.Upkeeping_BadCeiling(head.ceiling + 1, ceiling);
        head.ceiling = ceiling;
        _checkFunded(head, args);
        _storeHead(head);
        uint32 number = _present.number;
        emit IGroupService.CeilingRaised(committee, number, ceiling);
        ICommittee(committee).changeCeiling(number, ceiling);
    }

    /// @dev See `IGroupService`.
    function release() external nonReentrant {
        Arguments args = GroupArguments.load();
        Head memory head = _loadHead();
        address committee = _committeeOf(head, args);
        if (committee == address(0) || msg.sender != committee)
            revert IGroupService.Upkeeping_NotMyCommittee(committee, msg.sender);
        _requireNoEnd(head);
        if (head.listed != 0) {
            uint256 since = head.has(Heads.SHORT) ? _course.arrearsSince : type(uint40).max;
            if (block.number <= since + args.lockup()) {
                revert IGroupService.Upkeeping_NotReleasable(since + args.lockup() + 1, block.number);
            }
        }
        _passIdle(head);
        uint64 left = ICommittee(committee).firstSlotFrom(Narrow.to64(block.number + args.lockup()));
        _endService(head, committee, left);
        _storeHead(head);
    }

    /// @dev See `IGroupService`.
    function terminate() external nonReentrant {
        (Arguments args, Head memory head) = _openForPayer();
        uint256 target = block.number + args.lockup();
        address committee = _committeeOf(head, args);
        uint256 end = target;
        if (committee != address(0)) end = ICommittee(committee).firstSlotFrom(Narrow.to64(target));
        Next memory next = _next;
        if (head.has(Heads.ENDING) && end > _course.left) {
            // A move that begins before the end stands; after a release nobody serves the blocks from `left` on.
            end = target;
            if (next.committee != address(0)) {
                end = ICommittee(next.committee).firstSlotFrom(Narrow.to64(Narrow.max(target, next.from)));
                ICommittee(next.committee).endMembership(next.number, uint64(end));
            }
        } else if (committee != address(0)) {
            if (next.committee != address(0)) {
                delete _next;
                ICommittee(next.committee).endMembership(next.number, next.from);
            }
            _endService(head, committee, uint64(end));
        }
        _course.end = Narrow.to40(end);
        head.set(Heads.TERMINATED);
        emit IGroupService.Terminated(uint64(end));
        _storeHead(head);
    }

    function _enter(Head memory head, Arguments args, address committee, uint256 ceiling) private {
        if (!IUpkeepingFactory(_factory).isCommittee(committee))
            revert IGroupService.Upkeeping_NotACommittee(committee);
        uint256 least = Narrow.max(head.listed, 1);
        if (ceiling < least || ceiling > MAX_PROVIDERS) revert IGroupService.Upkeeping_BadCeiling(least, ceiling);
        address present = _committeeOf(head, args);
        if (committee == present) revert IGroupService.Upkeeping_SameCommittee(committee);
        bool moving = present != address(0);
        // The present service must have begun: settledThrough is its first block at least.
        uint256 earliest = moving ? Narrow.max(block.number + args.lockup(), head.settledThrough + 1) : 0;
        (uint32 number, uint64 from) = ICommittee(committee).admit(
            GroupTerms({
                payer: _payerOf(args),
                token: args.token(),
                keeperFee: uint96(args.keeperFee()),
                keeperShareBps: uint16(args.keeperShareBps()),
                lockup: uint32(args.lockup())
            }),
            uint16(ceiling),
            uint64(earliest)
        );
        Next memory next = Next(committee, number, uint16(ceiling), Narrow.to40(from));
        if (moving) {
            _next = next;
            _course.left = next.from;
            head.set(Heads.ENDING);
            _leaveBy(from);
            emit IGroupService.MoveScheduled(committee, number, uint16(ceiling), from);
            ICommittee(present).endMembership(_present.number, from);
        } else {
            _creditThrough(head, from);
            _begin(head, args, next);
        }
        _checkFunded(head, args);
        _storeHead(head);
    }

    /// @dev The present service ends, and none follows.
    function _endService(Head memory head, address committee, uint64 left) private {
        head.set(Heads.ENDING);
        _course.left = Narrow.to40(left);
        uint32 number = _present.number;
        emit IGroupService.ServiceEnds(committee, number, left);
        ICommittee(committee).endMembership(number, left);
    }
}
