/** The checksum of an Ethereum address (EIP-55). */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** The spelling of an address with its EIP-55 checksum. */
function checksummed(address: string): string {
  const digits = address.slice(2).toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(digits)));
  return `0x${[...digits].map((c, i) => (Number.parseInt(hash.charAt(i), 16) >= 8 ? c.toUpperCase() : c)).join("")}`;
}

/** The right spelling of an address in mixed case that has a wrong checksum; undefined if nothing is wrong. */
export function checksumFault(address: string): string | undefined {
  const digits = address.slice(2);
  const isMixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase();
  const right = checksummed(address);
  return isMixed && address !== right ? right : undefined;
}
