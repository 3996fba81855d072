// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Creates the registry, the factory, their implementations, the lens, and the contract of paid reading
/// @notice The contracts name each other: committees and groups name the factory, and the factory names both. An
///         address of CREATE2 depends on the constructor arguments, so it cannot be one of them. An address of CREATE
///         depends on the creator and its nonce alone: this contract creates all of them, in a fixed order, and adds
///         the arguments itself. Anybody may call it: it creates nothing but the code whose hash it was made with. So
///         where its own address is the same on two chains (CREATE2 with the same hashes), all addresses and all code
///         are the same.
contract Deployer {
    /// @notice Number of contracts that it creates.
    uint256 public constant CONTRACTS = 7;

    uint256 private constant REGISTRY = 0;
    uint256 private constant COMMITTEE = 1;
    uint256 private constant DESK = 2;
    uint256 private constant GROUP = 3;
    uint256 private constant FACTORY = 4;
    uint256 private constant LENS = 5;
    uint256 private constant VOUCHERS = 6;

    /// @notice Hash of the creation code, without arguments, of each contract, in the order of creation: Registry,
    ///         Committee, UpkeepingDesk, Upkeeping, UpkeepingFactory, Lens, ReadVouchers.
    bytes32[CONTRACTS] public codeHash;
    /// @notice Contracts created so far.
    uint256 public created;

    /// @notice Contract number `index`, from 0, was created.
    event Created(uint256 indexed index, address made);

    /// @notice All contracts exist already.
    error Deployer_Complete(uint256 expected);
    /// @notice The creation code is not that of the next contract.
    error Deployer_WrongCode(bytes32 expected, bytes32 actual);
    /// @notice The constructor of contract `index` failed without a reason: too little gas, or code that the chain
    ///         refuses.
    error Deployer_NotCreated(uint256 index);

    constructor(bytes32[CONTRACTS] memory codeHash_) {
        codeHash = codeHash_;
    }

    /// @notice Creates the next contract. Reverts with the reason of its constructor if that fails.
    /// @param creationCode of the next contract, without constructor arguments
    function create(bytes calldata creationCode) external returns (address made) {
        // Check.
        uint256 index = created;
        if (index == CONTRACTS) revert Deployer_Complete(CONTRACTS);
        bytes32 actual = keccak256(creationCode);
        if (actual != codeHash[index]) revert Deployer_WrongCode(codeHash[index], actual);
        // Effect.
        created = index + 1;
        // Interaction.
        bytes memory code = bytes.concat(creationCode, _arguments(index));
        // Assembly: CREATE has no other form for raw creation code; a reason is passed on as it is.
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
            if and(iszero(made), gt(returndatasize(), 0)) {
                let reason := mload(0x40)
                returndatacopy(reason, 0, returndatasize())
                revert(reason, returndatasize())
            }
        }
        if (made == address(0)) revert Deployer_NotCreated(index);
        emit Created(index, made);
    }

    /// @notice Address of contract number `index`, before and after its creation: keccak256(rlp([this, index + 1])).
    function addressOf(uint256 index) public view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), uint8(index + 1))))));
    }

    function _arguments(uint256 index) private view returns (bytes memory) {
        if (index == REGISTRY || index == VOUCHERS) return "";
        address registry = addressOf(REGISTRY);
        if (index == LENS) return abi.encode(registry);
        if (index == FACTORY) return abi.encode(addressOf(COMMITTEE), addressOf(GROUP), registry);
        if (index == GROUP) return abi.encode(registry, addressOf(FACTORY), addressOf(DESK));
        return abi.encode(registry, addressOf(FACTORY));
    }
}
