/** The fees that a keeper offers and estimates for a settlement, on a real node whose blocks and prices the test sets. */
import { ContractFactory, formatEther, formatUnits, Transaction } from "ethers";
import type { JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { EthersHistory } from "../../keeper/adapters/chain-ethers/history.ts";
import { defaultFeeLimits, gasPriceOracle, settlementGas } from "../../protocol/fees.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { Submission } from "../../keeper/ports/chain.ts";
import { measureFees } from "../../client/fees.ts";
import { GroupView } from "../../client/group-view.ts";
import { groupParams } from "../../scripts/demo/params.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { certified, keeperChain, mine, until } from "../support/certified.ts";
import { runCli } from "../support/cli.ts";
import { openChainScene } from "../support/chain-scene.ts";
import type { ChainScene } from "../support/chain-scene.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";

const params = { ...groupParams({ keepers: 4, providers: 1 }), interval: 120, turn: 60, lockup: 240 };
const gwei = 10n ** 9n;

let scene: ChainScene;
let provider: JsonRpcProvider;
let front: RpcFront;
let sound: string;
let group: Hex;

beforeAll(async () => {
  scene = await openChainScene();
  ({ provider } = scene);
  front = await RpcFront.open(scene.rpc);
  group = await scene.group(params);
  await provider.send("evm_setAutomine", [false]);
  sound = (await provider.send("evm_snapshot", [])) as string;
});

afterAll(async () => {
  await front.close();
  await scene.close();
});

beforeEach(async () => {
  await provider.send("evm_revert", [sound]);
  sound = (await provider.send("evm_snapshot", [])) as string;
});

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const nextBase = (base: bigint): Promise<unknown> =>
  provider.send("hardhat_setNextBlockBaseFeePerGas", [hex(base)]);

async function certifiedHere(): Promise<Submission> {
  const [submission] = (await certified(scene, params, group)) as [Submission];
  return submission;
}

/** Blocks in which somebody pays `tip`, at a base fee of a gwei; 0: nobody is in them. */
async function blocksWith(tip: bigint, count: number): Promise<void> {
  const payer = await provider.getSigner(0);
  for (let i = 0; i < count; i++) {
    await nextBase(gwei);
    if (tip > 0n) {
      await payer.sendTransaction({
        to: payer.address,
        maxFeePerGas: tip + 2n * gwei,
        maxPriorityFeePerGas: tip,
      });
    }
    await mine(scene, 1);
  }
}

/** Transactions to the group that the keeper behind client `name` sent so far, oldest first. */
function sentBy(name: string): Transaction[] {
  return front
    .traffic(name)
    .calls.filter(({ method }) => method === "eth_sendRawTransaction")
    .map(({ params: [raw] }) => Transaction.from(raw as string));
}

/** Sends the certified settlement and gives what it offered at first. */
async function offered(name: string, submission: Submission): Promise<Transaction> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const result = keeperChain(scene, [front.url(name)]).submit(submission, stop.signal);
  await until(() => sentBy(name).length > 0, "a transaction");
  const [first] = sentBy(name) as [Transaction];
  await mine(scene, 1);
  expect((await result).kind).toBe("mined");
  return first;
}

describe("the tip", () => {
  it("is the median of the tips in recent blocks", async () => {
    const submission = await certifiedHere();
    await blocksWith(gwei / 4n, 12);
    const { maxFeePerGas, maxPriorityFeePerGas } = await offered("median", submission);
    expect(maxPriorityFeePerGas).toBe(gwei / 4n);
    expect(maxFeePerGas).toBeLessThan(3n * gwei);
  });

  it("is the floor if recent blocks have no tips, and the cap if all tips are higher", async () => {
    const submission = await certifiedHere();
    await blocksWith(0n, 5);
    expect((await offered("floor", submission)).maxPriorityFeePerGas).toBe(defaultFeeLimits.tipFloor);
    await provider.send("evm_revert", [sound]);
    sound = (await provider.send("evm_snapshot", [])) as string;
    const again = await certifiedHere();
    await blocksWith(40n * gwei, 12);
    expect((await offered("cap", again)).maxPriorityFeePerGas).toBe(defaultFeeLimits.tipCap);
  });

  it("is the floor if no endpoint has a fee history", async () => {
    const submission = await certifiedHere();
    front.fail("old", (method) =>
      method === "eth_feeHistory" ? { code: -32_601, message: "the method does not exist" } : undefined,
    );
    expect((await offered("old", submission)).maxPriorityFeePerGas).toBe(defaultFeeLimits.tipFloor);
  });
});

