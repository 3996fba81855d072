/** The precompiles of EIP-2537: too much or too little gas, and a chain without them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Contract, ContractFactory, Interface, type Wallet } from "ethers";
import { network } from "hardhat";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { refusal, send } from "../support/contracts/chain.ts";
import { certify } from "../support/contracts/keys.ts";
import { bitmap, gibibyte, range, World, type Group, type Keeper } from "../support/contracts/basics.ts";

let world: World;
let snapshot: unknown;
beforeAll(async () => {
  world = await World.open();
  await world.keepers(4);
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

/** A group with one provider, and a settlement that all keepers signed, in the block before it becomes valid. */
async function signedSettlement() {
  const group = await world.group(4);
  await group.add("precompiles p0", gibibyte);
  const settlement = await group.proposal([{ provider: 0, spaceTime: 0n }]);
  const signature = certify(
    group.keepers.map(({ secret }) => secret),
    await group.digest(settlement),
  );
  await world.chain.before(settlement.te);
  return { group, settlement, signature };
}

const operator = (group: Group): Wallet => (group.keepers[0] as Keeper).operator;

describe("the precompiles", () => {
  it("get bounded gas, so that a signature that is no point does not burn the sender's limit", async () => {
    const { group, settlement, signature: good } = await signedSettlement();
    const contract = group.contract.connect(operator(group)) as Contract;
    const gasLimit = 16_000_000;
    for (const signature of [`0x${"11".repeat(128)}`, `${good.slice(0, -2)}00`]) {
      const sent = await contract
        .getFunction("settle")(settlement, bitmap(range(4)), signature, { gasLimit })
        .catch((error: unknown) => error);
      const hash =
        (sent as { transactionHash?: string; hash?: string }).transactionHash ??
        (sent as { hash: string }).hash;
      const receipt = (await world.chain.rpc("eth_getTransactionReceipt", [hash])) as {
        gasUsed: string;
        status: string;
      };
      expect(receipt.status).toBe("0x0");
      expect(Number(receipt.gasUsed)).toBeLessThan(600_000);
    }
    await send(group.contract, operator(group), "settle", [settlement, 15n, good]);
  });

  it("refuse a settlement with too little gas for them, rather than accepting it", async () => {
    const { group, settlement, signature } = await signedSettlement();
    // Reaches every precompile call; each one gets 63/64 of the remaining gas.
    for (const gasLimit of range(43).map((i) => 36_000 + 3_000 * i)) {
      const inner = await world.chain.rpc("evm_snapshot");
      const call = send(group.contract, operator(group), "settle", [settlement, 15n, signature], {
        gasLimit,
      });
      await expect(call).rejects.toThrow();
      expect(await group.settledThrough()).toBe(settlement.ts);
      await world.chain.rpc("evm_revert", [inner]);
    }
  });

  it("are required: a chain without EIP-2537 refuses the deployment, as they are empty accounts there", async () => {
    const old = await network.create({
      network: "hardhat",
      chainType: "l1",
      override: { hardfork: "cancun" },
    });
    const [signer] = await old.ethers.getSigners();
    const { abi, bytecode } = artifact("Registry");
    const deployment = new ContractFactory(abi, bytecode, signer).deploy({ gasLimit: 10_000_000 });
    const failure = await refusal(deployment, new Interface(abi));
    expect(failure).toEqual({ error: "Registry_NoPrecompile", args: [32n, 0n] });
    await old.close();
  });
});
