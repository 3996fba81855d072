/** R43: payers that are not an account with a group: a contract that signs by ERC-1271, and a payer whose group is to come. */
import { Contract } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { GroupBirth } from "../../protocol/codec/store-request.ts";
import type { Hex } from "../../protocol/hash.ts";
import type { RunningProvider } from "../../provider/compose.ts";
import { artifact } from "../../scripts/contracts/artifacts.ts";
import { deployContract, send } from "../support/contracts/chain.ts";
import { Group } from "../support/provider-chain.ts";
import { twoPieces } from "../support/store-payer.ts";
import { StoreScene, until } from "../support/store-scene.ts";
import type { StoreProvider } from "../support/store-scene.ts";

const deposit = 10n ** 24n;
const lockup = 100;

let scene: StoreScene;
let provider: StoreProvider;
let running: RunningProvider;

beforeAll(async () => {
  scene = await StoreScene.open();
  provider = await scene.provider("provider", { minLockup: 50 });
  running = await provider.start();
}, 1_200_000);

afterAll(async () => {
  await running.stop();
  await scene.close();
});

const lower = (address: unknown): Hex => String(address).toLowerCase() as Hex;

const groupAt = (address: string): Group => {
  const { world } = scene.chain;
  return new Group(new Contract(address, artifact("interfaces/IUpkeeping").abi, world.convener), world);
};

it("stores for a group to come whose address holds the money, and for no other address or too little money", async () => {
  const { world } = scene.chain;
  const config = { token: scene.token, lockup, keeperShareBps: 1_000, keeperFee: 0n };
  const committee = scene.committee.address;
  const predict = world.factory.getFunction("predictGroup");
  const address = lower(await predict.staticCall(world.convener.address, config, committee));
  const birth: GroupBirth = { ...config, factory: scene.factory, committee: lower(committee) };
  const named = await scene.payer(provider, () => running, address);
  const data = twoPieces(21);
  expect(await named.propose(data)).toBe("unknown-group");
  const payer = named.with({ birth });
  // The address follows from every field.
  expect(await payer.with({ birth: { ...birth, lockup: lockup + 1 } }).propose(data)).toBe("unknown-group");
  expect(await payer.with({ birth: { ...birth, factory: lower(committee) } }).propose(data)).toBe(
    "unknown-group",
  );
  expect(await payer.propose(data)).toBe("underfunded");
  await send(world.token, world.convener, "transfer", [address, deposit]);
  expect(await payer.store(data)).toBeGreaterThan(0);

  await send(world.factory, world.convener, "createGroup", [config, committee, 8]);
  const group = groupAt(address);
  await scene.use(group, await scene.consent(payer, data, group));
  await until("the group commits", async () => {
    const [change] = (await group.contract.getFunction("dataOf").staticCall(0)) as { listRoot: string }[];
    return change === undefined ? undefined : true;
  });
});

it("stores for a contract that signs by ERC-1271, and consents to its group; not for another signer", async () => {
  const { world } = scene.chain;
  const owner = world.convener;
  const wallet = await deployContract("ContractWallet", owner);
  const account = lower(wallet.target);
  const run = async (target: unknown, data: string): Promise<void> => {
    await send(wallet, owner, "run", [target, data]);
  };
  const config = { token: scene.token, lockup, keeperShareBps: 1_000, keeperFee: 0n };
  const { interface: factory } = world.factory;
  const { address: committee } = scene.committee;
  const address = lower(
    await world.factory.getFunction("predictGroup").staticCall(account, config, committee),
  );
  await send(world.token, owner, "transfer", [address, deposit]);
  await send(scene.committee.contract, owner, "invite", [address, true]);
  await run(world.factory.target, factory.encodeFunctionData("createGroup", [config, committee, 8]));
  const group = groupAt(address);
  expect(lower(await group.contract.getFunction("payer").staticCall())).toBe(account);

  const payer = (await scene.payer(provider, () => running, address)).with({ account });
  const data = twoPieces(31);
  // The owner's own account is not the payer; and a stranger's signature is not the wallet's.
  expect(await payer.with({ account: lower(owner.address) }).propose(data)).toBe("not-the-payer");
  const stranger = await world.chain.account("stranger");
  const foreign = Object.assign(
    Object.create(Object.getPrototypeOf(payer) as object) as typeof payer,
    payer,
    {
      wallet: stranger,
    },
  );
  expect(await foreign.propose(data)).toBe("not-the-payer");
  expect(await payer.store(data)).toBeGreaterThan(0);
  const consent = await scene.consent(payer, data, group);
  if (typeof consent === "string") throw new Error(consent);
  const { operator, listRoot, bytes, price, receiptKey, sequence, deadline, signature } = consent;
  const terms = [listRoot, bytes, price, receiptKey, sequence, deadline];
  await run(
    address,
    group.contract.interface.encodeFunctionData("addProvider", [operator, terms, signature]),
  );
  const [change] = (await group.contract.getFunction("dataOf").staticCall(0)) as { root: string }[];
  expect(change?.root).toBe(listRoot);
});
