/** The rule and the remedy for every error of the contracts. A test compares the list with the ABIs. */
import { certificateRefusals, memberRefusals, scopeRefusals } from "./committee-refusals.ts";
import { dataRefusals, moneyRefusals } from "./group-refusals.ts";
import { wrongKey, type Refusals } from "./refusal-form.ts";
import { voucherRefusals } from "./voucher-refusals.ts";

const registration: Refusals = {
  Registry_AlreadyRegistered: {
    rule: "R3: one registration per operator",
    hint: "update the registration instead",
  },
  Registry_NotRegistered: { rule: "R3: only registered parties have an entry", hint: "register first" },
  Registry_KeyInUse: { rule: "R3: a BLS key is registered once", hint: "create a new BLS key" },
  Registry_KeyIsInfinity: { rule: "R3: the point at infinity is not a key", hint: "create a new BLS key" },
  Registry_KeyNotReduced: {
    rule: "R3: coordinates of a key are below the field prime",
    hint: "create a new BLS key",
  },
  Registry_ProofIsInfinity: {
    rule: "R3: the point at infinity is not a proof",
    hint: "sign the proof again",
  },
  Registry_BadProof: {
    rule: "R3: a key needs a proof of possession",
    hint: "check that the key file and the chain match the registration",
  },
  Registry_BadLength: {
    rule: "R3: keys, proofs and peer ids have a fixed length",
    hint: "give exactly that many bytes",
  },
  Registry_BadPeerId: {
    rule: "R3: a peer id must be of an ed25519 key",
    hint: "use the peer id of the key file",
  },
  Registry_BadMultiaddrCount: {
    rule: "R3: an entry has one to eight addresses",
    hint: "give one to eight addresses",
  },
  Registry_BadMultiaddrLength: { rule: "R3: an address has 1 to 128 bytes", hint: "shorten it" },
  Registry_ZeroPayee: { rule: "R31: the payee must not be the zero address", hint: "name a payee" },
  Registry_NotPayee: {
    rule: "R3: only the present payee names the next one",
    hint: wrongKey("the present payee"),
  },
  Registry_NotPendingPayee: {
    rule: "R31: only the pending payee can accept",
    hint: wrongKey("the pending payee"),
  },
  BLS_PrecompileFailed: {
    rule: "R3: the chain's BLS12-381 precompiles check every point",
    hint: "check that the points are in the subgroup, and use a chain with EIP-2537",
    actual: "actualBytes",
  },
  CodeBlob_NotCreated: { rule: "R36: keys are stored as code on chain", hint: "use a higher gas limit" },
  Clones_NotCreated: { rule: "R36: groups and committees are clones", hint: "use a higher gas limit" },
  Registry_NoPrecompile: {
    rule: "R3: the chain needs EIP-2537",
    hint: "use a chain with the BLS12-381 precompiles",
  },
};

const making: Refusals = {
  UpkeepingFactory_BadConfig: { rule: "R4: bounds of parameters", hint: "change that parameter" },
  UpkeepingFactory_TokenWithoutCode: {
    rule: "R4: the token must exist",
    hint: "check the token's address and the chain",
  },
  UpkeepingFactory_NoCode: {
    rule: "R4: the factory needs a registry and the code of its clones",
    hint: "deploy that contract first",
    expected: "an address with code",
  },
  UpkeepingFactory_NotAGroup: {
    rule: "R31: withdrawals name groups of this factory",
    hint: "check the group's address and the chain",
    expected: "a group of this factory",
  },
  UpkeepingFactory_BadLength: { rule: "R36: a key has 192 bytes", hint: "give exactly that many bytes" },
  Committee_BadSize: { rule: "R2: n = 3f+1 keepers, f at least 1", hint: "use 4, 7, 10, … 124 keepers" },
  Committee_OtherSize: {
    rule: "R2: the size of a committee is fixed",
    hint: "propose the same number of keepers; for another size form another committee",
  },
  Committee_NotAKeeper: {
    rule: "R3: a committee has registered keepers only",
    hint: "that keeper must register first: whitepay keeper register",
  },
  Committee_DuplicateMember: { rule: "R2: a keeper has one seat", hint: "name another keeper" },
  Committee_NotFactory: { rule: "R37: only the factory sets a committee up", hint: "use the factory" },
  Upkeeping_Initialized: { rule: "R4: a group is initialised once", hint: "create another group" },
};

/** A number that does not fit the field in which the contracts store it. */
const numbers: Refusals = {
  Narrow_TooWide: { rule: "R35: stored numbers have fixed widths", hint: "use a smaller number" },
  Head_TooWide: {
    rule: "R35: stored numbers have fixed widths",
    hint: "use a smaller number",
    expected: "numbers of 96, 96, 40, 9 and 9 bits",
    actual: "available",
  },
};

/** Errors of ERC-20 tokens by OpenZeppelin. */
const tokens: Refusals = {
  ERC20InsufficientAllowance: {
    rule: "R31: a deposit needs an approval or a permit",
    hint: "approve the amount, or sign a new permit: whitepay group fund",
    unit: "money",
    expected: "at least {needed} allowed",
    actual: "allowance",
  },
  ERC20InsufficientBalance: {
    rule: "R31: the sender must have the money",
    hint: "send tokens to it, or use a smaller amount",
    unit: "money",
    expected: "at least {needed}",
    actual: "balance",
  },
  ERC2612ExpiredSignature: {
    rule: "R31: a permit is valid until its deadline",
    hint: "sign a new one: whitepay group fund --permit",
  },
  ERC2612InvalidSigner: {
    rule: "R31: the owner of the tokens must sign a permit",
    hint: "deposit without --permit",
    expected: "{owner}",
    actual: "signer",
  },
  SafeERC20FailedOperation: {
    rule: "R31: the token must execute the transfer",
    hint: "the token refuses the transfer; check its rules",
  },
};

/** Several calls of a group in one transaction. */
const calls: Refusals = {
  FailedCall: {
    rule: "R33: each of several calls in one transaction is a call of the group",
    hint: "use calls of this group's interface; a deposit of the chain's coin needs a transaction of its own",
  },
  AddressEmptyCode: {
    rule: "R33: several calls in one transaction are made to a group",
    hint: "check the address",
    actual: "target",
  },
};

/** By the full name of the error. */
export const refusalWords: Refusals = {
  ...registration,
  ...making,
  ...memberRefusals,
  ...scopeRefusals,
  ...dataRefusals,
  ...moneyRefusals,
  ...certificateRefusals,
  ...numbers,
  ...tokens,
  ...calls,
  ...voucherRefusals,
};
