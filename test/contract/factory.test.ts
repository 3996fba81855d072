/** The factory: configurations and committees that it accepts, and the groups that it makes (R2, R4). */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ContractFactory, Interface, type Wallet } from "ethers";
import { artifact, deploySystem } from "../../scripts/contracts/artifacts.ts";
import { refusal, send } from "../support/contracts/chain.ts";
import { World } from "../support/contracts/world.ts";

let world: World;
let someone: Wallet;

beforeAll(async () => {
  world = await World.open();
  someone = await world.chain.account("someone");
});
afterAll(() => world.chain.close());

describe("the factory", () => {
  it("refuses each configuration that breaks a rule (R4), and names the rule", async () => {
    const keepers = await world.keepers(4);
    const operators = keepers.map(({ operator }) => operator.address);
    const cases: [Record<string, unknown>, string, bigint[]][] = [
      [{ price: 0n }, "price at least 1", [1n, 0n]],
      [{ slot: 0 }, "slot at least 1", [1n, 0n]],
      [{ turn: 31 }, "slot divides turn", [0n, 1n]],
      [{ interval: 42 }, "slot divides interval", [0n, 2n]],
      [{ answer: 3 }, "slot > confirmations+answer+1", [6n, 5n]],
      [{ interval: 30 }, "interval >= turn+confirmations", [31n, 30n]],
      [{ turn: 8005, interval: 8010 }, "turn <= 8000", [8000n, 8005n]],
      [{ turn: 25 }, "2/3 turn >= time for its round", [20n, 17n]],
      [{ lockup: 99 }, "lockup >= interval+(f+1)*turn", [100n, 99n]],
      [{ keeperShareBps: 10_001 }, "keeper share <= 10000", [10_000n, 10_001n]],
      [{ toleranceBps: 10_001 }, "tolerance <= 10000", [10_000n, 10_001n]],
    ];
    for (const [change, rule, [expected, actual]] of cases) {
      const config = await world.config(change);
      const call = send(world.factory, world.payer, "createGroup", [config, operators]);
      const { error, args } = await refusal(call, world.factory.interface);
      const text = Buffer.from(String(args[0]).slice(2), "hex").toString().replaceAll("\0", "");
      expect([error, text, args[1], args[2]]).toEqual(["UpkeepingFactory_BadConfig", rule, expected, actual]);
    }
    const config = await world.config({ token: someone.address });
    const call = send(world.factory, world.payer, "createGroup", [config, operators]);
    expect((await refusal(call, world.factory.interface)).error).toBe("UpkeepingFactory_TokenWithoutCode");
  });

  it("refuses a committee that is not 3f+1 different keepers (R2)", async () => {
    const keepers = await world.keepers(7);
    const all = keepers.map(({ operator }) => operator.address);
    const config = await world.config();
    const abi = new Interface(artifact("IUpkeeping").abi);
    const create = (operators: string[]): ReturnType<typeof refusal> =>
      refusal(send(world.factory, world.payer, "createGroup", [config, operators]), abi);
    expect(await create([])).toEqual({ error: "Upkeeping_BadCommitteeSize", args: [4n, 0n] });
    expect(await create(all.slice(0, 3))).toEqual({ error: "Upkeeping_BadCommitteeSize", args: [4n, 3n] });
    expect(await create(all.slice(0, 6))).toEqual({ error: "Upkeeping_BadCommitteeSize", args: [4n, 6n] });
    const many = Array.from({ length: 127 }, () => all[0] as string);
    const large = await world.config({ lockup: 100_000 });
    const call = send(world.factory, world.payer, "createGroup", [large, many]);
    expect(await refusal(call, abi)).toEqual({ error: "Upkeeping_BadCommitteeSize", args: [124n, 127n] });
    expect(await create([...all.slice(0, 3), all[0] as string])).toEqual({
      error: "Upkeeping_DuplicateMember",
      args: [all[0]],
    });
    const stranger = (await world.chain.account("no keeper")).address;
    expect(await create([...all.slice(0, 3), stranger])).toEqual({
      error: "Upkeeping_NotAKeeper",
      args: [stranger],
    });
  });

  it("refuses to be deployed with a registry address without code", async () => {
    const { factory } = await deploySystem(world.payer);
    const { abi, bytecode } = artifact("UpkeepingFactory");
    const implementation = await factory.getFunction("implementation")();
    const deployment = new ContractFactory(abi, bytecode, world.payer).deploy(
      implementation,
      someone.address,
      {
        gasLimit: 10_000_000,
      },
    );
    expect((await refusal(deployment, factory.interface)).error).toBe("UpkeepingFactory_NoRegistry");
  });

  it("makes groups that cannot be initialized twice, and recognizes them", async () => {
    const group = await world.group(4);
    expect(await world.factory.getFunction("isGroup")(await group.address())).toBe(true);
    expect(await world.factory.getFunction("isGroup")(someone.address)).toBe(false);
    const again = refusal(group.send(someone, "initialize", [someone.address]), group.contract.interface);
    expect(await again).toEqual({ error: "Upkeeping_Initialized", args: [1n] });
    const { payer, registry: used, originBlock, config } = await group.read("parameters");
    expect([payer, used, Number(originBlock)]).toEqual([
      await world.payer.getAddress(),
      await world.registry.getAddress(),
      group.created.blockNumber,
    ]);
    const { answer, toleranceBps, lockup, price, merkle, confirmations } = config;
    expect([answer, toleranceBps, lockup, price, merkle, confirmations]).toEqual([
      2n,
      100n,
      1300n,
      10n ** 12n,
      false,
      1n,
    ]);
  });
});
