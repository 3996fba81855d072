// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title An operator that is a contract: it signs by ERC-1271 with its owner's key, and makes calls for it
contract ContractWallet is IERC1271 {
    address private immutable _owner = msg.sender;

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(hash, signature) == _owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    function run(address target, bytes calldata data) external {
        require(msg.sender == _owner, "owner");
        (bool ok, ) = target.call(data);
        require(ok, "call");
    }
}
