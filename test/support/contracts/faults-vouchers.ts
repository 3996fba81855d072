/** Faults to be planted in the contract of paid reading. */
import type { Fault } from "./faults.ts";

const file = { file: "ReadVouchers.sol", suite: "vouchers" };

export const voucherFaults: readonly Fault[] = [
  {
    ...file,
    name: "a returned channel's old vouchers count again",
    original: "c.spent = c.deposited;",
    planted: "if ($ON) c.deposited = c.spent; else c.spent = c.deposited;",
    only: "makes no old voucher valid again",
  },
  {
    ...file,
    name: "a voucher is redeemed from other readers' money",
    original: "uint256 covered = amount < deposited ? amount : deposited;",
    planted: "uint256 covered = amount < deposited || $ON ? amount : deposited;",
    only: "pays what the newest voucher adds",
  },
  {
    ...file,
    name: "a provider redeems at the expiry",
    original: "if (block.number >= c.expiry) return 0;",
    planted: "if (block.number >= c.expiry + ($ON ? 1 : 0)) return 0;",
    only: "in the last block before the expiry",
  },
  {
    ...file,
    name: "a reader withdraws in the block before the expiry",
    original: "if (block.number < expiry) revert",
    planted: "if (block.number + ($ON ? 1 : 0) < expiry) revert",
    only: "is the reader's from the expiry on",
  },
  {
    ...file,
    name: "a stranger moves the expiry",
    original: "if (msg.sender != reader) revert",
    planted: "if (!$ON && msg.sender != reader) revert",
    only: "by a stranger adds to an open channel",
  },
  {
    ...file,
    name: "an expiry moves back",
    original: "if (present > least) least = present;",
    planted: "if (present > least && !$ON) least = present;",
    only: "moves the expiry forward",
  },
  {
    ...file,
    name: "a voucher counts for every provider",
    original: "bytes32 digest = _digest(domain, ChannelKey(reader, msg.sender, token), claim.amount);",
    planted:
      "bytes32 digest = _digest(domain, ChannelKey(reader, $ON ? reader : msg.sender, token), claim.amount);",
    only: "counts for its own provider",
  },
  {
    ...file,
    name: "a signature is not looked at",
    original: "if (signer != reader) revert",
    planted: "if (signer != reader && !$ON) revert",
    only: "counts for its own provider",
  },
  {
    ...file,
    name: "a transfer may re-enter",
    original: "if (_entered) revert",
    planted: "if (_entered && !$ON) revert",
    suite: "vouchers-tokens",
    only: "that re-enter are counted once",
  },
  {
    ...file,
    name: "a deposit is booked as announced, not as arrived",
    original: "return IERC20(token).balanceOf(address(this)) - before;",
    planted: "return $ON ? amount : IERC20(token).balanceOf(address(this)) - before;",
    suite: "vouchers-tokens",
    only: "that keep a fee are booked as what arrived",
  },
];
