// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that keeps a hundredth of every transfer
contract FeeToken is ERC20 {
    constructor() ERC20("Fee", "FEE") {
        _mint(msg.sender, 1e30);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(1), value / 100);
    }
}

/// @title A token that calls a chosen contract during a transfer
contract ReentrantToken is ERC20 {
    address private _target;
    bytes private _data;
    bytes public answer;

    constructor() ERC20("Reentrant", "RE") {
        _mint(msg.sender, 1e30);
    }

    function aim(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (_target == address(0)) return;
        address target = _target;
        _target = address(0);
        (, answer) = target.call(_data);
    }
}

/// @title A receiver of the chain's coin that refuses it, or calls back first
contract HostilePayee {
    address private _target;
    bytes private _data;
    bool private _refuses = true;
    bytes public answer;

    function aim(address target, bytes calldata data) external {
        (_target, _data, _refuses) = (target, data, false);
    }

    function run(address target, bytes calldata data) external {
        (bool ok, bytes memory result) = target.call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    receive() external payable {
        require(!_refuses, "refused");
        (, answer) = _target.call(_data);
    }
}

/// @title A token that returns false instead of reverting
contract FalseToken {
    mapping(address owner => uint256) public balanceOf;
    bool private _answer;

    function answerTrue(bool answer) external {
        _answer = answer;
    }

    function transferFrom(address, address to, uint256 value) external returns (bool) {
        balanceOf[to] += value;
        return _answer;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        return _answer;
    }
}

/// @title A token whose transfers return no value
contract SilentToken {
    mapping(address owner => uint256) public balanceOf;

    function transferFrom(address, address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
    }
}
