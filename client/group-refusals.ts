/** Rule and remedy for the errors of groups: providers and their data, money (R31–R34). */
import { wrongKey, type Refusals } from "./refusal-form.ts";

export const dataRefusals: Refusals = {
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

export const moneyRefusals: Refusals = {
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
