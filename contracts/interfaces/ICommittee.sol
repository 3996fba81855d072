// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Certificate, Consent, GroupTerms, Membership, Rhythm, Terms, Version} from "./Types.sol";

/// @title Agreement of a committee (R2, R5, R6, R25, R27, R29, R36–R38, R41)
/// @notice A clone of the factory. It stores its members' versions, its terms, the groups that it serves with their
///         blocks [entered, left), how far it has certified, and the certificates that were not settled at once. It
///         holds no money.
/// @dev EIP-712 domain of everything signed for a committee: name "WhitePay", version "2", chainId, verifyingContract =
///      the committee. A member's consent is `MemberConsent(bytes32 configuration,uint64 version,uint64 deadline)` with
///      `configuration(version)`, signed by its operator (EOA or ERC-1271).
interface ICommittee {
    /// @notice All n members consented: the committee exists from this block on (R37).
    event Formed(uint64 originBlock, bytes32 seed);
    /// @notice A version was proposed.
    event VersionProposed(uint64 indexed version, uint64 base, address indexed proposer, address[] operators);
    /// @notice A proposal was withdrawn, or a waiting key rotation is part of the version that took effect. All other
    ///         proposals on the same base are void once one of them is complete, without an event.
    event VersionVoid(uint64 indexed version);
    /// @notice A member consented to a version. `index` is its seat there, or n + its seat among the present members if
    ///         it is to leave.
    event MemberConsented(uint64 indexed version, uint8 indexed index, address indexed operator);
    /// @notice A version has all the consents that it needs: the first certificate with te > the present block
    ///         activates it.
    event VersionCompleted(uint64 indexed version, uint64 completedAt);
    /// @notice A version took effect from block `from` on.
    event VersionActivated(uint64 indexed version, uint64 from, bytes32 seed, address keysBlob);
    /// @notice A member prepared a new key for its seat in this version, which waits to take effect.
    event SeatRotated(uint64 indexed version, uint8 indexed index, address indexed operator);
    /// @notice A member resigned: it is a seat without duties until a handover.
    event MemberResigned(uint64 indexed version, uint8 indexed index, address indexed operator);
    /// @notice The convener lets a group into a closed committee.
    event GroupInvited(address indexed group, bool invited);
    /// @notice A group is served from block `entered` on.
    event GroupEntered(uint32 indexed number, address indexed group, uint16 ceiling, uint64 entered);
    /// @notice A group is served up to block `left`, no more. A later event for the same number replaces the block.
    event GroupLeaves(uint32 indexed number, address indexed group, uint64 left);
    /// @notice The providers that a group had reserved are free again.
    event CeilingFreed(uint32 indexed number, uint16 ceiling);
    /// @notice A group reserves another number of providers.
    event CeilingChanged(uint32 indexed number, uint16 ceiling);
    /// @notice A certificate was accepted. `remembered`: `settle` is open for its groups.
    event Certified(
        uint64 indexed ts,
        uint64 te,
        uint64 version,
        uint8 leader,
        uint256 failed,
        uint256 payees,
        uint256 signers,
        uint32 count,
        bytes32 groups,
        bool remembered
    );
    /// @notice A group refused its settlement; `reason` are the first 256 bytes of its error (R29).
    event GroupRefused(uint64 indexed ts, uint32 indexed number, address indexed group, bytes reason);

