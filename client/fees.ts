/** The present cost of a settlement for keepers. */
import { Contract, Transaction, type JsonRpcApiProvider } from "ethers";
import {
  defaultFeeLimits,
  feeBlocks,
  feesFor,
  gasPriceOracle,
  marketOf,
  sampleSettlement,
  tipPercentile,
  type FeeLimits,
  type FeeMarket,
} from "../protocol/fees.ts";
import { groupAbi } from "./abi.ts";

export type MeasuredFees = {
  /** Wei per unit of gas: base fee and tip of the recent blocks. */
  readonly gasPrice: bigint;
  /** Wei for the data of one settlement on L1; 0 if the chain has no L1 fee. */
  readonly l1Fee: bigint;
  readonly market: FeeMarket;
};

/**
 * @param providers number of providers, which determines the size of a settlement
 * @param limits limits of the tips that keepers offer
 */
export async function measureFees(
  provider: JsonRpcApiProvider,
  providers: number,
  limits: FeeLimits = defaultFeeLimits,
): Promise<MeasuredFees> {
  const market = await recentMarket(provider, limits);
  const l1Fee = await dataFee(provider, providers, feesFor(market, limits));
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
  providers: number,
  fees: ReturnType<typeof feesFor>,
): Promise<bigint> {
  const { address, getL1Fee } = gasPriceOracle;
  if ((await provider.getCode(address)) === "0x") return 0n;
  const { settlement, signers, signature } = sampleSettlement(providers);
  const coordinate = `${"00".repeat(16)}${signature.slice(2)}`;
  const call = [settlement, signers, `0x${coordinate}${coordinate}`];
  const data = groupAbi.encodeFunctionData("settle", call);
  const { chainId } = await provider.getNetwork();
  const { unsignedSerialized } = Transaction.from({ type: 2, chainId, nonce: 0, to: address, data, ...fees });
  return new Contract(address, [getL1Fee], provider).getFunction("getL1Fee")(unsignedSerialized);
}
