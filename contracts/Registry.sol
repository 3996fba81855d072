// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {BLS} from "./libraries/BLS.sol";
import {CodeBlob} from "./libraries/CodeBlob.sol";

/// @title Registry of keepers and providers
/// @dev The rules and encodings are in `IRegistry`.
contract Registry is IRegistry {
    /// @inheritdoc IRegistry
    uint256 public constant MAX_MULTIADDRS = 8;
    /// @inheritdoc IRegistry
    uint256 public constant MAX_MULTIADDR_BYTES = 128;

    bytes private constant PROOF_DST = "BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    /// @dev Identity multihash (00), 36 bytes (24) of a protobuf: key type ed25519 (08 01), 32 bytes (12 20).
    bytes6 private constant PEER_ID_PREFIX = 0x002408011220;
    uint256 private constant PEER_ID_BYTES = 38;

    struct Endpoint {
        bytes peerId;
        string[] multiaddrs;
    }

    struct Party {
        address payee;
        uint64 registeredAt;
        uint32 keySequence;
        address pendingPayee;
        uint64 registrationSequence;
        address keyBlob;
        Endpoint endpoint;
    }

    mapping(address operator => Party) private _keepers;
    mapping(address operator => Party) private _providers;
    mapping(bytes32 keyHash => address operator) private _keyOwners;
    address[] private _keeperList;
    address[] private _providerList;
    /// @inheritdoc IRegistry
    uint64 public registrationSequence;

    /// @dev Refuses a chain without EIP-2537: every key check and every settlement would fail there.
    constructor() {
        // The pairing of two infinities with each other is 1.
        (bool ok, bytes memory answer) = address(0x0f).staticcall(new bytes(384));
        if (!ok || answer.length != 32) revert Registry_NoPrecompile(32, answer.length);
    }

    /// @inheritdoc IRegistry
    function registerKeeper(
        bytes calldata blsKey,
        bytes calldata proof,
        address payee,
        bytes calldata peerId,
        string[] calldata multiaddrs
    ) external {
        uint64 sequence = _register(_keepers[msg.sender], _keeperList, payee, peerId, multiaddrs);
        _setKey(_keepers[msg.sender], blsKey, proof);
        emit KeeperRegistered(msg.sender, payee, blsKey, peerId, multiaddrs, sequence);
    }

    /// @inheritdoc IRegistry
    function rotateKeeperKey(bytes calldata blsKey, bytes calldata proof) external {
        Party storage party = _registered(_keepers, msg.sender);
        _setKey(party, blsKey, proof);
        emit KeeperKeyRotated(msg.sender, party.keySequence, blsKey);
    }

    /// @inheritdoc IRegistry
    function updateKeeperEndpoint(bytes calldata peerId, string[] calldata multiaddrs) external {
        uint64 sequence = _setEndpoint(_registered(_keepers, msg.sender), peerId, multiaddrs);
        emit KeeperEndpointUpdated(msg.sender, peerId, multiaddrs, sequence);
    }

    /// @inheritdoc IRegistry
    function nameKeeperPayee(address operator, address payee) external {
        _namePayee(_keepers, operator, payee);
        emit KeeperPayeeNamed(operator, payee);
    }

    /// @inheritdoc IRegistry
    function acceptKeeperPayee(address operator) external {
        _acceptPayee(_keepers, operator);
        emit KeeperPayeeAccepted(operator, msg.sender);
    }

    /// @inheritdoc IRegistry
    function registerProvider(address payee, bytes calldata peerId, string[] calldata multiaddrs) external {
        uint64 sequence = _register(_providers[msg.sender], _providerList, payee, peerId, multiaddrs);
        emit ProviderRegistered(msg.sender, payee, peerId, multiaddrs, sequence);
    }

    /// @inheritdoc IRegistry
    function updateProviderEndpoint(bytes calldata peerId, string[] calldata multiaddrs) external {
        uint64 sequence = _setEndpoint(_registered(_providers, msg.sender), peerId, multiaddrs);
        emit ProviderEndpointUpdated(msg.sender, peerId, multiaddrs, sequence);
    }

    /// @inheritdoc IRegistry
    function nameProviderPayee(address operator, address payee) external {
        _namePayee(_providers, operator, payee);
        emit ProviderPayeeNamed(operator, payee);
    }

    /// @inheritdoc IRegistry
    function acceptProviderPayee(address operator) external {
        _acceptPayee(_providers, operator);
        emit ProviderPayeeAccepted(operator, msg.sender);
    }

    /// @inheritdoc IRegistry
    function keeper(address operator) external view returns (Keeper memory found) {
        Party storage party = _keepers[operator];
        found.payee = party.payee;
        found.pendingPayee = party.pendingPayee;
        found.keySequence = party.keySequence;
        found.registeredAt = party.registeredAt;
        found.registrationSequence = party.registrationSequence;
        found.peerId = party.endpoint.peerId;
        found.multiaddrs = party.endpoint.multiaddrs;
        if (party.registeredAt != 0) found.blsKey = _readKey(party.keyBlob);
    }

    /// @inheritdoc IRegistry
    function provider(address operator) external view returns (Provider memory found) {
        Party storage party = _providers[operator];
        found.payee = party.payee;
        found.pendingPayee = party.pendingPayee;
        found.registeredAt = party.registeredAt;
        found.registrationSequence = party.registrationSequence;
        found.peerId = party.endpoint.peerId;
        found.multiaddrs = party.endpoint.multiaddrs;
    }

    /// @inheritdoc IRegistry
    function keeperCount() external view returns (uint256) {
        return _keeperList.length;
    }

    /// @inheritdoc IRegistry
    function keeperOperators(uint256 from, uint256 count) external view returns (address[] memory) {
        return _page(_keeperList, from, count);
    }

    /// @inheritdoc IRegistry
    function providerCount() external view returns (uint256) {
        return _providerList.length;
    }

    /// @inheritdoc IRegistry
    function providerOperators(uint256 from, uint256 count) external view returns (address[] memory) {
        return _page(_providerList, from, count);
    }

    /// @inheritdoc IRegistry
    function isProvider(address operator) external view returns (bool) {
        return _providers[operator].registeredAt != 0;
    }

    /// @inheritdoc IRegistry
    function keeperPayee(address operator) external view returns (address) {
        return _keepers[operator].payee;
    }

    /// @inheritdoc IRegistry
    function providerPayee(address operator) external view returns (address) {
        return _providers[operator].payee;
    }

    /// @inheritdoc IRegistry
    function keyBlob(address operator) external view returns (address) {
        return _keepers[operator].keyBlob;
    }

    /// @inheritdoc IRegistry
    function keyOwner(bytes calldata blsKey) external view returns (address) {
        return _keyOwners[keccak256(blsKey)];
    }

    /// @inheritdoc IRegistry
    function proofMessage(address operator, bytes calldata blsKey) external view returns (bytes memory) {
        return _proofMessage(operator, blsKey);
    }

    function _proofMessage(address operator, bytes calldata blsKey) private view returns (bytes memory) {
        return abi.encode(block.chainid, address(this), operator, blsKey);
    }

    function _registered(
        mapping(address => Party) storage parties,
        address operator
    ) private view returns (Party storage party) {
        party = parties[operator];
        if (party.registeredAt == 0) revert Registry_NotRegistered(operator);
    }

    function _register(
        Party storage party,
        address[] storage list,
        address payee,
        bytes calldata peerId,
        string[] calldata multiaddrs
    ) private returns (uint64 sequence) {
        if (party.registeredAt != 0) revert Registry_AlreadyRegistered(msg.sender, party.registeredAt);
        if (payee == address(0)) revert Registry_ZeroPayee();
        party.registeredAt = uint64(block.number);
        party.payee = payee;
        list.push(msg.sender);
        sequence = _setEndpoint(party, peerId, multiaddrs);
    }

    /// @dev One counter for both roles: it orders two claims to the same peer id (R3).
    function _setEndpoint(
        Party storage party,
        bytes calldata peerId,
        string[] calldata multiaddrs
    ) private returns (uint64 sequence) {
        if (peerId.length != PEER_ID_BYTES) revert Registry_BadLength(PEER_ID_BYTES, peerId.length);
        if (bytes6(peerId) != PEER_ID_PREFIX) revert Registry_BadPeerId(PEER_ID_PREFIX, bytes6(peerId));
        uint256 count = multiaddrs.length;
        if (count == 0 || count > MAX_MULTIADDRS) revert Registry_BadMultiaddrCount(MAX_MULTIADDRS, count);
        for (uint256 i = 0; i < count; ++i) {
            uint256 size = bytes(multiaddrs[i]).length;
            if (size == 0 || size > MAX_MULTIADDR_BYTES) revert Registry_BadMultiaddrLength(MAX_MULTIADDR_BYTES, size);
        }
        party.endpoint.peerId = peerId;
        party.endpoint.multiaddrs = multiaddrs;
        sequence = ++registrationSequence;
        party.registrationSequence = sequence;
    }

    /// @dev Accepts a key by its proof of possession (R3): e(proof, g2) · e(H(message), −key) = 1. The pairing refuses
    ///      points off the curve or outside the subgroup; infinity would pass it and is refused first. A coordinate
    ///      that is not below the prime is refused too: `negateG2` would turn p into 0, which gives infinity and points
    ///      with a zero coordinate a second encoding that the precompile never checks.
    function _setKey(Party storage party, bytes calldata blsKey, bytes calldata proof) private {
        if (blsKey.length != BLS.G2_BYTES) revert Registry_BadLength(BLS.G2_BYTES, blsKey.length);
        if (proof.length != BLS.G1_BYTES) revert Registry_BadLength(BLS.G1_BYTES, proof.length);
        address owner = _keyOwners[keccak256(blsKey)];
        if (owner != address(0)) revert Registry_KeyInUse(owner);

        bytes memory input = new bytes(768);
        bytes memory raw = new bytes(BLS.KEY_BYTES);
        uint256 place;
        uint256 rawAt;
        assembly ("memory-safe") {
            place := add(input, 32)
            rawAt := add(raw, 32)
            calldatacopy(place, proof.offset, 128)
            calldatacopy(add(place, 512), blsKey.offset, 256)
        }
        if (BLS.isInfinityG1(place)) revert Registry_ProofIsInfinity();
        _checkCoordinates(place + 512);
        if (BLS.isInfinityG1(place + 512) && BLS.isInfinityG1(place + 640)) revert Registry_KeyIsInfinity();
        BLS.g2Generator(place + 128);
        BLS.hashToG1(_proofMessage(msg.sender, blsKey), PROOF_DST, place + 384);
        BLS.negateG2(place + 512);
        if (!BLS.pairingHolds(place)) revert Registry_BadProof(msg.sender);

        BLS.negateG2(place + 512);
        BLS.unpad(place + 512, rawAt);
        _keyOwners[keccak256(blsKey)] = msg.sender;
        party.keySequence += 1;
        party.keyBlob = CodeBlob.create(raw);
    }

    /// @dev All four coordinates of the G2 point at `point` are below the field's prime.
    function _checkCoordinates(uint256 point) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            (uint256 high, uint256 low, bool reduced) = BLS.coordinate(point + 64 * i);
            if (!reduced) revert Registry_KeyNotReduced(i, high, low);
        }
    }

    function _readKey(address blob) private view returns (bytes memory key) {
        key = new bytes(BLS.G2_BYTES);
        bytes memory raw = new bytes(BLS.KEY_BYTES);
        uint256 from;
        uint256 to;
        assembly ("memory-safe") {
            from := add(raw, 32)
            to := add(key, 32)
        }
        CodeBlob.read(blob, 0, BLS.KEY_BYTES, from);
        BLS.pad(from, to);
    }

    /// @dev Only the present payee may call this (R3): the operator's key is on an online machine.
    function _namePayee(mapping(address => Party) storage parties, address operator, address payee) private {
        if (payee == address(0)) revert Registry_ZeroPayee();
        Party storage party = _registered(parties, operator);
        if (msg.sender != party.payee) revert Registry_NotPayee(party.payee, msg.sender);
        party.pendingPayee = payee;
    }

    function _acceptPayee(mapping(address => Party) storage parties, address operator) private {
        Party storage party = _registered(parties, operator);
        address expected = party.pendingPayee;
        if (msg.sender != expected) revert Registry_NotPendingPayee(expected, msg.sender);
        party.payee = expected;
        party.pendingPayee = address(0);
    }

    function _page(address[] storage list, uint256 from, uint256 count) private view returns (address[] memory page) {
        uint256 length = list.length;
        if (from > length) from = length;
        if (count > length - from) count = length - from;
        page = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            page[i] = list[from + i];
        }
    }
}
