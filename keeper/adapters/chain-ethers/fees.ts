/** The present cost of a transaction on this chain, in coin and in a committee's token. */
import { Interface, parseUnits, Transaction } from "ethers";
import type { CertifiedScope } from "../../../protocol/certificate-gas.ts";
import { gasPriceOracle, feeBlocks, marketOf, tipPercentile } from "../../../protocol/fees.ts";
import type { FeeLimits, FeeMarket, GasFees } from "../../../protocol/fees.ts";
import type { Hex } from "../../../protocol/hash.ts";
import { committeeAbi } from "./abi.ts";
import { RpcUnavailable } from "../../../daemon/chain/rpc.ts";
import { call } from "../../../daemon/chain/calls.ts";
import type { Ask } from "../../../daemon/chain/calls.ts";
import { sampleCertificate } from "./encode.ts";

export type Call = { readonly to: Hex; readonly data: string; readonly gasLimit: bigint };

const oracleAbi = new Interface([gasPriceOracle.getL1Fee]);
const tokenAbi = new Interface(["function decimals() view returns (uint8)"]);
const coinDecimals = 18;

export class FeeMeter {
  readonly #chainId: number;
  readonly #limits: FeeLimits;
  readonly #ask: Ask;
  #hasOracle: boolean | undefined;

  constructor(options: { readonly chainId: number; readonly fees: FeeLimits }, ask: Ask) {
    this.#chainId = options.chainId;
    this.#limits = options.fees;
    this.#ask = ask;
  }

  /** Without a readable fee history the tip floor is offered, because a keeper without an offer would lose its turn. */
  async market(): Promise<FeeMarket> {
    try {
      const blocks = `0x${feeBlocks.toString(16)}`;
      return marketOf(await this.#ask("eth_feeHistory", [blocks, "latest", [tipPercentile]]), this.#limits);
    } catch (error) {
      if (error instanceof RpcUnavailable) throw error;
      const block = (await this.#ask("eth_getBlockByNumber", ["latest", false])) as {
        baseFeePerGas?: string;
      };
      const base = BigInt(block.baseFeePerGas ?? "0x0");
      return { base, nextBase: base, tip: this.#limits.tipFloor };
    }
  }

  /** Wei for the transaction's data on the chain below; 0 where there is none. */
  async l1Fee({ to, data, gasLimit }: Call, fees: GasFees): Promise<bigint> {
    const { address } = gasPriceOracle;
    this.#hasOracle ??= (await this.#ask("eth_getCode", [address, "latest"])) !== "0x";
    if (!this.#hasOracle) return 0n;
    const transaction = { type: 2, chainId: this.#chainId, nonce: 0, to, data, gasLimit, value: 0n, ...fees };
    const { unsignedSerialized } = Transaction.from(transaction);
    const [fee] = await call(this.#ask, oracleAbi, address, "getL1Fee", [unsignedSerialized], "latest");
    return fee;
  }

  /** As l1Fee, of a certificate that settles groups of this scope. */
  sampleL1Fee(to: Hex, scope: CertifiedScope, fees: GasFees): Promise<bigint> {
    const data = sampleCertificate(scope);
    return this.l1Fee({ to, data, gasLimit: 1_000_000n }, fees);
  }
}

/** Price of one coin in whole tokens, by token, for example "3000.5". */
export type TokenPrices = ReadonlyMap<Hex, string>;

type Worth = { readonly unitsPerCoin: bigint } | undefined;

/** Converts fees into the tokens in which keepers are paid. */
export class Exchange {
  readonly #prices: TokenPrices;
  readonly #ask: Ask;
  readonly #worth = new Map<Hex, Worth>();

  constructor(prices: TokenPrices, ask: Ask) {
    this.#prices = prices;
    this.#ask = ask;
  }

  /** Units of the committee's token for one coin; undefined if no price of the token is set. */
  async unitsPerCoin(committee: Hex): Promise<bigint | undefined> {
    if (!this.#worth.has(committee)) this.#worth.set(committee, await this.#worthIn(committee));
    return this.#worth.get(committee)?.unitsPerCoin;
  }

  async #worthIn(committee: Hex): Promise<Worth> {
    const [terms] = await call(this.#ask, committeeAbi, committee, "terms", [], "latest");
    const token = String(terms.token).toLowerCase() as Hex;
    if (BigInt(token) === 0n) return { unitsPerCoin: 10n ** BigInt(coinDecimals) };
    const price = this.#prices.get(token);
    if (price === undefined) return undefined;
    const [decimals] = await call(this.#ask, tokenAbi, token, "decimals", [], "latest");
    const scaled = parseUnits(price, coinDecimals) * 10n ** BigInt(decimals);
    return { unitsPerCoin: scaled / 10n ** BigInt(coinDecimals) };
  }
}

export function inUnits(wei: bigint, unitsPerCoin: bigint): bigint {
  const coin = 10n ** BigInt(coinDecimals);
  return (wei * unitsPerCoin + coin - 1n) / coin;
}
