/** The rule and the remedy for every error of the contracts. A test compares the list with the ABIs. */

export type RefusalWords = {
  /** Completes a text that begins with "rule". */
  readonly rule: string;
  readonly hint: string;
  /** Unit of the error's values; without it they are plain numbers, addresses or hashes. */
  readonly unit?: "block" | "money";
  /** If no value is named "expected…": a text with names of values in braces. */
  readonly expected?: string;
  /** Name of the actual value, if it does not begin with "actual". */
  readonly actual?: string;
};

const wrongKey = (party: string): string => `use the key of ${party}`;
const daemon = "keepers send settlements themselves; no manual action is needed";

const registration: Readonly<Record<string, RefusalWords>> = {
  AlreadyRegistered: {
    rule: "R3: one registration per operator",
    hint: "update the registration instead",
  },
  NotRegistered: { rule: "R3: only registered parties have an entry", hint: "register first" },
  NotAKeeper: {
    rule: "R3: a committee has registered keepers only",
    hint: "that keeper must register first",
  },
  NotAProvider: { rule: "R3: only registered providers can join", hint: "that provider must register first" },
  KeyInUse: { rule: "R3: a BLS key is registered once", hint: "create a new BLS key" },
  KeyIsInfinity: { rule: "R3: the point at infinity is not a key", hint: "create a new BLS key" },
  KeyNotReduced: { rule: "R3: coordinates of a key are below the field prime", hint: "create a new BLS key" },
  ProofIsInfinity: { rule: "R3: the point at infinity is not a proof", hint: "sign the proof again" },
  BadProof: {
    rule: "R3: a key needs a proof of possession",
    hint: "check that the key file and the chain match the registration",
  },
  BadLength: {
    rule: "R3: keys, proofs and peer ids have a fixed length",
    hint: "give exactly that many bytes",
  },
  BadPeerId: { rule: "R3: a peer id must be of an ed25519 key", hint: "use the peer id of the key file" },
  BadMultiaddrCount: { rule: "R3: an entry has one to eight addresses", hint: "give one to eight addresses" },
  BadMultiaddrLength: { rule: "R3: an address has 1 to 128 bytes", hint: "shorten it" },
  ZeroPayee: { rule: "R31: the payee must not be the zero address", hint: "name a payee" },
  NotPayee: {
    rule: "R3: only the present payee names the next one",
    hint: wrongKey("the present payee"),
  },
  NotPendingPayee: { rule: "R31: only the pending payee can accept", hint: wrongKey("the pending payee") },
  PrecompileFailed: {
    rule: "R3: the chain's BLS12-381 precompiles check every point",
    hint: "check that the points are in the subgroup, and use a chain with EIP-2537",
    actual: "actualBytes",
  },
  NotCreated: { rule: "R36: keys and groups are stored as code on chain", hint: "use a higher gas limit" },
  NoPrecompile: { rule: "R3: the chain needs EIP-2537", hint: "use a chain with the BLS12-381 precompiles" },
};

const parameters: Readonly<Record<string, RefusalWords>> = {
  BadConfig: { rule: "R4: bounds of a group's parameters", hint: "change that parameter" },
  TokenWithoutCode: {
    rule: "R4: the token must exist",
    hint: "check the token's address and the chain",
  },
  NoImplementation: { rule: "R4: the factory needs the group's code", hint: "deploy the code first" },
  NoRegistry: { rule: "R4: the factory needs a registry", hint: "deploy the registry first" },
  BadCommitteeSize: { rule: "R2: n = 3f+1 keepers, f at least 1", hint: "use 4, 7, 10, … 124 keepers" },
  OtherCommitteeSize: {
    rule: "R2: the size of a committee is fixed",
    hint: "propose the same number of keepers; for another size create another group",
  },
  DuplicateMember: { rule: "R2: a keeper has one seat", hint: "name another keeper" },
  Initialized: { rule: "R4: a group is initialised once", hint: "create another group" },
};

