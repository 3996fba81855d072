// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Registry of keepers and providers (R3)
/// @notice The public data of every keeper and provider: network addresses, keys, payee.
/// @dev Encodings: a BLS public key is a G2 point of 256 bytes, a BLS signature a G1 point of 128 bytes, both as in
///      EIP-2537 (every coordinate a 64-byte big-endian integer, x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1 for G2). A peer id is the
///      38-byte identity multihash of a libp2p ed25519 public key: 00 24 08 01 12 20 ‖ 32 bytes. A multiaddr is its
///      text form.
interface IRegistry {
    /// @notice The public data of a keeper.
    /// @param payee address that receives its money
    /// @param pendingPayee payee that was named and has not accepted yet, or zero
    /// @param keySequence 1 for the first BLS key, one more with each rotation
    /// @param registeredAt block of the registration; 0 means: not a keeper
    /// @param registrationSequence number of the registration or change of endpoint that the peer id comes from
    /// @param blsKey G2 point, 256 bytes
    /// @param peerId 38 bytes
    /// @param multiaddrs text form, at most `MAX_MULTIADDRS`
    struct Keeper {
        address payee;
        address pendingPayee;
        uint32 keySequence;
        uint64 registeredAt;
        uint64 registrationSequence;
        bytes blsKey;
        bytes peerId;
        string[] multiaddrs;
    }

    /// @notice The public data of a provider; fields as in `Keeper`.
    struct Provider {
        address payee;
        address pendingPayee;
        uint64 registeredAt;
        uint64 registrationSequence;
        bytes peerId;
        string[] multiaddrs;
    }

    /// @notice A keeper registered; the proof of possession of its key is valid.
    event KeeperRegistered(
        address indexed operator,
        address payee,
        bytes blsKey,
        bytes peerId,
        string[] multiaddrs,
        uint64 registrationSequence
    );
    /// @notice A keeper replaced its BLS key. Groups keep the old one until the keeper's seat there is rotated.
    event KeeperKeyRotated(address indexed operator, uint32 keySequence, bytes blsKey);
    /// @notice A keeper changed its peer id or multiaddrs.
    event KeeperEndpointUpdated(
        address indexed operator,
        bytes peerId,
        string[] multiaddrs,
        uint64 registrationSequence
    );
    /// @notice A provider registered.
    event ProviderRegistered(
        address indexed operator,
        address payee,
        bytes peerId,
        string[] multiaddrs,
        uint64 registrationSequence
    );
    /// @notice A provider changed its peer id or multiaddrs.
    event ProviderEndpointUpdated(
        address indexed operator,
        bytes peerId,
        string[] multiaddrs,
        uint64 registrationSequence
    );
    /// @notice A keeper's present payee named another, which has to accept.
    event KeeperPayeeNamed(address indexed operator, address indexed payee);
    /// @notice The named payee accepted; it is paid from now on.
    event KeeperPayeeAccepted(address indexed operator, address indexed payee);
    /// @notice A provider's present payee named another, which has to accept.
    event ProviderPayeeNamed(address indexed operator, address indexed payee);
    /// @notice The named payee accepted; it is paid from now on.
    event ProviderPayeeAccepted(address indexed operator, address indexed payee);

    /// @notice The chain has no EIP-2537: a precompile answered with `actual` bytes (deployment only).
    error Registry_NoPrecompile(uint256 expected, uint256 actual);
    /// @notice The caller is registered in this role already.
    error Registry_AlreadyRegistered(address operator, uint64 registeredAt);
    /// @notice The operator is not registered in this role.
    error Registry_NotRegistered(address operator);
    /// @notice This BLS key has been registered before, by `owner` (also after a rotation).
    error Registry_KeyInUse(address owner);
    /// @notice Wrong number of bytes in a key, a proof or a peer id.
    error Registry_BadLength(uint256 expected, uint256 actual);
    /// @notice The key is the point at infinity.
    error Registry_KeyIsInfinity();
    /// @notice Coordinate 0 to 3 of the key (x.c0, x.c1, y.c0, y.c1), in two words, is not below the field's prime.
    error Registry_KeyNotReduced(uint256 coordinate, uint256 high, uint256 low);
    /// @notice The proof is the point at infinity.
    error Registry_ProofIsInfinity();
    /// @notice The key or the proof is not a point of the subgroup, or the proof is invalid.
    error Registry_BadProof(address operator);
    /// @notice The peer id does not start like the multihash of an ed25519 key.
    error Registry_BadPeerId(bytes6 expected, bytes6 actual);
    /// @notice More multiaddrs than allowed, or none.
    error Registry_BadMultiaddrCount(uint256 expectedMax, uint256 actual);
    /// @notice A multiaddr is empty or too long.
    error Registry_BadMultiaddrLength(uint256 expectedMax, uint256 actual);
    /// @notice A payee must not be zero.
    error Registry_ZeroPayee();
    /// @notice Only the present payee may name the next one.
    error Registry_NotPayee(address expected, address actual);
    /// @notice Only the named payee may accept.
    error Registry_NotPendingPayee(address expected, address actual);

