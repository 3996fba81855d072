/** Rule and remedy for the errors of committees: members, groups in scope, certificates (R25–R38). */
import { daemon, wrongKey, type Refusals } from "./refusal-form.ts";

export const memberRefusals: Refusals = {
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

export const scopeRefusals: Refusals = {
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

export const certificateRefusals: Refusals = {
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
  Committee_GroupCutOff: { rule: "R29: the words handed in are whole groups", hint: daemon },
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
