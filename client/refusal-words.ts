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
const daemon = "keepers send certificates themselves; no manual action is needed";

const registration: Readonly<Record<string, RefusalWords>> = {
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
  GroupClones_NotCreated: { rule: "R36: groups and committees are clones", hint: "use a higher gas limit" },
  Registry_NoPrecompile: {
    rule: "R3: the chain needs EIP-2537",
    hint: "use a chain with the BLS12-381 precompiles",
  },
};

const making: Readonly<Record<string, RefusalWords>> = {
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
  UpkeepingFactory_NotACommittee: {
    rule: "R38: the committee must be of this factory",
    hint: "check the committee's address and the chain",
    expected: "a committee of this factory",
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

const members: Readonly<Record<string, RefusalWords>> = {
  Committee_NotFormed: {
    rule: "R37: a committee exists once all its members consented",
    hint: "the missing keepers consent, by a transaction or a signature",
    expected: "{expectedConsents} consents",
  },
  Committee_NoSuchVersion: {
    rule: "R37: this version does not exist",
    hint: "the committee's view lists its versions",
  },
  Committee_NoSuchMember: {
    rule: "R37: the committee has no such seat",
    hint: "seats are numbered from 0",
  },
  Committee_NoSuchProposal: {
    rule: "R37: this version does not wait for consents",
    hint: "it is complete, withdrawn or void; propose a new one",
    expected: "a proposal that waits for consents",
  },
  Committee_ProposalOpen: {
    rule: "R37: one open proposal each, and none while a complete version waits",
    hint: "withdraw it, or wait until it takes effect",
  },
  Committee_NotProposer: {
    rule: "R37: the convener or a member proposes, and who proposed withdraws",
    hint: wrongKey("the convener or of a member"),
    expected: "the convener or a member",
  },
  Committee_AlreadyConsented: { rule: "R37: an operator consents once", hint: "no action is needed" },
  Committee_BadConsent: {
    rule: "R37: each member signs its own consent, over the whole configuration",
    hint: "ask the keeper for a new consent: keepers, keys, terms or chain may differ from what it signed",
  },
  Committee_ConsentExpired: {
    rule: "R37: a consent counts up to its deadline",
    hint: "ask the keeper for a new consent",
    unit: "block",
    expected: "block {deadline} or earlier",
  },
  Committee_NothingToResign: {
    rule: "R37: a member resigns once",
    hint: "the operator has no seat, or resigned already",
  },
  Committee_SameKey: {
    rule: "R37: the seat has the registered key already",
    hint: "register the new key first: whitepay keeper register --rotate-key",
  },
  Committee_NotMember: {
    rule: "R37: only a member of the committee may do this",
    hint: wrongKey("a member's operator"),
    expected: "an operator of the committee",
  },
  Committee_NoBlockHash: {
    rule: "R5: a new version's seed is made of a block's hash",
    hint: "the certificate of a later turn brings a hash that the chain still gives",
  },
};

const scope: Readonly<Record<string, RefusalWords>> = {
  Committee_NotConvener: { rule: "R38: only the convener may do this", hint: wrongKey("the convener") },
  Committee_NotAGroup: {
    rule: "R38: only groups of the committee's factory enter",
    hint: "create the group with the same factory",
    expected: "a group of the committee's factory",
  },
  Committee_NotInvited: {
    rule: "R38: the convener lets groups into a closed committee",
    hint: "ask the convener for an invitation, or choose an open committee",
  },
  Committee_WrongToken: {
    rule: "R38: a committee is paid in one token",
    hint: "choose a committee of that token, or create a group of the committee's token",
  },
  Committee_FeeTooLow: {
    rule: "R38: the committee's least fee",
    hint: "a group's fee is fixed: create a group with a higher one, or choose another committee",
    unit: "money",
  },
  Committee_ShareTooLow: {
    rule: "R38: the committee's least keepers' share, in 1/10000",
    hint: "a group's share is fixed: create a group with a higher one, or choose another committee",
  },
  Committee_LockupTooShort: {
    rule: "R4: lockup >= interval+(f+1)*turn of every committee that a group enters",
    hint: "a group's lockup is fixed: create a group with a longer one, or choose another committee",
  },
  Committee_TooManyProviders: {
    rule: "R38: the providers that a committee has left to reserve",
    hint: "reserve fewer, or choose another committee; whitepay group reclaim frees those of groups that left",
  },
  Committee_NotThatGroup: { rule: "R38: only the group of this number may do this", hint: "use that group" },
  Committee_NotOver: {
    rule: "R38: reserved providers are freed after the membership",
    hint: "wait until the group has left; each membership is freed once",
  },
  Committee_NoSuchGroup: {
    rule: "R38: this group number was not given yet",
    hint: "numbers start at 1",
  },
  Committee_EndsBeforeEntry: {
    rule: "R38: a membership ends at its first block at the earliest",
    hint: "use a later block",
    unit: "block",
  },
  Upkeeping_NotACommittee: {
    rule: "R38: the committee must be of the group's factory",
    hint: "check the committee's address and the chain",
    expected: "a committee of the group's factory",
  },
  Upkeeping_SameCommittee: {
    rule: "R38: a move leads to another committee",
    hint: "the group is there already; a higher ceiling needs no move",
  },
  Upkeeping_ServiceEnds: {
    rule: "R38: one move, release or terminate at a time",
    hint: "wait until the group is settled through that block",
  },
  Upkeeping_NoCommittee: { rule: "R38: the group has no committee", hint: "enter one first" },
  Upkeeping_BadCeiling: {
    rule: "R38: the reserved providers cover the listed ones, only rise, and are at most 256",
    hint: "reserve a number in these bounds; a lower one needs a move",
  },
  Upkeeping_NotReleasable: {
    rule: "R38: a group is released without a provider, or in arrears for longer than its lockup",
    hint: "wait for that block",
    unit: "block",
  },
  Upkeeping_NotMyCommittee: {
    rule: "R38: only the present committee may do this",
    hint: daemon,
  },
};

const data: Readonly<Record<string, RefusalWords>> = {
  Upkeeping_NotAProvider: {
    rule: "R3: only registered providers can join",
    hint: "that provider must register first: whitepay provider register",
  },
  Upkeeping_BadConsent: {
    rule: "R33: a provider signs its own consent, over exactly these terms",
    hint: "ask for a new consent: committee, data, price or chain may differ from what it signed",
  },
  Upkeeping_ConsentExpired: {
    rule: "R33: a consent counts up to its deadline",
    hint: "ask the provider for a new consent",
    unit: "block",
    expected: "block {deadline} or earlier",
  },
  Upkeeping_WrongSequence: {
    rule: "R33: consents are used in the order of their sequence",
    hint: "ask the provider for a new consent",
  },
  Upkeeping_TooManyProviders: {
    rule: "R33: a group has at most the reserved providers, and at most 256",
    hint: "reserve more, remove one, or create another group; one that left counts until it is owed nothing",
  },
  Upkeeping_TooManyChanges: {
    rule: "R33: a provider has at most 16 unsettled changes",
    hint: "wait for the next settlement; leaving always has room",
  },
  Upkeeping_ProviderExists: {
    rule: "R33: an operator can be in a group only once",
    hint: "change its data instead: whitepay group set-data",
  },
  Upkeeping_NoSuchProvider: {
    rule: "R33: this provider does not exist",
    hint: "whitepay group status lists the providers",
  },
  Upkeeping_ProviderLeaves: {
    rule: "R33: the provider has left, or will leave",
    hint: "add it again once it has left, with a new consent: whitepay group add-provider",
  },
  Upkeeping_NotActiveYet: {
    rule: "R33: a provider serves at least one slot",
    hint: "re-run when its first block is nearer than the notice",
    expected: "block {activeFrom} or later",
    unit: "block",
  },
  Upkeeping_NoticeGiven: {
    rule: "R33: each side gives notice once",
    hint: "wait for that block; if the other side gives notice, too, the provider leaves with the next slot",
  },
  Upkeeping_BadSize: {
    rule: "R33: a provider stores 1 to 2^56 − 1 bytes",
    hint: "ask the provider for a new consent",
  },
  Upkeeping_ZeroRoot: { rule: "R10: data needs a list root", hint: "ask the provider for a new consent" },
  Upkeeping_ZeroReceiptKey: {
    rule: "R12: receipts need a key",
    hint: "ask the provider for a new consent",
  },
  Upkeeping_NotThatProvider: {
    rule: "R33: only the provider's operator gives its notice",
    hint: wrongKey("the provider's operator"),
  },
  Upkeeping_NotPayer: { rule: "R33: only the payer may do this", hint: wrongKey("the payer") },
  Upkeeping_Terminated: {
    rule: "R33: a terminated group accepts no changes",
    hint: "create a new group",
  },
  Upkeeping_Ended: { rule: "R33: the group has ended", hint: "all its blocks are settled" },
  Upkeeping_NotAbandonable: {
    rule: "R34: the committee must have missed its turns, or left the group unsettled",
    hint: "wait for that block; block 0: give the start of a certificate that covers the group's next block",
    unit: "block",
  },
  Upkeeping_NotPayerOrProvider: {
    rule: "R34: only the payer or a provider with unsettled blocks can abandon",
    hint: wrongKey("the payer or of a provider of the group"),
    expected: "the payer, or a provider with unsettled blocks",
  },
};

const money: Readonly<Record<string, RefusalWords>> = {
  Upkeeping_NotOwner: {
    rule: "R31: only the operator or its payee may do this",
    hint: wrongKey("the operator or the payee"),
    expected: "{operator} (operator) or {payee} (payee)",
  },
  Upkeeping_NotNamedPayer: {
    rule: "R31: only the named payer accepts the role",
    hint: wrongKey("the named payer"),
  },
  Upkeeping_NotFactory: {
    rule: "R31: withdrawals over many groups go through the factory",
    hint: "use the factory",
  },
  Upkeeping_NothingToMove: {
    rule: "R31: the amount must be above zero",
    hint: "there is no money to move now",
  },
  Upkeeping_Underfunded: {
    rule: "R32: the escrow must cover what is required",
    hint: "deposit the difference first (whitepay group fund), or withdraw less",
    unit: "money",
    expected: "at least {required}",
    actual: "available",
  },
  Upkeeping_WrongValue: {
    rule: "R32: the value must equal the amount",
    hint: "send exactly that value; with a token send no value",
    unit: "money",
  },
  Upkeeping_TooMuchMoney: {
    rule: "R32: a group accepts at most 2^96 − 1 units in total",
    hint: "deposit less",
    unit: "money",
  },
  Upkeeping_TransferFailed: {
    rule: "R31: the payee or token refused the money",
    hint: "name another payee",
  },
  Upkeeping_OwnToken: {
    rule: "R31: the group pays in this token",
    hint: "book it with whitepay group sync, then withdraw it",
  },
  Upkeeping_ZeroAddress: { rule: "R31: the zero address receives nothing", hint: "name an account" },
  Upkeeping_NotEnded: {
    rule: "R32: all arrears are collected at one ratio after the end",
    hint: "before the end collect them one by one",
    unit: "block",
    expected: "settled through block {expectedThrough}",
  },
  Upkeeping_Reentered: {
    rule: "R31: a transfer must not call back",
    hint: "use another token or payee: its contract calls back",
  },
};

const certificates: Readonly<Record<string, RefusalWords>> = {
  Committee_StaleStart: {
    rule: "R29: one certificate per ts",
    hint: "the interval is certified already",
    unit: "block",
  },
  Committee_WrongEnd: { rule: "R6: ts and the turn determine te", hint: daemon, unit: "block" },
  Committee_TooEarly: {
    rule: "R29: a certificate is valid inside its turn",
    hint: "wait for that block",
    unit: "block",
  },
  Committee_TooLate: {
    rule: "R29: a certificate is valid inside its turn",
    hint: "the next turn certifies",
    unit: "block",
  },
  Committee_WrongVersion: { rule: "R29: only the version in force certifies", hint: daemon },
  Committee_LeaderFailed: { rule: "R29: a failed keeper cannot lead", hint: daemon },
  Committee_BitmapOutOfRange: { rule: "R29: bitmaps contain members only", hint: daemon },
  Committee_TooFewSigners: { rule: "R29: a quorum must sign", hint: daemon },
  Committee_WrongFailedCount: {
    rule: "R7: the number of failed leaders equals the lapsed turns, at most f",
    hint: daemon,
  },
  Committee_FailedPayee: { rule: "R7: a failed keeper gets no share", hint: daemon, actual: "overlap" },
  Committee_NotLeader: {
    rule: "R25: only the leader may send in the first two thirds of its turn",
    hint: daemon,
  },
  Committee_BadSignatureLength: { rule: "R27: a signature has 128 bytes", hint: daemon },
  Committee_Infinity: { rule: "R27: the point at infinity is not a signature", hint: daemon },
  Committee_BadSignature: { rule: "R27: the quorum must sign exactly this certificate", hint: daemon },
  Committee_GroupsOutOfRange: { rule: "R29: the groups handed in are in the certificate", hint: daemon },
  Committee_BadGroupProof: {
    rule: "R29: groups and proof must lead to the certificate's root",
    hint: "hand in exactly what was signed, in the order of the groups' numbers",
  },
  Committee_BadProofLength: {
    rule: "R29: the proof has exactly the siblings that it needs",
    hint: "build it with the certificate's tree",
  },
  Committee_NotRemembered: {
    rule: "R29: later settlements need a remembered certificate",
    hint: "all its groups are settled already, or it was never accepted",
  },
  Committee_TooLittleGas: {
    rule: "R29: a group is called with the gas that it needs at worst",
    hint: "use a higher gas limit, or hand in fewer groups",
  },
  Committee_BadGroupItems: { rule: "R33: a group has at most 256 providers", hint: daemon },
  Upkeeping_StaleInterval: {
    rule: "R29: a group takes its certificates one after another",
    hint: "it is settled already, or earlier certificates come first",
  },
  Upkeeping_WrongNumber: {
    rule: "R38: a certificate of an earlier membership settles nothing",
    hint: daemon,
  },
  Upkeeping_WrongItemCount: { rule: "R27: one item per provider of the interval", hint: daemon },
  Upkeeping_ItemsNotAscending: { rule: "R27: items are in ascending order of providers", hint: daemon },
  Upkeeping_BadItem: { rule: "R27: values of an item fit its fields", hint: daemon },
  Upkeeping_ProviderNotActive: {
    rule: "R27: items contain providers of the interval only",
    hint: daemon,
  },
};

/** A number that does not fit the field in which the contracts store it. */
const numbers: Readonly<Record<string, RefusalWords>> = {
  Narrow_TooWide: { rule: "R35: stored numbers have fixed widths", hint: "use a smaller number" },
  Head_TooWide: {
    rule: "R35: stored numbers have fixed widths",
    hint: "use a smaller number",
    expected: "numbers of 96, 96, 40, 9 and 9 bits",
    actual: "available",
  },
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

/** By the full name of the error. */
export const refusalWords: Readonly<Record<string, RefusalWords>> = {
  ...registration,
  ...making,
  ...members,
  ...scope,
  ...data,
  ...money,
  ...certificates,
  ...numbers,
  ...tokens,
};
