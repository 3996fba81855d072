/** The present cost of a certificate for keepers. */
import { Contract, Transaction, type JsonRpcApiProvider } from "ethers";
import {
  defaultFeeLimits,
  feeBlocks,
  feesFor,
  gasPriceOracle,
  marketOf,
  tipPercentile,
  type FeeLimits,
  type FeeMarket,
} from "../protocol/fees.ts";
import { CertificateTree, groupWords, type CertifiedGroup } from "../protocol/certificate.ts";
import type { CertifiedScope } from "../protocol/certificate-gas.ts";
import { keccakWords } from "../protocol/hash.ts";
import type { Hex } from "../protocol/hash.ts";
import { committeeAbi } from "./abi.ts";

export type MeasuredFees = {
  /** Wei per unit of gas: base fee and tip of the recent blocks. */
  readonly gasPrice: bigint;
  /** Wei for the data of one certificate on L1; 0 if the chain has no L1 fee. */
  readonly l1Fee: bigint;
  readonly market: FeeMarket;
};

/**
 * @param scope groups and providers, which determine the size of a certificate
 * @param limits limits of the tips that keepers offer
 */
export async function measureFees(
  provider: JsonRpcApiProvider,
  scope: CertifiedScope,
  limits: FeeLimits = defaultFeeLimits,
): Promise<MeasuredFees> {
  const market = await recentMarket(provider, limits);
  const l1Fee = await dataFee(provider, scope, feesFor(market, limits));
  return { gasPrice: market.base + market.tip, l1Fee, market };
}

/** Without a fee history: the base fee of the newest block. */
async function recentMarket(provider: JsonRpcApiProvider, limits: FeeLimits): Promise<FeeMarket> {
  const blocks = `0x${feeBlocks.toString(16)}`;
  try {
    return marketOf(await provider.send("eth_feeHistory", [blocks, "latest", [tipPercentile]]), limits);
  } catch {
    const base = (await provider.getBlock("latest"))?.baseFeePerGas ?? 0n;
    return { base, nextBase: base, tip: limits.tipFloor };
  }
}

async function dataFee(
  provider: JsonRpcApiProvider,
  scope: CertifiedScope,
  fees: ReturnType<typeof feesFor>,
): Promise<bigint> {
  const { address, getL1Fee } = gasPriceOracle;
  if ((await provider.getCode(address)) === "0x") return 0n;
  const data = sampleCall(scope);
  const { chainId } = await provider.getNetwork();
  const { unsignedSerialized } = Transaction.from({ type: 2, chainId, nonce: 0, to: address, data, ...fees });
  return new Contract(address, [getL1Fee], provider).getFunction("getL1Fee")(unsignedSerialized);
}

/** A call of `certify` with bytes as hard to compress as real ones. */
function sampleCall({ groups, providers }: CertifiedScope): string {
  const handedIn = Array.from({ length: groups }, (_, i): CertifiedGroup => {
    const count = Math.floor(providers / groups) + (i < providers % groups ? 1 : 0);
    const items = Array.from({ length: count }, (_, provider) => {
      return { provider, spaceTime: BigInt(keccakWords(i, provider)) >> 180n };
    });
    return { number: i + 1, group: keccakWords(i).slice(0, 42) as Hex, items };
  });
  const certificate = {
    ts: 20_000_000,
    te: 20_007_200,
    version: 1,
    leader: 0,
    failed: 0n,
    payees: 15n,
    count: groups,
    groups: new CertificateTree(handedIn).root,
  };
  const coordinate = `${"00".repeat(16)}${sampleCoordinate}`;
  const args = [certificate, 15n, `0x${coordinate}${coordinate}`, 0, handedIn.flatMap(groupWords), []];
  return committeeAbi.encodeFunctionData("certify", args);
}

/** A coordinate of the generator of BLS12-381's G1. */
const sampleCoordinate =
  "17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";
