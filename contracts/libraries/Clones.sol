// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Clones with an address derived from their arguments (R36)
/// @notice A group or a committee is an ERC-1167 proxy with its arguments behind it, made by CREATE2. Its address
///         follows from the implementation and the arguments, among them its creator and a number that this creator
///         has not used before, and from nothing else. So no other transaction and no reorganisation can put another
///         payer's group, or other terms, at an address that receives a deposit or a consent. Only the creation block
///         is left out: the init code writes it into the arguments.
library Clones {
    /// @notice The clone could not be created.
    error Clones_NotCreated(uint256 size);

    /// @dev Where the data behind the arguments begins: a clone's own code has 45 bytes, its arguments three words.
    uint256 internal constant KEYS_OFFSET = 45 + 96;

    /// @dev Bytes of the init code in front of what it returns.
    uint256 private constant INIT_BYTES = 21;

    /// @notice Creates a clone. `data` are its arguments, with zero for the origin, and whatever is to lie behind them.
    function create(address implementation, bytes memory data) internal returns (address clone) {
        bytes memory init = _initCode(bytes.concat(_proxy(implementation), data));
        // Assembly: CREATE2 has no other form for raw init code.
        assembly ("memory-safe") {
            clone := create2(0, add(init, 32), mload(init), 0)
        }
        if (clone == address(0)) revert Clones_NotCreated(init.length);
    }

    /// @notice Address of the clone that `maker` creates from these arguments.
    function predict(address implementation, address maker, bytes memory data) internal pure returns (address) {
        bytes memory init = _initCode(bytes.concat(_proxy(implementation), data));
        bytes32 hash = keccak256(abi.encodePacked(hex"ff", maker, bytes32(0), keccak256(init)));
        return address(uint160(uint256(hash)));
    }

    /// @notice Whether `group` is a clone of `implementation` that `maker` created.
    function isClone(address implementation, address maker, address group) internal view returns (bool) {
        bytes memory code = group.code;
        bytes memory proxy = _proxy(implementation);
        if (code.length < KEYS_OFFSET) return false;
        bytes memory init = _initCode(code);
        // Assembly: compares the 45 bytes of the proxy, and sets the five of the origin back to zero, as they were at
        // creation.
        bool same;
        assembly ("memory-safe") {
            let start := add(add(init, 32), INIT_BYTES)
            same := eq(keccak256(start, mload(proxy)), keccak256(add(proxy, 32), mload(proxy)))
            let word := add(start, 77)
            mstore(word, and(mload(word), not(shl(56, 0xffffffffff))))
        }
        bytes32 hash = keccak256(abi.encodePacked(hex"ff", maker, bytes32(0), keccak256(init)));
        return same && address(uint160(uint256(hash))) == group;
    }

    function _proxy(address implementation) private pure returns (bytes memory) {
        return abi.encodePacked(hex"363d3d373d3d3d363d73", implementation, hex"5af43d82803e903d91602b57fd5bf3");
    }

    /// @dev Copies the code behind it into memory, joins NUMBER to the word at 77 (45 bytes of proxy, 32 of the
    ///      arguments) at the origin's place, bit 56, and returns it: PUSH2 size, DUP1, PUSH1 21, RETURNDATASIZE,
    ///      CODECOPY, NUMBER, PUSH1 56, SHL, PUSH1 77, MLOAD, OR, PUSH1 77, MSTORE, RETURNDATASIZE, RETURN.
    function _initCode(bytes memory code) private pure returns (bytes memory) {
        return abi.encodePacked(hex"61", uint16(code.length), hex"8060153d394360381b604d5117604d523df3", code);
    }
}
