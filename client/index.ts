/**
 * The library: `import { … } from "@whitepay/client"`. For payers and dashboards, in Node and in browsers. docs/library.md has units,
 * errors and examples.
 */
export { connectRpc } from "./connect.ts";
export { WhitePayError } from "./errors.ts";
export type { ErrorCode, ErrorDetails } from "./errors.ts";
export {
  coin,
  costOf,
  formatAmount,
  formatDuration,
  GiB,
  month_s,
  parseAmount,
  parseBytes,
} from "./units.ts";
export type { Token } from "./units.ts";
export { settlementGas } from "../protocol/fees.ts";
export { measureFees } from "./fees.ts";
export type { MeasuredFees } from "./fees.ts";
export { quote } from "./quote.ts";
export type { Quote, QuoteInput } from "./quote.ts";
export { GroupView } from "./group-view.ts";
export type {
  DataCheckpoint,
  EscrowView,
  GroupCommittee,
  GroupParameters,
  GroupRules,
  GroupState,
  KeeperAccount,
  PastSettlement,
  ProviderAccount,
  ProviderOutlook,
} from "./group-view.ts";
export { depositFor, groupStatus, measureBlockTime, measurePace, openGroup, shortfallOf } from "./status.ts";
export type { BlockPace, BlockTime, GroupStatus } from "./status.ts";
export { lastSettledShares } from "./proven.ts";
export type { SettledShare, SettledShares } from "./proven.ts";
export { readToken, tokenAllowance, tokenBalance } from "./token.ts";
export { send, simulate } from "./transactions.ts";
export type { SendOptions, TransactionPlan, TransactionReport } from "./transactions.ts";
export {
  groupCreatedBy,
  planAddProvider,
  planCancelCommittee,
  planCreate,
  planFund,
  planProviderWithdraw,
  planRemoveProvider,
  planReplaceKeeper,
  planSetData,
  planTerminate,
  planWithdraw,
  providerIndex,
} from "./plans.ts";
export type { DataConsent, NewGroup } from "./plans.ts";
export {
  planAbandon,
  planCollectArrears,
  planKeeperWithdraw,
  planResign,
  planRevokeConsent,
  planSync,
  planTouch,
} from "./rights.ts";
export { planAcceptSeat, planSeat, signSeat } from "./seats.ts";
export type { SeatConsent } from "./seats.ts";
export { payeesOf, planAcceptPayee, planNamePayee } from "./payees.ts";
export type { PayeeOf, Payees } from "./payees.ts";
export { providerEarnings } from "./earnings.ts";
export type { Earnings, SettledPay } from "./earnings.ts";
export { eventPages, groupEvents, watchGroup } from "./watch.ts";
export type { EventPage, GroupEvent, GroupNews, WatchOptions } from "./watch.ts";
export { groupPayments } from "./payments.ts";
export type { Payment, PaymentKind, PaymentRange } from "./payments.ts";
export { verifySettlement } from "./certificate.ts";
export type { CertificateReport, SettlementVerdict } from "./certificate.ts";
export { factoryAbi, groupAbi, registryAbi } from "./abi.ts";
