/** `whitepay deploy` on a real chain: what it creates, what it costs, and what it refuses. */
import {
  Contract,
  ContractFactory,
  getCreateAddress,
  Interface,
  keccak256,
  Transaction,
  Wallet,
  type JsonRpcProvider,
  type Signer,
} from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../cli/console/exit.ts";
import {
  proxyAddress,
  proxyCost,
  proxyRuntime,
  proxySigner,
  proxyTransaction,
} from "../../cli/deploy/proxy.ts";
import { deployMissing, type DeployResult } from "../../cli/deploy/run.ts";
import { gasOf } from "../../cli/deploy/steps.ts";
import { requirePrecompiles, survey } from "../../cli/deploy/survey.ts";
import {
  codeHashes,
  partNames,
  readSystemCode,
  runtimeOf,
  type SystemCode,
} from "../../cli/deploy/system.ts";
import { factoryAbi } from "../../client/abi.ts";
import { refusal } from "../support/contracts/chain.ts";
import { openDeployScene, richAccount, type DeployScene } from "../support/deploy-scene.ts";

let code: SystemCode;
let scene: DeployScene;
let snapshot: unknown;
let signer: Wallet;
/** Before each test. */
let deployed: DeployResult;

beforeAll(async () => {
  code = await readSystemCode();
  scene = await openDeployScene();
  deployed = await deploy(scene.provider, await richAccount(scene));
});
afterAll(() => scene.close());
beforeEach(async () => {
  if (snapshot !== undefined) await scene.provider.send("evm_revert", [snapshot]);
  snapshot = await scene.provider.send("evm_snapshot", []);
  signer = await richAccount(scene);
});

function deploy(provider: JsonRpcProvider, account: Wallet): Promise<DeployResult> {
  return deployMissing({ provider, signer: account, code, options: {} });
}

describe("the proxy's transaction", () => {
  it("is signed by the known account, without a chain id, and creates the proxy at the known address", () => {
    const { from, chainId, gasPrice, gasLimit } = Transaction.from(proxyTransaction);
    expect(from).toBe(proxySigner);
    expect(chainId).toBe(0n);
    expect((gasPrice as bigint) * gasLimit).toBe(proxyCost);
    expect(getCreateAddress({ from: proxySigner, nonce: 0 })).toBe(proxyAddress);
  });
});

describe("a deployment", () => {
  it("creates the proxy, the deployer and the contracts; a second account on the same chain has nothing to do", async () => {
    const { survey: done, transactions } = deployed;
    expect(done).toMatchObject({ way: "proxy", hasProxy: true, created: partNames.length });
    expect(transactions).toHaveLength(2 + partNames.length);
    expect(await scene.provider.getCode(proxyAddress)).toBe(proxyRuntime);
    const factory = new Contract(done.layout.parts.UpkeepingFactory, factoryAbi, scene.provider);
    expect(await factory.getFunction("registry")()).toBe(done.layout.parts.Registry);
    expect(await factory.getFunction("committeeImplementation")()).toBe(done.layout.parts.Committee);
    expect(await factory.getFunction("groupImplementation")()).toBe(done.layout.parts.Upkeeping);

    const other = Wallet.createRandom().connect(scene.provider) as unknown as Wallet;
    const again = await deploy(scene.provider, other);
    expect(again.transactions).toEqual([]);
    expect(again.survey.layout).toEqual(done.layout);
  });

  it("costs about what the preview says", () => {
    const { transactions } = deployed;
    const steps = ["fund", "deployer", ...partNames] as const;
    for (const [index, step] of steps.entries()) {
      const used = Number(transactions[index]?.gasUsed);
      expect(Math.abs(gasOf(step, code) - used) / used, `${step}: ${used}`).toBeLessThan(0.05);
    }
  });

  it("refuses a chain without EIP-2537 before it sends anything", async () => {
    const old = await openDeployScene("cancun");
    await expect(requirePrecompiles(old.provider)).rejects.toMatchObject({ code: exitCodes.refused });
    await old.close();
  });
});

describe("other code", () => {
  it.each(["the deployment proxy", "Registry", "Upkeeping", "Lens"])(
    "at the address of %s is refused with both hashes",
    async (name) => {
      const { survey: done } = deployed;
      const address = name === "the deployment proxy" ? proxyAddress : done.layout.parts[name as "Lens"];
      const good = await scene.provider.getCode(address);
      // One bit of the last byte before the metadata.
      const bad = `${good.slice(0, 60)}${good[60] === "0" ? "1" : "0"}${good.slice(61)}`;
      await scene.provider.send("hardhat_setCode", [address, bad]);
      const refused = survey(scene.provider, signer.address, code);
      await expect(refused).rejects.toMatchObject({ code: exitCodes.unsafe });
      await expect(refused).rejects.toThrow(address);
    },
  );

  it("is found where an immutable holds another address", async () => {
    const { survey: done } = deployed;
    const { layout } = done;
    const swapped = { ...layout, parts: { ...layout.parts, Registry: layout.parts.UpkeepingFactory } };
    expect(runtimeOf("Committee", code, layout)).not.toBe(runtimeOf("Committee", code, swapped));
    const address = layout.parts.Committee;
    await scene.provider.send("hardhat_setCode", [address, runtimeOf("Committee", code, swapped)]);
    await expect(survey(scene.provider, signer.address, code)).rejects.toMatchObject({
      code: exitCodes.unsafe,
    });
  });
});

describe("the deployer", () => {
  /** One of its own, without a part yet. */
  async function ownDeployer(account: Signer): Promise<Contract> {
    const factory = new ContractFactory(code.deployer.abi, code.deployer.creation, account);
    const made = await factory.deploy(codeHashes(code));
    await made.waitForDeployment();
    return made as Contract;
  }

  it("creates nothing but the next contract, whoever asks", async () => {
    const deployer = await ownDeployer(signer);
    const create = deployer.getFunction("create");
    const [registry, committee] = [code.parts.Registry.creation, code.parts.Committee.creation];
    await expect(create.staticCall(committee)).rejects.toMatchObject({
      revert: { name: "Deployer_WrongCode", args: [keccak256(registry), keccak256(committee)] },
    });
    const stranger = deployer.connect(await richAccount(scene)) as Contract;
    await (await stranger.getFunction("create")(registry)).wait();
    await expect(create.staticCall(registry)).rejects.toMatchObject({
      revert: { name: "Deployer_WrongCode", args: [keccak256(committee), keccak256(registry)] },
    });
  });

  it("creates nothing after the last contract, and knows all addresses", async () => {
    const { layout } = deployed.survey;
    const deployer = new Contract(layout.deployer, code.deployer.abi, scene.provider);
    await expect(deployer.getFunction("create").staticCall("0x00")).rejects.toMatchObject({
      revert: { name: "Deployer_Complete", args: [BigInt(partNames.length)] },
    });
    for (const [index, name] of partNames.entries()) {
      expect(await deployer.getFunction("addressOf")(index)).toBe(layout.parts[name]);
    }
  });

  it("passes on why a constructor fails, and can go on", async () => {
    const old = await openDeployScene("cancun");
    const deployer = await ownDeployer(await richAccount(old));
    const abi = new Interface(code.parts.Registry.abi);
    const call = deployer.getFunction("create").staticCall(code.parts.Registry.creation);
    expect(await refusal(call, abi)).toMatchObject({ error: "Registry_NoPrecompile", args: [32n, 0n] });
    expect(await deployer.getFunction("created")()).toBe(0n);
    await old.close();
  });
});