    /// @notice Not 3f+1 members with 4 ≤ n ≤ 124; `expected` is the nearest valid size at or below, or 4.
    error Committee_BadSize(uint256 expected, uint256 actual);
    /// @notice A committee never changes its size (R2).
    error Committee_OtherSize(uint256 expected, uint256 actual);
    /// @notice A member is not a registered keeper.
    error Committee_NotAKeeper(address operator);
    /// @notice An operator is named twice.
    error Committee_DuplicateMember(address operator);
    /// @notice The committee is not formed yet: consents are missing.
    error Committee_NotFormed(uint256 expectedConsents, uint256 actual);
    /// @notice The certificate does not start where the last one ended.
    error Committee_StaleStart(uint64 expected, uint64 actual);
    /// @notice te is not ts + h + k·t; `expected` is the nearest valid te at or below it, or ts + h.
    error Committee_WrongEnd(uint64 expected, uint64 actual);
    /// @notice The turn's window has not begun.
    error Committee_TooEarly(uint64 expectedFrom, uint64 actual);
    /// @notice The turn's window is over.
    error Committee_TooLate(uint64 expectedBefore, uint64 actual);
    /// @notice Signed by another version than the one in force.
    error Committee_WrongVersion(uint64 expected, uint64 actual);
    /// @notice There is no such version.
    error Committee_NoSuchVersion(uint64 expectedMax, uint64 actual);
    /// @notice There is no such member index.
    error Committee_NoSuchMember(uint256 expectedBelow, uint256 actual);
    /// @notice The leader is among the failed.
    error Committee_LeaderFailed(uint8 leader);
    /// @notice A bitmap has bits beyond the committee.
    error Committee_BitmapOutOfRange(uint256 expectedBelow, uint256 actual);
    /// @notice Fewer signers than a quorum.
    error Committee_TooFewSigners(uint256 expected, uint256 actual);
    /// @notice The number of failed members does not fit the turn.
    error Committee_WrongFailedCount(uint256 expected, uint256 actual);
    /// @notice A failed member is named a payee; `overlap` is the bitmap of those.
    error Committee_FailedPayee(uint256 expected, uint256 overlap);
    /// @notice Only the leader's operator may send it yet.
    error Committee_NotLeader(address expected, address actual);
    /// @notice The caller is not an operator of the version in force.
    error Committee_NotMember(address actual);
    /// @notice A signature of the wrong size.
    error Committee_BadSignatureLength(uint256 expected, uint256 actual);
    /// @notice The signature is the point at infinity.
    error Committee_Infinity();
    /// @notice The signature is not of these signers over this digest, or it is not a point of the subgroup.
    error Committee_BadSignature(bytes32 digest, uint256 signers);
    /// @notice Groups beyond the certificate's count.
    error Committee_GroupsOutOfRange(uint256 expectedMax, uint256 actual);
    /// @notice The groups and the range proof do not lead to the certificate's root.
    error Committee_BadGroupProof(bytes32 expected, bytes32 actual);
    /// @notice The range proof has siblings missing (`expected` is the least that it needs) or left over.
    error Committee_BadProofLength(uint256 expected, uint256 actual);
    /// @notice No such certificate is remembered under its ts: `expected` is what `rememberedAt` returns, of which the
    ///         upper 200 bits have to be those of the certificate's struct hash.
    error Committee_NotRemembered(bytes32 expected, bytes32 actual);
    /// @notice Less gas is left than a group of so many items needs at worst (R29).
    error Committee_TooLittleGas(uint256 expected, uint256 actual);
    /// @notice More items than a group has providers at most (R33).
    error Committee_BadGroupItems(uint256 expectedMax, uint256 actual);
    /// @notice The words handed in end inside a group.
    error Committee_GroupCutOff(uint256 expectedMin, uint256 actual);
    /// @notice There is no such proposal that waits for consents.
    error Committee_NoSuchProposal(uint64 actual);
    /// @notice The proposer has an open proposal, or a complete version waits to take effect.
    error Committee_ProposalOpen(uint64 version);
    /// @notice Neither the convener nor a member.
    error Committee_NotProposer(address actual);
    /// @notice The operator consented already.
    error Committee_AlreadyConsented(uint8 index);
    /// @notice The consent is not signed by this operator.
    error Committee_BadConsent(address operator);
    /// @notice The consent's deadline has passed.
    error Committee_ConsentExpired(uint64 deadline, uint64 actual);
    /// @notice The caller has no seat, or resigned from it already.
    error Committee_NothingToResign(address operator);
    /// @notice The caller's seat already has the key that is in the registry.
    error Committee_SameKey();
    /// @notice Only the factory, once.
    error Committee_NotFactory(address expected, address actual);
    /// @notice The chain does not give the block's hash, which a new version's seed is made of (R5): later turns may.
    error Committee_NoBlockHash(uint64 blockNumber);
    /// @notice Only the convener may do this.
    error Committee_NotConvener(address expected, address actual);
    /// @notice The caller is no group of the factory.
    error Committee_NotAGroup(address actual);
    /// @notice A closed committee whose convener did not let this group in.
    error Committee_NotInvited(address group);
    /// @notice Another token than the committee's.
    error Committee_WrongToken(address expected, address actual);
    /// @notice A lower keeperFee than the terms ask for.
    error Committee_FeeTooLow(uint256 expectedMin, uint256 actual);
    /// @notice A lower keeperShareBps than the terms ask for.
    error Committee_ShareTooLow(uint256 expectedMin, uint256 actual);
    /// @notice lockup ≥ h + (f+1)·t does not hold (R4).
    error Committee_LockupTooShort(uint256 expectedMin, uint256 actual);
    /// @notice More providers than are left.
    error Committee_TooManyProviders(uint256 expectedMax, uint256 actual);
    /// @notice The caller is not the group of this number.
    error Committee_NotThatGroup(address expected, address actual);
    /// @notice The membership has not ended yet, or its ceiling is free already.
    error Committee_NotOver(uint32 number, uint64 left);
    /// @notice There is no such group number.
    error Committee_NoSuchGroup(uint32 expectedMax, uint32 actual);
    /// @notice A membership ends at its first block at the earliest.
    error Committee_EndsBeforeEntry(uint64 expectedMin, uint64 actual);

