/** A chain in this process, on EDR with Osaka rules, and accounts on it. */
import {
  Contract,
  ContractFactory,
  NonceManager,
  Wallet,
  type Interface,
  type Signer,
  type TransactionReceipt,
} from "ethers";
import { hooks, network } from "hardhat";
import { artifact } from "../../../scripts/contracts/artifacts.ts";

export type Rpc = (method: string, params?: readonly unknown[]) => Promise<unknown>;

export type Chain = {
  rpc: Rpc;
  chainId: bigint;
  provider: NonNullable<Signer["provider"]>;
  signers: Signer[];
  /** An account with money; the same label gives the same account. */
  account(label: string): Promise<Wallet>;
  block(): Promise<number>;
  /** Mines until the next transaction is in `block`. */
  before(block: number): Promise<void>;
  close(): Promise<void>;
};

export async function openChain(): Promise<Chain> {
  const connection = await network.create({ network: "hardhat", chainType: "l1" });
  const { ethers } = connection;
  const rpc: Rpc = (method, params = []) => connection.provider.request({ method, params: [...params] });
  // The tests of planted faults turn one on with code at its address.
  const fault = process.env["WHITEPAY_FAULT"] ?? "";
  if (fault !== "") await rpc("hardhat_setCode", [fault, "0x00"]);
  const signers = await ethers.getSigners();
  const provider = ethers.provider as unknown as NonNullable<Signer["provider"]>;
  const block = async (): Promise<number> => Number(await rpc("eth_blockNumber"));
  return {
    rpc,
    chainId: BigInt((await rpc("eth_chainId")) as string),
    provider,
    signers: signers as unknown as Signer[],
    async account(label) {
      const wallet = walletOf(label);
      await rpc("hardhat_setBalance", [wallet.address, "0x3635c9adc5dea00000"]);
      return wallet.connect(provider);
    },
    block,
    async before(target) {
      const missing = target - 1 - (await block());
      if (missing < 0) throw new Error(`block ${target}: expected a later head, actual ${await block()}`);
      if (missing > 0) await rpc("hardhat_mine", [`0x${missing.toString(16)}`]);
    },
    async close() {
      await connection.close();
      // Writes the executed lines for the coverage report, if one is being made.
      await hooks.runHandlerChain("test", "onTestWorkerDone", ["contracts"], async () => undefined);
    },
  };
}

export function walletOf(label: string): Wallet {
  const secret = Buffer.from(label.padEnd(32, "-").slice(0, 32));
  return new Wallet(`0x${secret.toString("hex")}`);
}

export async function deployContract(
  name: string,
  signer: Signer,
  args: readonly unknown[] = [],
): Promise<Contract> {
  const { abi, bytecode } = artifact(name);
  const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
  await contract.waitForDeployment();
  return contract as Contract;
}

/** The highest gas limit of a transaction (Osaka). */
export const gasCap = 16_777_216;

/** Sends a call and returns its receipt. */
export async function send(
  contract: Contract,
  from: Signer,
  method: string,
  args: readonly unknown[],
  overrides: { value?: bigint; gasLimit?: number } = {},
): Promise<TransactionReceipt> {
  const call = (contract.connect(from) as Contract).getFunction(method);
  const sent = await call(...args, { gasLimit: gasCap, ...overrides });
  return (await sent.wait()) as TransactionReceipt;
}

export type Refusal = { error: string; args: unknown[] };

/** The custom error of a call that must fail. @throws if it succeeds or fails without a custom error */
export async function refusal(call: Promise<unknown>, abi: Interface): Promise<Refusal> {
  let failure: unknown;
  try {
    await call;
  } catch (error) {
    failure = error;
  }
  if (failure === undefined) throw new Error("expected a refusal, actual: the call succeeded");
  const data = revertData(failure);
  const parsed = data === undefined ? null : abi.parseError(data);
  if (parsed === null)
    throw new Error("expected revert data, actual a failure without it", { cause: failure });
  return { error: parsed.name, args: [...parsed.args] };
}

/** Name of the custom error of a call, or nothing if it succeeds. @throws if it fails without a custom error */
export async function revertedWith(call: Promise<unknown>, abi: Interface): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return (await refusal(Promise.reject(error), abi)).error;
  }
}

function revertData(failure: unknown): string | undefined {
  for (
    let error = failure as Record<string, unknown> | undefined, depth = 0;
    error && depth < 6;
    depth += 1
  ) {
    const data = error["data"];
    if (typeof data === "string" && data.length >= 10) return data;
    if (data !== null && typeof data === "object" && "data" in data) return String(data.data);
    error = (error["cause"] ?? error["error"] ?? error["info"]) as Record<string, unknown> | undefined;
  }
  return undefined;
}

export { NonceManager };
