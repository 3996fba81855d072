/** R47: a reader's signed promise to pay a provider for what it read. */
import { domainType, typedDigest } from "../certificate.ts";
import { fromHex, keccakText, keccakWords, type Hex } from "../hash.ts";
import { digestSigner } from "./receipt.ts";

/** The contract of paid reading (contracts/ReadVouchers.sol) on its chain. */
export type VouchersDomain = { readonly chainId: number; readonly vouchers: Hex };

/** Addresses in lower case; a zero token means the chain's own coin. */
export type ChannelName = { readonly reader: Hex; readonly provider: Hex; readonly token: Hex };

export type Voucher = ChannelName & {
  /** Units of the token, cumulative: all that the reader ever promised to this provider in this token. */
  readonly amount: bigint;
  /** EIP-712, by the reader's account: r ‖ s ‖ v, 65 bytes. */
  readonly signature: Uint8Array;
};

const voucherType = "Voucher(address reader,address provider,address token,uint256 amount)";
const voucherTypeHash = keccakText(voucherType);
const nameHash = keccakText("WhitePay reading");
const versionHash = keccakText("1");

/** EIP-712 digest that the reader signs. */
export function voucherDigest(
  { chainId, vouchers }: VouchersDomain,
  { reader, provider, token }: ChannelName,
  amount: bigint,
): Hex {
  const domain = keccakWords(domainType, nameHash, versionHash, chainId, vouchers);
  return typedDigest(domain, keccakWords(voucherTypeHash, reader, provider, token, amount));
}

/** Whether the reader's account signed the voucher; false for a malformed signature, and one with s in the upper half. */
export function isVoucherSigned(domain: VouchersDomain, voucher: Voucher): boolean {
  const digest = fromHex(voucherDigest(domain, voucher, voucher.amount));
  return digestSigner(digest, voucher.signature) === voucher.reader;
}