describe("a settlement that is not mined", () => {
  it("raises its fee every three blocks up to the limits, and frees its nonce at the end", async () => {
    const submission = await certifiedHere();
    const fees = { tipFloor: gwei / 100n, tipCap: gwei / 25n, feeCap: 2n * gwei };
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    await nextBase(gwei / 2n);
    await mine(scene, 1);
    const result = keeperChain(scene, [front.url("stuck")], { fees }).submit(submission, stop.signal);
    await until(() => sentBy("stuck").length > 0, "a transaction");
    for (let block = await provider.getBlockNumber(); block + 1 < submission.windowEnd + 2; block++) {
      await nextBase(50n * gwei);
      await mine(scene, 1);
      await new Promise((done) => setTimeout(done, 60));
    }
    const sent = sentBy("stuck");
    const settlements = sent.filter(({ to }) => to?.toLowerCase() === group);
    expect(settlements.length).toBeGreaterThan(2);
    for (const { maxFeePerGas, maxPriorityFeePerGas } of settlements) {
      expect(maxFeePerGas).toBeLessThanOrEqual(fees.feeCap);
      expect(maxPriorityFeePerGas).toBeLessThanOrEqual(fees.tipCap);
    }
    const cancellation = sent.at(-1);
    expect(cancellation).toMatchObject({ to: scene.keepers[0]?.operator, gasLimit: 21_000n });
    expect(cancellation?.maxFeePerGas).toBeLessThanOrEqual((fees.feeCap * 9n) / 8n + 1n);
    await nextBase(1n);
    await mine(scene, 1);
    expect((await result).kind).toBe("superseded");
  });
});

async function placeOracle(): Promise<bigint> {
  await provider.send("evm_setAutomine", [true]);
  const { abi, bytecode } = artifact("GasPriceOracleHarness");
  const oracle = await new ContractFactory(abi, bytecode, await provider.getSigner(0)).deploy();
  const code = await provider.getCode(await oracle.getAddress());
  await provider.send("hardhat_setCode", [gasPriceOracle.address, code]);
  await provider.send("evm_setAutomine", [false]);
  return oracle.getFunction("WEI_PER_BYTE")();
}

