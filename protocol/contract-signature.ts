/**
 * ERC-1271: asks a contract whether it accepts a signature, as the contracts ask it (OpenZeppelin's SignatureChecker).
 *
 * A node's error for a plain `eth_call` is the contract's refusal or a failure of the node, in words that differ from node to node. So
 * code without an address makes the call and returns its outcome, without a revert: every error is then one of the endpoint.
 */
import { transactionGasCap } from "./fees.ts";
import { concatBytes, fromHex, toHex } from "../storage/core/bytes.ts";
import { word, wordBytes } from "./hash.ts";
import type { Hex } from "./hash.ts";

/** Selector of `isValidSignature(bytes32,bytes)`; a contract that accepts the signature returns it as well. */
const selector = "1626ba7e";
const acceptance = BigInt(`0x${selector.padEnd(2 * wordBytes, "0")}`);

/** Instructions before and after the address of the called account. The calldata lies behind them. */
const before = [
  "6033", // length of the instructions
  "380380", // n = length of the calldata, twice
  "60335f39", // copies the calldata to memory 0
  "602081", // 32 bytes of output, to memory n
  "805f", // n bytes of input, from memory 0
  "73",
].join("");
const after = [
  "5afa", // STATICCALL with all gas
  "5f52", // memory 0: 1 if the call succeeded
  "3d602052", // memory 32: bytes that the contract returned
  "51604052", // memory 64: the first word of them
  "60605ff3", // returns the three words
].join("");

/** The parameter of an `eth_call` that asks the account. The gas is the most that the contracts can use for it. */
export function signatureCall(
  account: string,
  digest: string,
  signature: Uint8Array,
): { readonly data: Hex; readonly gas: Hex } {
  const padded = new Uint8Array(Math.ceil(signature.length / wordBytes) * wordBytes);
  padded.set(signature);
  const data = concatBytes(
    fromHex(`0x${before}${account.slice(2)}${after}${selector}`),
    fromHex(digest),
    word(2 * wordBytes),
    word(signature.length),
    padded,
  );
  return { data: toHex(data), gas: `0x${transactionGasCap.toString(16)}` };
}

/**
 * Whether the output of that call says that the account is a contract that accepts the signature.
 * @throws Error if it is not the output of that call: the endpoint is at fault
 */
export function isAccepted(output: unknown): boolean {
  if (typeof output !== "string" || !/^0x[0-9a-f]{192}$/i.test(output)) {
    throw new Error(`eth_call: expected three words, actual ${String(output).slice(0, 100)}`);
  }
  const [succeeded, length, value] = [2, 66, 130].map((at) => BigInt(`0x${output.slice(at, at + 64)}`));
  return succeeded === 1n && Number(length) >= wordBytes && value === acceptance;
}
