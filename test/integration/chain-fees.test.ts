/** The fees that a keeper offers and estimates for a settlement, on a real node whose blocks and prices the test sets. */
import { ContractFactory, formatEther, formatUnits, Transaction } from "ethers";
import type { JsonRpcProvider } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { EthersHistory } from "../../keeper/adapters/chain-ethers/history.ts";
import { connectRpc } from "../../client/connect.ts";
import { groupGas } from "../../protocol/certificate-gas.ts";
import { defaultFeeLimits, gasPriceOracle } from "../../protocol/fees.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { HandingIn } from "../../keeper/ports/chain.ts";
import { measureFees } from "../../client/fees.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { runCli } from "../support/cli.ts";
import { certifying, CommitteeScene, until } from "../support/committee-scene.ts";
import type { FollowOptions } from "../support/committee-scene.ts";
import type { EthersChain } from "../../keeper/adapters/chain-ethers/index.ts";
import type { Keeper } from "../support/contracts/basics.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { RpcFront } from "../support/fleet/rpc-front.ts";

const gwei = 10n ** 9n;

let scene: CommitteeScene;
let provider: JsonRpcProvider;
let front: RpcFront;
let sound: string;
let committee: Committee;
let keeper: Keeper;
let token: Hex;

beforeAll(async () => {
  scene = await CommitteeScene.open();
  provider = await connectRpc(scene.url);
  front = await RpcFront.open(scene.url);
  const keepers = await scene.world.keepers(4);
  keeper = keepers[0] as Keeper;
  committee = await scene.world.committee(keepers);
  token = (await scene.world.token.getAddress()).toLowerCase() as Hex;
  await provider.send("evm_setAutomine", [false]);
  sound = (await provider.send("evm_snapshot", [])) as string;
});

afterAll(async () => {
  provider.destroy();
  await front.close();
  await scene.close();
});

beforeEach(async () => {
  await provider.send("evm_revert", [sound]);
  sound = (await provider.send("evm_snapshot", [])) as string;
});

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const mine = (blocks: number): Promise<void> => scene.mine(blocks);
const nextBase = (base: bigint): Promise<unknown> =>
  provider.send("hardhat_setNextBlockBaseFeePerGas", [hex(base)]);

/** The keeper's chain adapter without memory of earlier ones. */
const keeperChain = (options: FollowOptions = {}): Promise<EthersChain> => scene.chain(keeper, options);

type Certifying = Extract<HandingIn, { kind: "certify" }>;

/** An empty certificate, which the next block may have; the keeper leads. */
async function certifiedHere(): Promise<Certifying> {
  await scene.mineTo((await committee.certifiedThrough()) + committee.rhythm.interval);
  const certificate = await committee.certificate([]);
  return certifying(committee, certificate, [], { first: 0, length: 0 }) as Certifying;
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
    await mine(1);
  }
}

/** Transactions that the keeper behind client `name` sent so far, oldest first. */
function sentBy(name: string): Transaction[] {
  return front
    .traffic(name)
    .calls.filter(({ method }) => method === "eth_sendRawTransaction")
    .map(({ params: [raw] }) => Transaction.from(raw as string));
}

/** The endpoint before the chain sees a transaction before the chain has it. */
async function isPending(): Promise<boolean> {
  return (await provider.send("eth_getBlockTransactionCountByNumber", ["pending"])) !== "0x0";
}

/** The keeper reads the head and reacts before it reads the head again: the second reading from now on follows a reaction to this block. */
async function hasReacted(name: string): Promise<void> {
  const looks = (): number =>
    front
      .traffic(name)
      .calls.filter(({ method, params }) => method === "eth_getBlockByNumber" && params[0] === "latest")
      .length;
  const before = looks();
  await until(() => looks() >= before + 2, "two looks at the head");
}