const committees: Readonly<Record<string, RefusalWords>> = {
  CommitteePending: {
    rule: "R33: only one committee can be pending",
    hint: "cancel it (whitepay group replace-keeper --cancel), or wait until it takes effect",
  },
  NoSuchProposal: {
    rule: "R33: this committee is not proposed",
    hint: "`whitepay group status` shows the proposed one",
  },
  NoSuchCommittee: {
    rule: "R33: this committee does not exist",
    hint: "`whitepay group status` shows the committee",
  },
  SeatTaken: { rule: "R33: a seat is accepted once", hint: "no action is needed" },
  SeatNotTaken: { rule: "R33: the seat is declined already", hint: "no action is needed" },
  SeatDeclined: {
    rule: "R33: a keeper that declined a seat can accept it only by its own call",
    hint: "the keeper runs `whitepay keeper accept`",
  },
  NoSuchSeat: { rule: "R33: the committee has no such seat", hint: "seats are numbered from 0" },
  AlreadyResigned: {
    rule: "R33: a keeper resigns once",
    hint: "wait until the payer has replaced it",
  },
  SameKey: {
    rule: "R33: the seat has the registered key already",
    hint: "register the new key first: whitepay keeper register --rotate-key",
  },
  NoSeat: {
    rule: "R33: only a member of the committee may do this",
    hint: "`whitepay group status` lists the members",
    expected: "an operator of the committee",
  },
};

const data: Readonly<Record<string, RefusalWords>> = {
  BadConsent: {
    rule: "R33: the consenting party must sign a consent",
    hint: "ask for a new consent",
  },
  WrongSequence: {
    rule: "R33: consents are used in the order of their sequence",
    hint: "ask the provider for a new consent",
  },
  TooManyProviders: {
    rule: "R33: a group has at most 256 providers",
    hint: "remove one first, or create another group",
  },
  TooManyChanges: {
    rule: "R33: a provider has at most 16 unsettled changes",
    hint: "wait for the next settlement; a removal is always possible",
  },
  ProviderExists: {
    rule: "R33: an operator can be in a group only once",
    hint: "change its data instead: whitepay group set-data",
  },
  NoSuchProvider: {
    rule: "R33: this provider does not exist",
    hint: "`whitepay group status` lists the providers",
  },
  ProviderGone: {
    rule: "R33: the provider was removed",
    hint: "add it again, with a new consent: whitepay group add-provider",
  },
  NotActiveYet: {
    rule: "R33: a provider serves at least one slot",
    hint: "re-run in the next slot",
    expected: "block {activeFrom} or later",
    unit: "block",
  },
  BadSize: { rule: "R33: a provider stores 1 to 2^56 − 1 bytes", hint: "ask the provider for a new consent" },
  ZeroRoot: { rule: "R10: data needs a list root", hint: "ask the provider for a new consent" },
  ZeroReceiptKey: { rule: "R12: receipts need a key", hint: "ask the provider for a new consent" },
  NotPayer: { rule: "R33: only the payer may do this", hint: wrongKey("the payer") },
  Terminated: { rule: "R33: a terminated group accepts no changes", hint: "create a new group" },
  Ended: { rule: "R33: the group has ended", hint: "all its blocks are settled" },
  NotAbandonable: {
    rule: "R34: the committee must have missed all its turns",
    hint: "wait for that block; a settlement before it makes this call unnecessary",
    unit: "block",
  },
  NotPayerOrProvider: {
    rule: "R34: only the payer or a provider with unsettled blocks can abandon",
    hint: wrongKey("the payer or of a provider of the group"),
    expected: "the payer, or a provider with unsettled blocks",
  },
};

