/**
 * The library: `import { … } from "@whitepay/client"`. For payers, providers, keepers and dashboards, in Node and in browsers. docs/library.md has units,
 * errors and examples.
 */
export { connectRpc } from "./connect.ts";
export { WhitePayError } from "./errors.ts";
export type { ErrorCode, ErrorDetails } from "./errors.ts";
export {
  coin,
  formatAmount,
  formatDuration,
  GiB,
  month_s,
  parseAmount,
  parseBytes,
  roughAmount,
  TiB,
} from "./units.ts";
export type { Token } from "./units.ts";
export {
  costOf,
  costOfValue,
  feeFor,
  feeNeeded,
  keeperFeeFor,
  paidFor,
  perMonthOf,
  priceFor,
  priceScale,
} from "./prices.ts";
export type { MonthlyPrice } from "./prices.ts";
export { certificateGas, groupGas } from "../protocol/certificate-gas.ts";
export type { CertifiedScope } from "../protocol/certificate-gas.ts";
export { measureFees } from "./fees.ts";
export type { MeasuredFees } from "./fees.ts";
export { quote } from "./quote.ts";
export type { KeeperCost, Quote, QuotedProvider, QuoteInput } from "./quote.ts";
export { dataAt, GroupView } from "./group-view.ts";
export type {
  DataChange,
  Escrow,
  GroupAt,
  GroupConfig,
  GroupPage,
  GroupState,
  ProviderAccount,
  Service,
} from "./group-view.ts";
export { CommitteeReader, CommitteeView } from "./committee-view.ts";
export type {
  CommitteeAt,
  CommitteeMember,
  CommitteePage,
  CommitteeVersion,
  Membership,
  RememberedCertificate,
  Rhythm,
  Terms,
} from "./committee-view.ts";
export { openProposals, type Proposal } from "./proposals.ts";
export { depositFor, groupStatus, measureBlockTime, measurePace, openGroup } from "./status.ts";
export type { BlockPace, BlockTime, GroupStatus, KeeperAccount } from "./status.ts";
export { lastSettledShares } from "./proven.ts";
export type { SettledShare } from "./proven.ts";
export { readToken, tokenAllowance, tokenBalance } from "./token.ts";
export { send, simulate } from "./transactions.ts";
export type { SendOptions, TransactionPlan, TransactionReport } from "./transactions.ts";
export {
  configurationHash,
  memberConsentDigest,
  predictCommittee,
  signFirstConsent,
  signVersionConsent,
} from "./member-consents.ts";
export type { CommitteeDraft, Configuration, MemberConsent } from "./member-consents.ts";
export {
  committeeCreatedBy,
  planCommittee,
  planConsent,
  planHandInConsent,
  planInvite,
  planReclaim,
  planReleaseGroup,
  planReplaceMember,
  planResign,
  planRotateSeat,
  planWithdrawProposal,
} from "./committee-plans.ts";
export type { NewCommittee } from "./committee-plans.ts";
export {
  abandonable,
  groupCreatedBy,
  planAbandon,
  planEnter,
  planGroup,
  planPrivate,
  planRaiseCeiling,
  planTerminate,
  predictGroup,
} from "./group-plans.ts";
export type { Abandonable, NewGroup, NewPrivate } from "./group-plans.ts";
export { planCollectAllArrears, planCollectArrears, planCollectKeeperArrears } from "./arrears-plans.ts";
export {
  payersOf,
  planAcceptPayer,
  planFund,
  planManifest,
  planNamePayer,
  planRescue,
  planSendAhead,
  planSync,
  planWithdraw,
} from "./money-plans.ts";
export type { Payers } from "./money-plans.ts";
export {
  consentBasis,
  dataConsentDigest,
  planAddProvider,
  planChangeData,
  planLeave,
  planRemoveProvider,
  planRevokeConsent,
  providerIndex,
  signDataConsent,
} from "./provider-plans.ts";
export type { DataConsent, DataTerms } from "./provider-plans.ts";
export {
  failedWithdrawals,
  groupsOf,
  keeperBalances,
  planKeeperWithdrawals,
  planProviderWithdrawals,
  providerBalances,
} from "./withdrawals.ts";
export type { Contracts, FailedWithdrawal, KeeperBalance, ProviderBalance } from "./withdrawals.ts";
export { payeesOf, planAcceptPayee, planNamePayee } from "./payees.ts";
export type { PayeeOf, Payees } from "./payees.ts";
export { providerEarnings } from "./earnings.ts";
export { factoryOf, membershipsFrom, seatsOf } from "./seats.ts";
export type { Seat, SeatSearch } from "./seats.ts";
export type { Earnings, SettledPay } from "./earnings.ts";
export { eventPages, groupEvents, watchGroup } from "./watch.ts";
export type { EventPage, EventRange, GroupEvent, GroupNews, WatchOptions } from "./watch.ts";
export { groupPayments } from "./payments.ts";
export type { Payment, PaymentKind, PaymentRange } from "./payments.ts";
export { keeperShares, refusedIn, settlementsIn } from "./settlements.ts";
export type { GroupSettlement, ProviderPart, RefusedGroup } from "./settlements.ts";
export { verifyCertificate } from "./certificate.ts";
export type { CertificateReport, CertificateVerdict } from "./certificate.ts";
export { attestingMembers, signContribution, verifyContribution } from "./contribution.ts";
export type { AttestingCommittee, AttestingMembers, ContributionAttestation } from "./contribution.ts";
export { contributionDigest } from "../protocol/contribution.ts";
export type { CeremonyContribution } from "../protocol/contribution.ts";
export { signPermission, signRevocation } from "./reading/permission.ts";
export { unlimitedBytes } from "../protocol/codec/permission.ts";
export type { GroupDomain, Permission, PermissionTerms, Revocation } from "../protocol/codec/permission.ts";
export { httpPayee, httpSource, PaymentNeeded, SourceError } from "./reading/source.ts";
export type {
  ChargedRange,
  HttpSourceOptions,
  Payee,
  PieceSource,
  SentRange,
  SourceFaultKind,
} from "./reading/source.ts";
export { payingSource } from "./reading/paying.ts";
export type { PayingSource } from "./reading/paying.ts";
export { memoryTabs, ReadPurse } from "./reading/purse.ts";
export type { PurseTerms, ReadTabs } from "./reading/purse.ts";
export type { DueCode, PaymentDue, ShownVoucher } from "../protocol/codec/paid-reading.ts";
export {
  expiryBounds,
  planReadDeposit,
  planReadRelease,
  planReadWithdrawal,
  planRedeem,
  readChannel,
  readChannels,
  signVoucher,
  vouchersDomain,
} from "./reading/vouchers.ts";
export {
  accountOf,
  amountToSign,
  decideRange,
  priceOfBytes,
  tabOf,
  voucherGain,
  withVoucher,
} from "../protocol/reading-account.ts";
export type {
  ReadAccount,
  ReadChannel,
  ReadDecision,
  ReadTab,
  ReadTime,
} from "../protocol/reading-account.ts";
export { isVoucherSigned, voucherDigest } from "../protocol/codec/voucher.ts";
export type { ChannelName, Voucher, VouchersDomain } from "../protocol/codec/voucher.ts";
export { openPiece, Piece } from "./reading/piece.ts";
export type { PieceOptions, SourceFault, VerifiedRange } from "./reading/piece.ts";
export { committeeAbi, factoryAbi, groupAbi, lensAbi, registryAbi, vouchersAbi } from "./abi.ts";
export { readArchiveFile } from "./reading/archive-file.ts";
export type { FileOptions, FileRead, FileSources, WantedFile } from "./reading/archive-file.ts";
export { memoryStore } from "./reading/range-store.ts";
export type { KeptRange, RangeStore } from "./reading/range-store.ts";
export { urlSource } from "./reading/url-source.ts";
export type { PlainSource, UrlSourceOptions } from "./reading/url-source.ts";
export { placesOf } from "./reading/file-places.ts";
export type { FilePlaces, NamedFile, NamedSource } from "./reading/file-places.ts";
