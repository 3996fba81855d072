/** The parts of the contracts that a keeper reads and calls; a test holds them against the compiled artifacts. */
import { Interface } from "ethers";

const config =
  "tuple(address token, uint96 price, uint32 interval, uint32 turn, uint32 slot, uint32 answer, uint32 confirmations, uint32 lockup, uint16 keeperShareBps, uint16 toleranceBps, bool merkle)";
const committee =
  "tuple(uint64 version, uint64 proposedAt, uint64 readyAt, uint64 effectiveFrom, uint64 retiredAt, bytes32 seed, address keysBlob, uint256 accepted, address[] operators)";

export const groupAbi = new Interface([
  `function parameters() view returns (tuple(address payer, address registry, uint64 originBlock, ${config} config))`,
  "function state() view returns (tuple(uint64 settledThrough, uint64 committee, uint64 pendingCommittee, uint64 rotatedCommittee, uint32 listedProviders, uint32 providerCount, uint64 terminatedAt, uint64 endBlock, bool ended, uint32 abandonments))",
  `function committee() view returns (${committee})`,
  `function pendingCommittee() view returns (${committee})`,
  "function members(uint64 version, uint256 from, uint256 count) view returns (tuple(address operator, address payee, bytes blsKey)[])",
  "function providers(uint256 from, uint256 count) view returns (tuple(uint32 index, address operator, address payee, uint64 activeFrom, uint64 removedAt, bool closed, uint64 bytesNow, uint32 firstCheckpoint, uint32 checkpointCount, uint64 sequence, uint256 credited, uint256 withdrawn, uint256 arrears)[])",
  "function dataHistory(uint32 provider, uint256 from, uint256 count) view returns (tuple(uint64 fromBlock, uint64 size, bytes32 root, address receiptKey, uint64 sequence)[])",
  "function settle(tuple(uint64 ts, uint64 te, uint64 committee, uint8 leader, uint256 failed, uint256 payees, tuple(uint32 provider, uint128 spaceTime)[] items) settlement, uint256 signers, bytes signature)",
  "event Settled(uint64 indexed ts, uint64 te, uint8 leader, uint256 failed, uint256 payees, uint256 signers, bytes32 digest)",
  // Every error that settling may be refused with.
  "error Upkeeping_StaleStart(uint64 expected, uint64 actual)",
  "error Upkeeping_WrongEnd(uint64 expected, uint64 actual)",
  "error Upkeeping_TooEarly(uint256 expectedFrom, uint256 actual)",
  "error Upkeeping_TooLate(uint256 expectedBefore, uint256 actual)",
  "error Upkeeping_WrongCommittee(uint64 expected, uint64 actual)",
  "error Upkeeping_NoSuchLeader(uint256 expectedBelow, uint256 actual)",
  "error Upkeeping_LeaderFailed(uint8 leader)",
  "error Upkeeping_BitmapOutOfRange(uint256 expectedBelow, uint256 actual)",
  "error Upkeeping_TooFewSigners(uint256 expected, uint256 actual)",
  "error Upkeeping_WrongFailedCount(uint256 expected, uint256 actual)",
  "error Upkeeping_FailedPayee(uint256 expected, uint256 overlap)",
  "error Upkeeping_NotLeader(address expected, address actual)",
  "error Upkeeping_NotMember(address actual)",
  "error Upkeeping_WrongItemCount(uint256 expected, uint256 actual)",
  "error Upkeeping_ItemsNotAscending(uint256 expectedAbove, uint256 actual)",
  "error Upkeeping_ItemOutOfRange(uint256 provider, uint256 spaceTime)",
  "error Upkeeping_ProviderNotActive(uint32 provider)",
  "error Upkeeping_BadSignatureLength(uint256 expected, uint256 actual)",
  "error Upkeeping_Infinity()",
  "error Upkeeping_BadSignature(bytes32 digest, uint256 signers)",
  "error Upkeeping_WrongMode(bool expectedMerkle, bool actualMerkle)",
  "error Upkeeping_Ended(uint64 endBlock, uint64 settledThrough)",
  "error BLS_PrecompileFailed(uint256 precompile, uint256 expectedBytes, uint256 actualBytes)",
]);

export const registryAbi = new Interface([
  "function keeper(address operator) view returns (tuple(address payee, address pendingPayee, uint32 keySequence, uint64 registeredAt, uint64 registrationSequence, bytes blsKey, bytes peerId, string[] multiaddrs))",
  "function provider(address operator) view returns (tuple(address payee, address pendingPayee, uint64 registeredAt, uint64 registrationSequence, bytes peerId, string[] multiaddrs))",
]);
