/** The precompiles of EIP-2537: too much or too little gas, and a chain without them. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ContractFactory, Interface } from "ethers";
import { network } from "hardhat";
import { bitmap } from "../../protocol/bitmap.ts";
import type { Certificate } from "../../protocol/certificate.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { range } from "../support/contracts/basics.ts";
import { refusal, send } from "../support/contracts/chain.ts";
import type { Committee } from "../support/contracts/committee-contract.ts";
import { CommitteeWorld } from "../support/contracts/committee-world.ts";

let world: CommitteeWorld;
let committee: Committee;
let certificate: Certificate;
let snapshot: unknown;

beforeAll(async () => {
  world = await CommitteeWorld.open();
  committee = await world.committee(await world.keepers(4));
});
afterAll(() => world.chain.close());
beforeEach(async () => {
  snapshot = await world.chain.rpc("evm_snapshot");
  // Without groups: the gas that a group's call needs would hide how little the precompiles have.
  certificate = await committee.certificate([]);
  await world.chain.before(certificate.te);
});
afterEach(async () => {
  await world.chain.rpc("evm_revert", [snapshot]);
});

/** Arguments of `certify`, signed by all members unless said otherwise. */
function signed(signature = committee.sign(certificate, range(4))): unknown[] {
  return [certificate, bitmap(range(4)), signature, ...committee.handedIn([])];
}

/** Gas that a call used which failed. */
async function gasOfFailure(args: readonly unknown[], gasLimit: number): Promise<number> {
  const failure: unknown = await send(committee.contract, committee.member(0).operator, "certify", args, {
    gasLimit,
  }).catch((error: unknown) => error);
  const { transactionHash } = failure as { transactionHash?: string };
  const { receipt } = failure as { receipt?: { hash: string } };
  const hash = transactionHash ?? receipt?.hash;
  const mined = await world.chain.rpc("eth_getTransactionReceipt", [hash]);
  const { gasUsed, status } = mined as { gasUsed: string; status: string };
  expect(status).toBe("0x0");
  return Number(gasUsed);
}

describe("the precompiles", () => {
  it("get bounded gas, so that a signature that is no point does not burn the sender's limit", async () => {
    const good = committee.sign(certificate, range(4));
    for (const signature of [`0x${"11".repeat(128)}`, `${good.slice(0, -2)}00`]) {
      expect(await gasOfFailure(signed(signature), 16_000_000)).toBeLessThan(600_000);
    }
    await send(committee.contract, committee.member(0).operator, "certify", signed(good));
    expect(await committee.certifiedThrough()).toBe(certificate.te);
  });

  it("refuse a certificate with too little gas for them, rather than accepting it", async () => {
    const from = committee.member(0).operator;
    const inner = await world.chain.rpc("evm_snapshot");
    const { gasUsed } = await send(committee.contract, from, "certify", signed());
    await world.chain.rpc("evm_revert", [inner]);
    // Reaches every call of a precompile; each one gets 63/64 of the gas that is left.
    for (let gasLimit = 36_000; gasLimit < Number(gasUsed); gasLimit += 3_000) {
      const before = await world.chain.rpc("evm_snapshot");
      await expect(send(committee.contract, from, "certify", signed(), { gasLimit })).rejects.toThrow();
      expect(await committee.certifiedThrough()).toBe(certificate.ts);
      await world.chain.rpc("evm_revert", [before]);
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
