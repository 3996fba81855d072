// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hands every function a contract does not have to the next one, on the same storage
/// @notice A group's code is longer than one contract may be, so it is three in a row: `Upkeeping`, which settles,
///         `UpkeepingEscrow` for money and providers, `UpkeepingMembers` for committees and views.
abstract contract Delegate {
    address private immutable _next;

    constructor(address next) {
        _next = next;
    }

    fallback() external payable {
        _forward();
    }

    function _forward() internal {
        address target = _next;
        // Assembly: forwarding raw calldata and returndata.
        assembly ("memory-safe") {
            let place := mload(0x40)
            calldatacopy(place, 0, calldatasize())
            let ok := delegatecall(gas(), target, place, calldatasize(), 0, 0)
            returndatacopy(place, 0, returndatasize())
            if ok { return(place, returndatasize()) }
            revert(place, returndatasize())
        }
    }
}