    // Certificates

    /// @notice Accepts the one certificate of `c.ts`, and settles the groups handed in at once (R29).
    /// @dev Pre: formed; c.ts = certifiedThrough; (te − ts − h) mod t = 0, te ≥ ts + h; te ≤ block < te + t; c.version
    ///      is in force; ≥ q signers, whose BLS signature of the EIP-712 digest is valid; |failed| = min(turn − 1, f),
    ///      leader ∉ failed, payees ∩ failed = ∅, all below n; before te + ⌈2t/3⌉ the sender is the leader's operator,
    ///      then any member's. Post: certifiedThrough = te, before any group is called; a complete version with
    ///      completedAt < te takes effect from te on; unless all `count` groups were settled, the certificate is
    ///      remembered under ts for good. The code compares selectors one by one in ascending order: with `first` of 64
    ///      bits those of `certify` and `settle` are among the first.
    /// @param signers bitmap of the members that signed
    /// @param signature G1 point, 128 bytes, EIP-2537
    /// @param first position of the first group handed in, in number order
    /// @param groups any run of the certificate's groups, possibly none, as the words that their leaves are hashed
    ///        from: for each group its `LeafHead`, and as many `Item` words as the head says; nothing behind the last
    /// @param proof siblings of the run, from the bottom up: on each level the one at the left edge if the run begins
    ///        at an odd position, then the one at the right edge if it ends at an even position that is not the last
    ///        of the level; empty if all or none are handed in
    function certify(
        Certificate calldata c,
        uint256 signers,
        bytes calldata signature,
        uint64 first,
        uint256[] calldata groups,
        bytes32[] calldata proof
    ) external;

    /// @notice Settles groups of a remembered certificate; anybody, in any order within a certificate (R29). If the
    ///         sender is a member of `c.version` that has not failed and the block is at or after te + ⌈2t/3⌉, it takes
    ///         the leader's share in these groups, if the leader is a payee (R25).
    function settle(Certificate calldata c, uint64 first, uint256[] calldata groups, bytes32[] calldata proof) external;

    // Members

    /// @notice Consents to a version, by a transaction: as one of its operators, or as a present member, of which q
    ///         must consent whether or not they have a seat in it (R37).
    /// @dev The first version is complete with all n consents; a later one with those of its operators that are no
    ///      present members or have resigned, and of q present members. At completion its keys are those in the
    ///      registry.
    function consent(uint64 version) external;

    /// @notice Hands in the consent of a member as a signature.
    function consentFor(uint64 version, address operator, Consent calldata signed) external;

    /// @notice Proposes a version with members in place of others; the convener or any member, one open proposal each
    ///         (R37). It is void once another one on the same members is complete.
    function propose(address[] calldata operators) external returns (uint64 version);

    /// @notice Withdraws the caller's open proposal.
    function withdrawProposal(uint64 version) external;

    /// @notice Puts the caller's present registry key into its seat: a version that needs no other consent (R37). It
    ///         joins a rotation, and a complete version, that waits to take effect.
    function rotateSeat() external returns (uint64 version);

    /// @notice The caller resigns: its seat stays, without duties, until a handover (R37). It resigns
    ///         from a complete version as well; one that is proposed needs its consent then.
    function resign() external;

    // Groups (R38)

    /// @notice The convener lets a group into a closed committee, or withdraws that.
    function invite(address group, bool invited) external;

