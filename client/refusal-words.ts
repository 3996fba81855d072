/** Every error of the contracts in plain words: the rule behind it, and what to do. A test holds the list against the ABIs. */

export type RefusalWords = {
  /** Ends a sentence that begins with "rule". */
  readonly rule: string;
  readonly hint: string;
  /** What the error's expected and actual values are; plain numbers, addresses or hashes without it. */
  readonly unit?: "block" | "money";
  /** For an error whose values are not named "expected…": a text with names of values in braces. */
  readonly expected?: string;
  /** Name of the value that was found, where it is not "actual…". */
  readonly actual?: string;
};

const wrongKey = (who: string): string => `use the key of ${who}`;
const daemon = "keepers send settlements by themselves: there is nothing to do by hand";

const registration: Readonly<Record<string, RefusalWords>> = {
  AlreadyRegistered: {
    rule: "R3: one registration for each operator",
    hint: "update what is registered instead",
  },
  NotRegistered: { rule: "R3: only a registered party has an entry", hint: "register first" },
  NotAKeeper: { rule: "R3: a committee has registered keepers only", hint: "let that keeper register first" },
  NotAProvider: { rule: "R3: only registered providers join", hint: "let that provider register first" },
  KeyInUse: { rule: "R3: a BLS key is registered once", hint: "make a new BLS key" },
  KeyIsInfinity: { rule: "R3: the point at infinity is no key", hint: "make a new BLS key" },
  KeyNotReduced: { rule: "R3: coordinates of a key are below the prime", hint: "make a new BLS key" },
  ProofIsInfinity: { rule: "R3: the point at infinity proves nothing", hint: "sign the proof again" },
  BadProof: {
    rule: "R3: a key comes with a proof of possession",
    hint: "the key file and the chain must be the same as registered",
  },
  BadLength: {
    rule: "R3: keys, proofs and peer ids have a fixed length",
    hint: "give all bytes, and no more",
  },
  BadPeerId: { rule: "R3: a peer id is that of an ed25519 key", hint: "use the peer id of the key file" },
  BadMultiaddrCount: { rule: "R3: one to eight addresses", hint: "give fewer, or at least one" },
  BadMultiaddrLength: { rule: "R3: an address has 1 to 128 bytes", hint: "shorten it" },
  ZeroPayee: { rule: "R31: money goes to an address that is not zero", hint: "name a payee" },
  NotPayee: {
    rule: "R3: the present payee alone names the next one",
    hint: wrongKey("the present payee"),
  },
  NotPendingPayee: { rule: "R31: only the named payee accepts", hint: wrongKey("the named payee") },
  PrecompileFailed: {
    rule: "R3: the chain's BLS12-381 precompiles check every point",
    hint: "check that the points are of the group, and use a chain with EIP-2537",
    actual: "actualBytes",
  },
  NotCreated: { rule: "R36: keys and groups are code on chain", hint: "send it with more gas" },
  NoPrecompile: { rule: "R3: the chain needs EIP-2537", hint: "use a chain with the BLS12-381 precompiles" },
};

const parameters: Readonly<Record<string, RefusalWords>> = {
  BadConfig: { rule: "R4: parameters of a group", hint: "change that parameter" },
  TokenWithoutCode: {
    rule: "R4: a group pays in a token that exists",
    hint: "check the token's address and the chain",
  },
  NoImplementation: { rule: "R4: the factory needs the group's code", hint: "deploy that first" },
  NoRegistry: { rule: "R4: the factory needs a registry", hint: "deploy that first" },
  BadCommitteeSize: { rule: "R2: n = 3f+1 keepers, f at least 1", hint: "use 4, 7, 10, … 124 keepers" },
  OtherCommitteeSize: {
    rule: "R2: a committee never changes its size",
    hint: "propose as many keepers; for another size make another group",
  },
  DuplicateMember: { rule: "R2: each keeper has one seat", hint: "name another keeper" },
  Initialized: { rule: "R4: a group is set up once", hint: "make another group" },
};