    /// @notice Registers the caller as a keeper.
    /// @param blsKey G2 point, 256 bytes; coordinates below the prime, in the subgroup, not infinity, never registered
    ///        before
    /// @param proof G1 point, 128 bytes: the key's signature over `proofMessage(msg.sender, blsKey)` with the tag
    ///        `BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_`
    /// @param payee address that receives its money; not zero
    /// @param peerId 38 bytes
    /// @param multiaddrs 1 to `MAX_MULTIADDRS`, each 1 to `MAX_MULTIADDR_BYTES` bytes
    function registerKeeper(
        bytes calldata blsKey,
        bytes calldata proof,
        address payee,
        bytes calldata peerId,
        string[] calldata multiaddrs
    ) external;

    /// @notice Replaces the caller's BLS key. Committees keep their snapshot until `IUpkeeping.rotateSeat` is called
    ///         there.
    function rotateKeeperKey(bytes calldata blsKey, bytes calldata proof) external;

    /// @notice Changes the endpoint of the calling keeper; the entry gets the next registration sequence.
    function updateKeeperEndpoint(bytes calldata peerId, string[] calldata multiaddrs) external;

    /// @notice Names the next payee of a keeper, which is in force once it accepts (R31). Only the present payee may
    ///         call this: the operator's key cannot redirect money (R3). To withdraw a nomination, the present payee
    ///         names itself.
    function nameKeeperPayee(address operator, address payee) external;

    /// @notice Called by the named payee.
    function acceptKeeperPayee(address operator) external;

    /// @notice Registers the caller as a provider.
    function registerProvider(address payee, bytes calldata peerId, string[] calldata multiaddrs) external;

    /// @notice Changes the endpoint of the calling provider; the entry gets the next registration sequence.
    function updateProviderEndpoint(bytes calldata peerId, string[] calldata multiaddrs) external;

    /// @notice Names the next payee of a provider, which is in force once it accepts (R31). Only the present payee may
    ///         call this: the operator's key cannot redirect money (R3). To withdraw a nomination, the present payee
    ///         names itself.
    function nameProviderPayee(address operator, address payee) external;

    /// @notice Called by the named payee.
    function acceptProviderPayee(address operator) external;

    /// @notice A keeper; `registeredAt` = 0 and empty fields if there is none.
    function keeper(address operator) external view returns (Keeper memory);

    /// @notice A provider; `registeredAt` = 0 and empty fields if there is none.
    function provider(address operator) external view returns (Provider memory);

    /// @notice Number of registrations and endpoint changes of all keepers and providers: the last sequence assigned
    ///         (R3).
    function registrationSequence() external view returns (uint64);

    /// @notice Number of registered keepers.
    function keeperCount() external view returns (uint256);

    /// @notice Operators of keepers, in order of registration: [from, from + count), cut at the end.
    function keeperOperators(uint256 from, uint256 count) external view returns (address[] memory);

    /// @notice Number of registered providers.
    function providerCount() external view returns (uint256);

    /// @notice Operators of providers, in order of registration: [from, from + count), cut at the end.
    function providerOperators(uint256 from, uint256 count) external view returns (address[] memory);

    /// @notice Whether the operator is a registered provider.
    function isProvider(address operator) external view returns (bool);

    /// @notice Payee of a keeper.
    function keeperPayee(address operator) external view returns (address);

    /// @notice Payee of a provider.
    function providerPayee(address operator) external view returns (address);

    /// @notice The code blob with a keeper's key: 00 ‖ 192 bytes (the four coordinates, 48 bytes each).
    function keyBlob(address operator) external view returns (address);

    /// @notice Operator that registered this key (256 bytes), or zero.
    function keyOwner(bytes calldata blsKey) external view returns (address);

    /// @notice Message that the proof of possession signs: abi.encode(uint256 chain id, address registry, address
    ///         operator, bytes key).
    function proofMessage(address operator, bytes calldata blsKey) external view returns (bytes memory);

    /// @notice Maximum number of multiaddrs of a party.
    function MAX_MULTIADDRS() external view returns (uint256);

    /// @notice Maximum size of a multiaddr, in bytes.
    function MAX_MULTIADDR_BYTES() external view returns (uint256);
}