    /// @notice The calling group enters. Called by a clone of the factory only, in `Upkeeping.enter`.
    /// @dev Pre: formed; the terms hold; ceiling ≥ 1 and Σ ceilings of memberships whose ceiling is not freed ≤
    ///      mostProviders; lockup ≥ h + (f+1)·t. Post: entered = firstSlotFrom(max(block + confirmations + 1,
    ///      earliest)); a number that was never used before.
    /// @param earliest the membership begins at this block at the earliest: block + lockup in a move, 0 otherwise
    function admit(
        GroupTerms calldata terms_,
        uint16 ceiling,
        uint64 earliest
    ) external returns (uint32 number, uint64 entered);

    /// @notice The calling group reserves more or fewer providers from now on.
    function changeCeiling(uint32 number, uint16 ceiling) external;

    /// @notice The calling group says where its membership ends; a second call replaces the block. `left` = entered
    ///         makes it empty. Called in a move, a release, a terminate and an abandon.
    function endMembership(uint32 number, uint64 left) external;

    /// @notice Frees the ceilings of memberships with left ≤ block; anybody.
    function reclaim(uint32[] calldata numbers) external;

    /// @notice A member releases a group that has no provider or is in arrears for longer than its lockup: it is served
    ///         for `lockup` blocks more. Calls `Upkeeping.release`, which checks the condition and calls
    ///         `endMembership`.
    function releaseGroup(uint32 number) external;

    // Views

    /// @notice Sets up a new clone; by the factory, once. Members that consented by signature need not call.
    /// @param keysBlob contract with the members' keys: the clone itself if they fit into its code
    /// @param consents one for each member; an empty signature: it consents later
    function initialize(address keysBlob, Consent[] calldata consents) external;

    function factory() external view returns (address);

    function convener() external view returns (address);

    function rhythm() external view returns (Rhythm memory);

    function terms() external view returns (Terms memory);

    /// @notice n.
    function size() external view returns (uint256);

    /// @notice o, the block of the last member's consent; 0 while one is missing.
    function originBlock() external view returns (uint64);

    /// @notice ts of the next certificate: the origin at first (R5).
    function certifiedThrough() external view returns (uint64);

    /// @notice First slot boundary o + k·c that is ≥ `blockNumber`.
    function firstSlotFrom(uint64 blockNumber) external view returns (uint64);

    /// @notice Last slot boundary o + k·c that is ≤ `blockNumber`; o if there is none.
    function lastSlotAt(uint64 blockNumber) external view returns (uint64);

    /// @notice A remembered certificate: its end, and the block in which it was accepted; zeros if none is remembered
    ///         under this ts.
    function certificateAt(uint64 ts) external view returns (uint64 te, uint64 acceptedAt);

    /// @notice Word under which the certificate of this ts is remembered: the upper 200 bits of its EIP-712 struct
    ///         hash, te (40), 1 if its members took effect at ts (1), block of acceptance − te (15); 0 if none is.
    function rememberedAt(uint64 ts) external view returns (bytes32);

    /// @notice Version whose members sign now.
    function currentVersion() external view returns (uint64);

    function lastVersion() external view returns (uint64);

    /// @notice Versions that wait to take effect: a complete one, and key rotations of the members in force; 0 if none.
    function waiting() external view returns (uint64 complete, uint64 rotated);

    /// @notice Hash of everything that a member of this version consents to: keccak256(abi.encode(uint256 chainId,
    ///         address committee, address convener, uint64 base, keccak256(abi.encode(rhythm, terms)),
    ///         keccak256(operators, a word each))). The keys of the first version follow from the committee's address;
    ///         a later one takes those in the registry at its completion, which their operators proved (R3).
    function configuration(uint64 version) external view returns (bytes32);

    function versionInfo(uint64 version) external view returns (Version memory);

    /// @notice Operators of a version, in contract order.
    function operatorsOf(uint64 version) external view returns (address[] memory);

    /// @notice Operator of a seat; reverts if there is none.
    function operatorOf(uint64 version, uint8 index) external view returns (address);

    function membership(uint32 number) external view returns (Membership memory);

    function lastNumber() external view returns (uint32);

    /// @notice Σ ceilings that are not freed.
    function reserved() external view returns (uint32);

    /// @notice Bitmap of the members of the version in force that resigned.
    function resigned() external view returns (uint256);
}
