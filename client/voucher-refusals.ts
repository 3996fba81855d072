/** Rule and remedy for the errors of the contract of paid reading (R47). */
import { wrongKey, type Refusals } from "./refusal-form.ts";

export const voucherRefusals: Refusals = {
  ReadVouchers_NotReader: {
    rule: "R47: only the reader opens its channel or moves its expiry",
    hint: `${wrongKey("the reader")}; others add to an open channel under its present expiry`,
  },
  ReadVouchers_BadExpiry: {
    rule: "R47: an expiry never moves back, and a new one leaves the provider time to redeem",
    hint: "name a block within these bounds",
    unit: "block",
  },
  ReadVouchers_NotExpired: {
    rule: "R47: the reader withdraws from the expiry on",
    hint: "wait for that block, or ask the provider to release the rest",
    unit: "block",
  },
  ReadVouchers_NothingToMove: {
    rule: "R47: the amount must be above zero",
    hint: "there is no money to move now: the channel is empty, has expired, or the vouchers are redeemed",
  },
  ReadVouchers_WrongValue: {
    rule: "R47: the value must equal the amount",
    hint: "send exactly that value; with a token send no value",
    unit: "money",
  },
  ReadVouchers_TooMuchMoney: {
    rule: "R47: a channel accepts at most 2^96 − 1 units in total",
    hint: "deposit less",
    unit: "money",
  },
  ReadVouchers_TooManyClaims: {
    rule: "R47: one call redeems a bounded number of vouchers",
    hint: "redeem the others in a further transaction",
  },
  ReadVouchers_BadSignature: {
    rule: "R47: the reader signs its vouchers, for this provider, token, chain and contract",
    hint: "leave that voucher out: it may be of another chain or contract",
  },
  ReadVouchers_TransferFailed: {
    rule: "R47: the receiver refused the money",
    hint: "name another receiver",
  },
  ReadVouchers_ZeroAddress: { rule: "R47: the zero address takes no part", hint: "name an account" },
  ReadVouchers_Reentered: {
    rule: "R47: a transfer must not call back",
    hint: "use another token or receiver: its contract calls back",
  },
};
