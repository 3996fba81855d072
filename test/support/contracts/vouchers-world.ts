/** The contract of paid reading on a chain in this process, with readers and providers (R47). */
import {
  Contract,
  Signature,
  ZeroAddress,
  type Interface,
  type Signer,
  type TransactionReceipt,
  type TypedDataDomain,
  type Wallet,
} from "ethers";
import { artifact } from "../../../scripts/contracts/artifacts.ts";
import { compileContracts } from "../../../scripts/contracts/compile.ts";
import { deployContract, openChain, refusal, send, type Chain, type Refusal } from "./chain.ts";

export type ChannelState = { deposited: bigint; spent: bigint; expiry: bigint };
export type ClaimValue = { reader: string; token: string; amount: bigint; r: string; vs: string };
export type Named = { reader: Wallet; provider: Wallet; token?: string };

const types = {
  Voucher: [
    { name: "reader", type: "address" },
    { name: "provider", type: "address" },
    { name: "token", type: "address" },
    { name: "amount", type: "uint256" },
  ],
};

/** The contract's constants, from its interface's text. */
export const leastBlocks = 256;
export const mostBlocks = 1 << 23;
export const mostClaims = 256;

export class VouchersWorld {
  readonly chain: Chain;
  readonly contract: Contract;
  readonly token: Contract;
  /** The ABI of everything that a call may revert with. */
  readonly errors: Interface;

  private constructor(chain: Chain, contract: Contract, token: Contract) {
    this.chain = chain;
    this.contract = contract;
    this.token = token;
    this.errors = new Contract(ZeroAddress, artifact("ReadVouchers").abi).interface;
  }

  static async open(): Promise<VouchersWorld> {
    await compileContracts();
    return VouchersWorld.on(await openChain());
  }

  /** On a chain that has other things on it, too. */
  static async on(chain: Chain): Promise<VouchersWorld> {
    const deployer = chain.signers[0] as Signer;
    const contract = await deployContract("ReadVouchers", deployer);
    const token = await deployContract("DemoToken", deployer, ["Demo", "DEMO"]);
    return new VouchersWorld(chain, contract, token);
  }

  get address(): string {
    return this.contract.target as string;
  }
  get tokenAddress(): string {
    return this.token.target as string;
  }

  /** An account with coin, and with tokens that the contract may take. */
  async account(label: string, token = this.token): Promise<Wallet> {
    const wallet = await this.chain.account(label);
    await send(token, wallet, "mint", [wallet.address, 10n ** 40n]);
    await send(token, wallet, "approve", [this.address, 10n ** 40n]);
    return wallet;
  }

  /** Deposits by the reader, or by somebody else; by default so that the channel is open for 1,000 blocks. */
  async deposit(
    { reader, provider, token = this.tokenAddress }: Named,
    amount: bigint,
    {
      from = reader,
      expiry,
      value,
    }: { from?: Signer; expiry?: number | bigint | undefined; value?: bigint } = {},
  ): Promise<TransactionReceipt> {
    const until = expiry ?? (await this.chain.block()) + 1_000;
    const coin = token === ZeroAddress ? amount : 0n;
    const args = [reader.address, provider.address, token, amount, until];
    return send(this.contract, from, "deposit", args, { value: value ?? coin });
  }

  domain(change: TypedDataDomain = {}): TypedDataDomain {
    const { chainId } = this.chain;
    const own = { name: "WhitePay reading", version: "1", chainId, verifyingContract: this.address };
    return { ...own, ...change };
  }

  /** A voucher, as a claim; `signer` signs in the reader's place. */
  async claim(
    { reader, provider, token = this.tokenAddress }: Named,
    amount: bigint,
    { domain = {}, signer = reader }: { domain?: TypedDataDomain; signer?: Wallet } = {},
  ): Promise<ClaimValue> {
    const value = { reader: reader.address, provider: provider.address, token, amount };
    const text = await signer.signTypedData(this.domain(domain), types, value);
    const { r, yParityAndS: vs } = Signature.from(text);
    return { reader: reader.address, token, amount, r, vs };
  }

  async redeem(
    provider: Wallet,
    claims: readonly ClaimValue[],
    to = provider.address,
  ): Promise<TransactionReceipt> {
    return send(this.contract, provider, "redeem", [claims, to]);
  }

  async withdraw(
    { reader, provider, token = this.tokenAddress }: Named,
    to = reader.address,
  ): Promise<TransactionReceipt> {
    return send(this.contract, reader, "withdraw", [provider.address, token, to]);
  }

  async release({ reader, provider, token = this.tokenAddress }: Named): Promise<TransactionReceipt> {
    return send(this.contract, provider, "release", [reader.address, token]);
  }

  async channel({ reader, provider, token = this.tokenAddress }: Named): Promise<ChannelState> {
    const [deposited, spent, expiry] = await this.contract.getFunction("channel")(
      reader.address,
      provider.address,
      token,
    );
    return { deposited, spent, expiry };
  }

  async failing(call: Promise<unknown>): Promise<Refusal> {
    return refusal(call, this.errors);
  }

  async balanceOf(address: string, token = this.token): Promise<bigint> {
    return token.getFunction("balanceOf")(address);
  }

  /** Events of the contract in a receipt, by name and arguments. */
  events(receipt: TransactionReceipt): { name: string; args: unknown[] }[] {
    return receipt.logs
      .filter(({ address }) => address === this.address)
      .map((log) => this.errors.parseLog(log))
      .filter((log) => log !== null)
      .map(({ name, args }) => ({ name, args: [...args] }));
  }
}