/** Sends the certificate and gives what it offered at first. */
async function offered(name: string, submission: HandingIn): Promise<Transaction> {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const result = (await keeperChain({ urls: [front.url(name)] })).submit(submission, stop.signal);
  await until(isPending, "a transaction");
  const [first] = sentBy(name) as [Transaction];
  await mine(1);
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
    await mine(1);
    const result = (await keeperChain({ urls: [front.url("stuck")], fees })).submit(submission, stop.signal);
    await until(() => sentBy("stuck").length > 0, "a transaction");
    for (let block = await provider.getBlockNumber(); block + 1 < submission.windowEnd + 2; block++) {
      await nextBase(50n * gwei);
      await mine(1);
      await hasReacted("stuck");
    }
    const sent = sentBy("stuck");
    const certificates = sent.filter(({ to }) => to?.toLowerCase() === submission.committee);
    expect(certificates.length).toBeGreaterThan(2);
    for (const { maxFeePerGas, maxPriorityFeePerGas } of certificates) {
      expect(maxFeePerGas).toBeLessThanOrEqual(fees.feeCap);
      expect(maxPriorityFeePerGas).toBeLessThanOrEqual(fees.tipCap);
    }
    const cancellation = sent.at(-1);
    expect(cancellation).toMatchObject({ to: keeper.operator.address, gasLimit: 21_000n });
    expect(cancellation?.maxFeePerGas).toBeLessThanOrEqual((fees.feeCap * 9n) / 8n + 1n);
    await nextBase(1n);
    await mine(1);
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
  /** The price of the committee's token, at which amounts are equal to those in coin: both have 18 decimals. */
  function atPar(price = "1"): ReadonlyMap<Hex, string> {
    return new Map([[token, price]]);
  }

  it("is not compared with pay in a token without a price", async () => {
    expect(await (await keeperChain()).fee(await certifiedHere())).toBeUndefined();
  });

  it("equals the later cost of the transaction, in units of the token", async () => {
    const submission = await certifiedHere();
    await blocksWith(gwei / 4n, 3);
    const [one, three] = await Promise.all(
      ["1", "3.5"].map(async (price) => (await keeperChain({ tokenPrices: atPar(price) })).fee(submission)),
    );
    expect(three).toBe(((one ?? 0n) * 7n) / 2n);
    const chain = await keeperChain();
    const result = chain.submit(submission, new AbortController().signal);
    await until(isPending, "it");
    await mine(1);
    const mined = await result;
    const receipt = "tx" in mined ? await provider.getTransactionReceipt(mined.tx) : null;
    // The estimate has some gas to spare for calls.
    expect(Number(one) / Number(receipt?.fee)).toBeGreaterThanOrEqual(1);
    expect(Number(one) / Number(receipt?.fee)).toBeLessThan(1.05);
  });

  it("includes the data fee if the chain has an oracle for it, and the account must be able to pay it", async () => {
    const weiPerByte = await placeOracle();
    const submission = await certifiedHere();
    const settings = { tokenPrices: atPar() };
    const fee = await (await keeperChain(settings)).fee(submission);
    await provider.send("hardhat_setCode", [gasPriceOracle.address, "0x"]);
    const without = await (await keeperChain(settings)).fee(submission);
    const bytes = ((fee ?? 0n) - (without ?? 0n)) / weiPerByte;
    // A selector, 20 words (13 of arguments, five of the signature, two of empty lists), and the fields of a transaction around them.
    expect(Number(bytes)).toBeGreaterThan(4 + 20 * 32);
    expect(Number(bytes)).toBeLessThan(4 + 20 * 32 + 100);
    expect(((fee ?? 0n) - (without ?? 0n)) % weiPerByte).toBe(0n);
    await placeOracle();
    // Far more than the gas costs, but only half of the data fee.
    const half = ((fee ?? 0n) - (without ?? 0n)) / 2n;
    await provider.send("hardhat_setBalance", [keeper.operator.address, hex(half)]);
    const poor = await (await keeperChain()).submit(submission, new AbortController().signal);
    expect(poor).toMatchObject({ kind: "failed" });
    expect("detail" in poor ? poor.detail : "").toContain(`actual ${formatEther(half)}`);
  });
});

describe("the estimated cost of a first settlement", () => {
  it("is the same in the keeper's status and for payers, and follows from the chain's blocks", async () => {
    await placeOracle();
    await blocksWith(gwei / 4n, 25);
    const history = new EthersHistory({ chainId: 31_337, urls: [scene.url], fees: defaultFeeLimits }, () =>
      performance.now(),
    );
    onTestFinished(() => history.close());
    const operator = keeper.operator.address.toLowerCase() as Hex;
    const [account, small, large] = await Promise.all([
      history.operatorFunds(operator, { groups: 1, providers: 2 }),
      measureFees(provider, { groups: 1, providers: 2 }),
      measureFees(provider, { groups: 1, providers: 50 }),
    ]);
    expect(account.balance).toBe(await provider.getBalance(operator));
    expect(account.market).toEqual(small.market);
    expect(small.gasPrice).toBe(gwei + gwei / 4n);
    // Each item is one word of 32 bytes (R27).
    const perProvider = Number((large.l1Fee - small.l1Fee) / 10_000_000_000_007n) / 48;
    expect(perProvider).toBeGreaterThanOrEqual(32);
    expect(perProvider).toBeLessThan(33);
    // The two differ in the gas limit that the sample names.
    expect(Number(account.l1Fee) / Number(small.l1Fee)).toBeCloseTo(1, 2);
  });

  it("is printed by group quote in the token of the group, with a warning if the keepers' share and fee do not cover it", async () => {
    await placeOracle();
    await blocksWith(gwei / 4n, 25);
    const data = ["--bytes", "10GiB", "--price", "1000", "--providers", "2", "--preset", "devnet"];
    const chain = ["--rpc", scene.url, "--token", token, "--coin-price", "2"];
    const words = ["group", "quote", ...data, ...chain];
    const { gasPrice, l1Fee } = await measureFees(provider, { groups: 1, providers: 2 });
    const [json, plain] = [await runCli([...words, "--json"]), await runCli(words)];
    expect(json.code, json.stderr).toBe(0);
    const { privateCommittee } = JSON.parse(json.stdout) as { privateCommittee: { cost: string } };
    const gas = groupGas(4, 2, 1);
    expect(BigInt(privateCommittee.cost)).toBe(2n * (gas * gasPrice + l1Fee));
    expect(plain.stdout).toContain(`at 1.25 gwei and ${formatUnits(l1Fee, "gwei")} gwei for its data, `);
    expect(plain.stderr).toContain("do not cover their gas");
  });
});