describe("the fee of a settlement", () => {
  /** The price of the group's token, at which amounts are equal to those in coin: both have 18 decimals. */
  async function atPar(price = "1"): Promise<ReadonlyMap<Hex, string>> {
    const { token } = await new GroupView(provider, group).parameters();
    return new Map([[token.toLowerCase() as Hex, price]]);
  }

  it("is not compared with pay in a token without a price", async () => {
    expect(await keeperChain(scene).fee(await certifiedHere())).toBeUndefined();
  });

  it("equals the later cost of the transaction, in units of the token", async () => {
    const submission = await certifiedHere();
    await blocksWith(gwei / 4n, 3);
    const [one, three] = await Promise.all(
      ["1", "3.5"].map(async (price) =>
        keeperChain(scene, [scene.rpc], { tokenPrices: await atPar(price) }).fee(submission),
      ),
    );
    expect(three).toBe(((one ?? 0n) * 7n) / 2n);
    const chain = keeperChain(scene);
    const result = chain.submit(submission, new AbortController().signal);
    await until(
      async () => (await provider.send("eth_getBlockTransactionCountByNumber", ["pending"])) !== "0x0",
      "it",
    );
    await mine(scene, 1);
    const mined = await result;
    const receipt = "tx" in mined ? await provider.getTransactionReceipt(mined.tx) : null;
    // The estimate has some gas to spare for calls.
    expect(Number(one) / Number(receipt?.fee)).toBeGreaterThanOrEqual(1);
    expect(Number(one) / Number(receipt?.fee)).toBeLessThan(1.05);
  });

  it("includes the data fee if the chain has an oracle for it, and the account must be able to pay it", async () => {
    const weiPerByte = await placeOracle();
    const submission = await certifiedHere();
    const settings = { tokenPrices: await atPar() };
    const fee = await keeperChain(scene, [scene.rpc], settings).fee(submission);
    await provider.send("hardhat_setCode", [gasPriceOracle.address, "0x"]);
    const without = await keeperChain(scene, [scene.rpc], settings).fee(submission);
    const bytes = ((fee ?? 0n) - (without ?? 0n)) / weiPerByte;
    // 15 words of arguments, four for the signature, and the fields of a transaction around them.
    expect(Number(bytes)).toBeGreaterThan(500);
    expect(Number(bytes)).toBeLessThan(700);
    expect(((fee ?? 0n) - (without ?? 0n)) % weiPerByte).toBe(0n);
    await placeOracle();
    // Far more than the gas costs, but only half of the data fee.
    const half = ((fee ?? 0n) - (without ?? 0n)) / 2n;
    await provider.send("hardhat_setBalance", [scene.keepers[0]?.operator, hex(half)]);
    const poor = await keeperChain(scene).submit(submission, new AbortController().signal);
    expect(poor).toMatchObject({ kind: "failed" });
    expect("detail" in poor ? poor.detail : "").toContain(`actual ${formatEther(half)}`);
  });
});

describe("the estimated cost of a first settlement", () => {
  it("is the same in the keeper's status and for payers, and follows from the chain's blocks", async () => {
    await placeOracle();
    await blocksWith(gwei / 4n, 25);
    const history = new EthersHistory({ chainId: 31_337, urls: [scene.rpc], fees: defaultFeeLimits }, () =>
      performance.now(),
    );
    onTestFinished(() => history.close());
    const operator = scene.keepers[0]?.operator.toLowerCase() as Hex;
    const [account, small, large] = await Promise.all([
      history.operatorFunds(operator, 2),
      measureFees(provider, 2),
      measureFees(provider, 50),
    ]);
    expect(account.balance).toBe(await provider.getBalance(operator));
    expect(account.market).toEqual(small.market);
    expect(small.gasPrice).toBe(gwei + gwei / 4n);
    // Each item has two words of 32 bytes.
    const perProvider = Number((large.l1Fee - small.l1Fee) / 10_000_000_000_007n) / 48;
    expect(perProvider).toBeGreaterThanOrEqual(64);
    expect(perProvider).toBeLessThan(65);
    // The two differ in the gas limit that the sample names.
    expect(Number(account.l1Fee) / Number(small.l1Fee)).toBeCloseTo(1, 2);
  });

  it("is printed by group quote in the token of the group, with a warning if the keepers' share does not cover it", async () => {
    await placeOracle();
    await blocksWith(gwei / 4n, 25);
    const { token } = await new GroupView(provider, group).parameters();
    const data = ["--bytes", "10GiB", "--price", "1000", "--providers", "2", "--preset", "devnet"];
    const chain = ["--rpc", scene.rpc, "--token", token, "--coin-price", "2"];
    const words = ["group", "quote", ...data, ...chain];
    const { gasPrice, l1Fee } = await measureFees(provider, 2);
    const [json, plain] = [await runCli([...words, "--json"]), await runCli(words)];
    expect(json.code, json.stderr).toBe(0);
    const { settlementCost } = JSON.parse(json.stdout) as { settlementCost: string };
    expect(BigInt(settlementCost)).toBe(2n * (settlementGas(4, 2) * gasPrice + l1Fee));
    expect(plain.stdout).toContain(`at 1.25 gwei and ${formatUnits(l1Fee, "gwei")} gwei for its data, `);
    expect(plain.stderr).toContain("does not cover their gas");
  });
});