const committees: Readonly<Record<string, RefusalWords>> = {
  CommitteePending: {
    rule: "R33: one pending committee at a time",
    hint: "cancel it (whitepay group replace-keeper --cancel), or wait until it takes effect",
  },
  NoSuchProposal: { rule: "R33: no such committee is proposed", hint: "`whitepay group status` shows which" },
  NoSuchCommittee: { rule: "R33: there is no such committee", hint: "`whitepay group status` shows which" },
  SeatTaken: { rule: "R33: a seat is accepted once", hint: "nothing is left to do" },
  SeatNotTaken: { rule: "R33: the seat is declined already", hint: "nothing is left to do" },
  SeatDeclined: {
    rule: "R33: who declined a seat accepts it by a call of its own",
    hint: "the keeper itself calls `whitepay keeper accept`",
  },
  NoSuchSeat: { rule: "R33: the committee has no such seat", hint: "count seats from 0" },
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
    rule: "R33: a consent is signed by who gives it",
    hint: "ask for a new consent",
  },
  WrongSequence: { rule: "R33: consents are used in order", hint: "ask the provider for a new consent" },
  TooManyProviders: {
    rule: "R33: at most 256 providers settle item by item",
    hint: "remove one first, or make another group",
  },
  TooManyChanges: {
    rule: "R33: at most 16 changes of a provider wait for a settlement",
    hint: "wait for the next settlement; removing it is always possible",
  },
  ProviderExists: {
    rule: "R33: an operator is in a group once",
    hint: "change its data instead: whitepay group set-data",
  },
  NoSuchProvider: {
    rule: "R33: there is no such provider",
    hint: "`whitepay group status` lists the providers",
  },
  ProviderGone: {
    rule: "R33: the provider was removed",
    hint: "add it again, with a new consent: whitepay group add-provider",
  },
  NotActiveYet: {
    rule: "R33: a provider serves at least one slot",
    hint: "try again in the next slot",
    expected: "block {activeFrom} or later",
    unit: "block",
  },
  BadSize: { rule: "R33: a provider holds 1 to 2^56 − 1 bytes", hint: "the consent is not of real data" },
  ZeroRoot: { rule: "R10: data has a list root", hint: "ask the provider for a new consent" },
  ZeroReceiptKey: { rule: "R12: receipts have a key", hint: "ask the provider for a new consent" },
  NotPayer: { rule: "R33: only the payer may do this", hint: wrongKey("the payer") },
  Terminated: { rule: "R33: a terminated group takes no changes", hint: "make a new group" },
  Ended: { rule: "R33: the group has ended", hint: "nothing is left to settle or to abandon" },
  NotAbandonable: {
    rule: "R34: abandoning has to wait until the committee had all its time",
    hint: "wait for that block; a settlement before it makes this needless",
    unit: "block",
  },
  NotPayerOrProvider: {
    rule: "R34: the payer abandons, or a provider with unsettled blocks",
    hint: wrongKey("the payer or of a provider of the group"),
    expected: "the payer, or a provider with unsettled blocks",
  },
};

const money: Readonly<Record<string, RefusalWords>> = {
  NotOwner: {
    rule: "R31: only the operator or its payee",
    hint: wrongKey("the operator or the payee"),
    expected: "{operator} (operator) or {payee} (payee)",
  },
  NothingToMove: { rule: "R31: an amount of zero moves nothing", hint: "there is nothing to do now" },
  NotWithdrawable: {
    rule: "R32: the reserve stays in the escrow",
    hint: "ask for at most what is withdrawable",
    unit: "money",
  },
  Underfunded: {
    rule: "R32: the escrow has to carry what it takes on",
    hint: "deposit the difference first: whitepay group fund",
    unit: "money",
    expected: "at least {required}",
    actual: "available",
  },
  WrongValue: {
    rule: "R32: the coin sent is the amount",
    hint: "send exactly that value; with a token none",
    unit: "money",
  },
  TooMuchMoney: {
    rule: "R32: a group takes in at most 2^96 − 1 units in its life",
    hint: "deposit less",
    unit: "money",
  },
  NotClosed: {
    rule: "R32: arrears of a provider that stays are paid with its next settlement",
    hint: "wait for that, or for the provider's removal to be settled",
  },
  TransferFailed: { rule: "R31: the payee or token refused the money", hint: "name another payee" },
  Reentered: {
    rule: "R31: a transfer must not call back",
    hint: "the token or the payee's contract did: use others",
  },
  TouchFirst: {
    rule: "R34: one call goes through a bounded number of abandoned intervals",
    hint: "whitepay group touch PROVIDER, then try again",
  },
};