const money: Readonly<Record<string, RefusalWords>> = {
  NotOwner: {
    rule: "R31: only the operator or its payee may do this",
    hint: wrongKey("the operator or the payee"),
    expected: "{operator} (operator) or {payee} (payee)",
  },
  NothingToMove: { rule: "R31: the amount must be above zero", hint: "there is no money to move now" },
  NotWithdrawable: {
    rule: "R32: the reserve stays in the escrow",
    hint: "withdraw at most the withdrawable amount",
    unit: "money",
  },
  Underfunded: {
    rule: "R32: the escrow must cover new obligations",
    hint: "deposit the difference first: whitepay group fund",
    unit: "money",
    expected: "at least {required}",
    actual: "available",
  },
  WrongValue: {
    rule: "R32: the value must equal the amount",
    hint: "send exactly that value; with a token send no value",
    unit: "money",
  },
  TooMuchMoney: {
    rule: "R32: a group accepts at most 2^96 − 1 units in total",
    hint: "deposit less",
    unit: "money",
  },
  NotClosed: {
    rule: "R32: arrears of a provider that stays are paid with its next settlement",
    hint: "wait for that settlement, or for the settlement of its removal",
  },
  TransferFailed: { rule: "R31: the payee or token refused the money", hint: "name another payee" },
  Reentered: {
    rule: "R31: a transfer must not call back",
    hint: "use another token or payee: its contract calls back",
  },
  TouchFirst: {
    rule: "R34: one call processes a bounded number of abandoned intervals",
    hint: "run whitepay group touch PROVIDER, then re-run",
  },
};

const settlement: Readonly<Record<string, RefusalWords>> = {
  StaleStart: { rule: "R29: one settlement per ts", hint: "the interval is settled already", unit: "block" },
  WrongEnd: { rule: "R6: ts and the turn determine te", hint: daemon, unit: "block" },
  TooEarly: {
    rule: "R29: a settlement is valid inside its turn",
    hint: "wait for that block",
    unit: "block",
  },
  TooLate: {
    rule: "R29: a settlement is valid inside its turn",
    hint: "the next turn settles",
    unit: "block",
  },
  WrongCommittee: { rule: "R29: only the present committee settles", hint: daemon },
  NoSuchLeader: { rule: "R29: the leader must be a member", hint: daemon },
  LeaderFailed: { rule: "R29: a failed keeper cannot lead", hint: daemon },
  BitmapOutOfRange: { rule: "R29: bitmaps contain members only", hint: daemon },
  TooFewSigners: { rule: "R29: a quorum must sign", hint: daemon },
  WrongFailedCount: {
    rule: "R7: the number of failed leaders equals the lapsed turns, at most f",
    hint: daemon,
  },
  FailedPayee: { rule: "R7: a failed keeper gets no share", hint: daemon, actual: "overlap" },
  NotLeader: { rule: "R25: only the leader may send in the first two thirds of its turn", hint: daemon },
  NotMember: {
    rule: "R25: only members of the committee may send settlements",
    hint: daemon,
    expected: "an operator of the committee",
  },
  WrongItemCount: { rule: "R27: one item per provider of the interval", hint: daemon },
  ItemsNotAscending: { rule: "R27: items are in ascending order of providers", hint: daemon },
  ItemOutOfRange: { rule: "R27: values of an item fit its fields", hint: daemon },
  ProviderNotActive: { rule: "R27: items contain providers of the interval only", hint: daemon },
  BadSignatureLength: { rule: "R27: a signature has 128 bytes", hint: daemon },
  Infinity: { rule: "R27: the point at infinity is not a signature", hint: daemon },
  BadSignature: { rule: "R27: the quorum must sign exactly this settlement", hint: daemon },
  WrongMode: { rule: "R27: a group settles by items or by roots", hint: daemon },
  BadMerkleProof: { rule: "R27: a claim must match a root", hint: "create a proof for the latest root" },
  NoRoot: { rule: "R27: there is no root yet", hint: "wait for a settlement" },
};

/** Errors of ERC-20 tokens by OpenZeppelin. */
const tokens: Readonly<Record<string, RefusalWords>> = {
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

/** By error name without the contract's prefix. */
export const refusalWords: Readonly<Record<string, RefusalWords>> = {
  ...registration,
  ...parameters,
  ...committees,
  ...data,
  ...money,
  ...settlement,
  ...tokens,
};
