// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Forwards every unknown function to the next contract, on the same storage
/// @notice The code of a group exceeds the size limit of a contract, so three contracts form a chain: `Upkeeping`
///         settles, `UpkeepingEscrow` keeps money and providers, `UpkeepingMembers` keeps committees and answers views.
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
            if ok {
                return(place, returndatasize())
            }
            revert(place, returndatasize())
        }
    }
}
