// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "../interfaces/IRegistry.sol";
import {Quorum} from "../libraries/Quorum.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {CommitteeArguments, Constitution} from "../libraries/CommitteeArguments.sol";
import {Progress, ProgressWords} from "../libraries/ProgressWords.sol";

/// @title Storage of a committee
abstract contract CommitteeStorage is ICommittee {
    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );

    /// @dev The keys of the version in force (ELSEWHERE), and the latest end of a membership that is not empty.
    struct Seats {
        address keysBlob;
        uint40 lastLeft;
    }

    /// @dev `era` is the version with which the present members took effect: key rotations do not count. `complete`
    ///      and `rotated` are the versions that wait to take effect, 0 if none; `lastVersion` is the last number.
    ///      `resigned` are the present members' seats.
    struct Succession {
        uint32 era;
        uint32 complete;
        uint32 rotated;
        uint32 lastVersion;
        uint128 resigned;
    }

    /// @dev A version after the first; of the first, only `seed`, `consented` and `retiredFrom` are used. `keysBlob` is
    ///      set at completion; `list` holds the operators before it. `consented` are seats of this version, `approved`
    ///      seats of the present members; `resigned` are seats of this version.
    struct VersionRecord {
        address keysBlob;
        uint40 completedAt;
        uint40 effectiveFrom;
        address list;
        uint40 retiredFrom;
        uint32 base;
        bool withdrawn;
        bool rotation;
        address proposer;
        uint128 consented;
        uint128 approved;
        uint128 resigned;
        bytes32 seed;
    }

    /// @dev A membership, in one slot. `ceiling` is 0 once it is freed.
    struct Member {
        address group;
        uint16 ceiling;
        uint40 entered;
        uint40 left;
    }

    IRegistry internal immutable _registry;
    address internal immutable _factory;

    Progress internal _progress;
    Seats internal _seats;
    Succession internal _succession;
    mapping(uint256 version => VersionRecord) internal _versions;
    mapping(address proposer => uint32 version) internal _proposalOf;
    mapping(uint256 number => Member) internal _members;
    mapping(address group => bool) internal _invited;
    /// @dev By ts: upper 200 bits of the certificate's struct hash ‖ te (40) ‖ 1 if its members took effect at ts (1)
    ///      ‖ block of acceptance − te (15, below t ≤ 8,000).
    ///      Finding a second certificate under the same 200 bits costs 2^100 hashes even for a quorum that signs both.
    mapping(uint256 ts => bytes32) internal _remembered;

    constructor(IRegistry registry_, address factory_) {
        _registry = registry_;
        _factory = factory_;
    }

    /// @dev What a call that needs a formed committee reads first.
    function _formed() internal view returns (Constitution args, Progress p, uint256 n) {
        args = CommitteeArguments.load();
        p = _progress;
        n = args.size();
        if (p.origin() == 0) revert Committee_NotFormed(n, Quorum.count(_versions[1].consented));
    }

    /// @dev Contract whose code holds the keys of the version in force.
    function _keysInForce(Progress p) internal view returns (address) {
        return p.has(ProgressWords.ELSEWHERE) ? _seats.keysBlob : address(this);
    }

    /// @dev Contract whose code holds a version's keys: those of the first are in the committee's own code if they fit.
    function _keysOf(uint256 version, uint256 n) internal view returns (address) {
        return version == 1 && n <= Quorum.MAX_OWN_MEMBERS ? address(this) : _versions[version].keysBlob;
    }

    /// @dev Seat of an operator among the members in force; reverts if it has none.
    function _seatOf(address operator) internal view returns (uint256 index, uint256 n) {
        n = CommitteeArguments.load().size();
        index = Quorum.indexOf(_keysInForce(_progress), n, operator);
        if (index == n) revert Committee_NotMember(operator);
    }

    /// @dev R5, R37: no membership without an end, and certified through all those that ended.
    function _isIdle(Progress p) internal view returns (bool) {
        return p.open() == 0 && p.certifiedThrough() >= _seats.lastLeft;
    }

    /// @dev EIP-712: name "WhitePay", version "2", this chain and contract.
    function _typedDigest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("WhitePay"), keccak256("2"), block.chainid, address(this))
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