const settlement: Readonly<Record<string, RefusalWords>> = {
  StaleStart: { rule: "R29: one settlement for each ts", hint: "it is settled already", unit: "block" },
  WrongEnd: { rule: "R6: te follows from ts and the turn", hint: daemon, unit: "block" },
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
  WrongCommittee: { rule: "R29: the committee in force settles", hint: daemon },
  NoSuchLeader: { rule: "R29: the leader is a member", hint: daemon },
  LeaderFailed: { rule: "R29: a failed keeper does not lead", hint: daemon },
  BitmapOutOfRange: { rule: "R29: bitmaps name members only", hint: daemon },
  TooFewSigners: { rule: "R29: a quorum signs", hint: daemon },
  WrongFailedCount: { rule: "R7: as many leaders failed as turns lapsed, at most f", hint: daemon },
  FailedPayee: { rule: "R7: a failed keeper takes no share", hint: daemon, actual: "overlap" },
  NotLeader: { rule: "R25: the leader sends until two thirds of its turn", hint: daemon },
  NotMember: {
    rule: "R25: only members of the committee send settlements",
    hint: daemon,
    expected: "an operator of the committee",
  },
  WrongItemCount: { rule: "R27: one item for each provider of the interval", hint: daemon },
  ItemsNotAscending: { rule: "R27: items ascend by provider", hint: daemon },
  ItemOutOfRange: { rule: "R27: an item fits its fields", hint: daemon },
  ProviderNotActive: { rule: "R27: items are of providers of the interval", hint: daemon },
  BadSignatureLength: { rule: "R27: a signature has 128 bytes", hint: daemon },
  Infinity: { rule: "R27: the point at infinity is no signature", hint: daemon },
  BadSignature: { rule: "R27: the quorum signs exactly this settlement", hint: daemon },
  WrongMode: { rule: "R27: a group settles by items or by roots", hint: daemon },
  BadMerkleProof: { rule: "R27: a claim leads to a root", hint: "make the proof anew for the latest root" },
  NoRoot: { rule: "R27: there is no root yet", hint: "wait for a settlement" },
};

/** Of ERC-20 tokens as OpenZeppelin writes them. */
const tokens: Readonly<Record<string, RefusalWords>> = {
  ERC20InsufficientAllowance: {
    rule: "R31: money comes in by an approval or a permit",
    hint: "approve the amount, or sign a new permit: whitepay group fund",
    unit: "money",
    expected: "at least {needed} allowed",
    actual: "allowance",
  },
  ERC20InsufficientBalance: {
    rule: "R31: the sender has the money",
    hint: "send tokens to it, or take a smaller amount",
    unit: "money",
    expected: "at least {needed}",
    actual: "balance",
  },
  ERC2612ExpiredSignature: {
    rule: "R31: a permit counts until its deadline",
    hint: "sign a new one: whitepay group fund --permit",
  },
  ERC2612InvalidSigner: {
    rule: "R31: a permit is signed by who pays",
    hint: "deposit without --permit",
    expected: "{owner}",
    actual: "signer",
  },
  SafeERC20FailedOperation: {
    rule: "R31: the token must do what it is asked",
    hint: "the token refuses the transfer: look at its own rules",
  },
};

/** By error name without the contract's part. */
export const refusalWords: Readonly<Record<string, RefusalWords>> = {
  ...registration,
  ...parameters,
  ...committees,
  ...data,
  ...money,
  ...settlement,
  ...tokens,
};
