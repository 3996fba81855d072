/** The simulator's chain and the real contracts: every call goes to both, in the same block, and both states are compared after it. */
import type { Contract, Wallet } from "ethers";
import type { Hex } from "../../../protocol/hash.ts";
import { ChainModel } from "../../../sim/chain/chain-model.ts";
import { Payer } from "../../../sim/chain/payer.ts";
import { boundaryFrom } from "../../../sim/chain/rules.ts";
import { found, range } from "./basics.ts";
import { deployContract, revertedWith, send } from "./chain.ts";
import { rhythm } from "./committee-world.ts";
import { perGibibyteBlock } from "./group-contract.ts";
import { lockup, ServiceWorld } from "./service-world.ts";
import { n, SimulatedSides, type SidesSetup } from "./simulated-sides.ts";
import { SimulatedViews } from "./simulated-views.ts";

/** Two sizes whose amounts leave a remainder, and one that is hardly worth a unit. */
const sizes = [3n << 30n, 12_345_678_901n, 7_777n] as const;
const price = perGibibyteBlock(1_003n) + 7n;
const terms = { lockup, keeperShareBps: 1_003, keeperFee: 70_001n };
/** Stands for a signature that the contract accepts: the simulated chain is told so, instead of verifying it again. */
export const rightSignature = "0x01";
type Model = () => string | undefined;

export class SimulatedWorld extends SimulatedSides {
  /** Refusals that both chains agreed on; "" stands for an accepted call. */
  readonly outcomes = new Map<string, number>();
  /** Outcome of the last call. */
  last = "";
  readonly views: SimulatedViews;

  private constructor(sides: SidesSetup, reader: Contract, lens: Contract) {
    super(sides);
    this.views = new SimulatedViews(this, reader, lens);
  }

  static async open(): Promise<SimulatedWorld> {
    const world = await ServiceWorld.open();
    const { chain, committees: base, token, payer } = world;
    const [deployer] = chain.signers;
    if (deployer === undefined) throw new Error("expected a signer");
    const keepers = await base.keepers(n + 1);
    const second = await chain.account("second payer");
    await send(token, payer, "mint", [second.address, 10n ** 30n]);
    for (const i of range(sizes.length + 1)) await world.provider(labelOf(i));
    const reader = await deployContract("BatchReader", deployer);
    const lens = await deployContract("Lens", deployer, [base.registry]);
    const open = { open: true, leastKeeperFee: 1n };
    const first = await world.committee({ n, terms: open });
    const originBlock = first.created?.blockNumber ?? 0;
    await chain.before(originBlock + 2);
    const committees = [first, await world.committee({ n, terms: open })];
    const operators = keepers.map(({ operator }) => operator.address.toLowerCase() as Hex);
    const model = new ChainModel({
      seed: 1,
      params: { ...rhythm, originBlock },
      terms,
      price,
      keepers: operators.map((operator) => ({ operator, blsKey: "0x" })),
      committee: n,
      committees: committees.length,
      groups: 0,
      providers: sizes,
      operatorOfProvider: (i) => `0x${i.toString(16).padStart(40, "0")}`,
      dataOf: () => ({ listRoot: "0x", receiptKey: "0x" }),
      verify: (_digest, _signers, signature) => signature === rightSignature,
    });
    const sides = { world, chain: model, keepers, committees, payers: [payer, second] };
    return new SimulatedWorld(sides, reader, lens);
  }

  /** Sends one transaction to both. @throws if the outcome or the state differs */
  async both(name: string, real: () => Promise<unknown>, model: () => string | undefined): Promise<string> {
    await this.catchUp();
    const expected = model() ?? "";
    const actual = (await revertedWith(real(), this.world.committees.errors)) ?? "";
    await this.catchUp();
    if (actual !== expected)
      throw new Error(
        `${name}: the simulated chain ${expected || "accepts"}, the contract ${actual || "accepts"}`,
      );
    this.outcomes.set(actual, (this.outcomes.get(actual) ?? 0) + 1);
    this.last = actual;
    await this.views.compare(name);
    return actual;
  }

  /** A call of a group's payer. */
  async pays(index: number, method: string, args: readonly unknown[], model: Model): Promise<string> {
    const real = async (): Promise<unknown> => this.group(index).send(this.payerOf(index), method, args);
    return this.both(`group ${index} ${method}`, real, model);
  }

  payerOf(index: number): Wallet {
    return found(this.payers[index % 2], "payer");
  }

  async deposit(index: number, amount: bigint): Promise<string> {
    return this.pays(index, "deposit", [amount], () =>
      this.chain.call((draft) => draft.group(index).deposit(amount)),
    );
  }

  /** The payer takes out what is not required in the next block. */
  async drain(index: number): Promise<string> {
    const group = this.model(index);
    const spare = group.free - group.required((await this.head) + 1);
    const to = this.payerOf(index).address;
    return this.pays(index, "withdrawPayer", [spare > 0n ? spare : 0n, to], () => this.payer(index).drain());
  }

  /** With the provider's consent. */
  async changeData(index: number, provider: number, size: bigint): Promise<string> {
    const group = this.group(index);
    const operator = found(group.providers[provider], "operator");
    const asked = await group.terms(operator.address, { size, price });
    const consent = await group.consent(operator, asked);
    return this.pays(index, "changeData", [provider, asked, consent], () =>
      this.payer(index).changeData(provider, size),
    );
  }

  async addProvider(index: number, size: bigint): Promise<string> {
    const group = this.group(index);
    const provider = this.model(index).providers.length;
    const operator = await this.world.provider(labelOf(provider));
    const asked = await group.terms(operator.address, { size, price });
    const consent = await group.consent(operator, asked);
    const outcome = await this.pays(index, "addProvider", [operator.address, asked, consent], () =>
      this.chain.call((draft, block) => {
        const serving = draft.committee(found(draft.group(index).service, "service").committee);
        draft.group(index).addProvider(operator.address, serving.firstSlotFrom(block), size, price);
        draft.group(index).checkFunds(block);
      }),
    );
    if (outcome === "") group.providers.push(operator);
    return outcome;
  }

  /** R33: the first notice ends `lockup` blocks later, at a slot boundary; with both the provider leaves with the next slot. */
  async leave(index: number, provider: number, by: "payer" | "provider", agreed = false): Promise<string> {
    const group = this.group(index);
    const operator = found(group.providers[provider], "operator");
    const real = async (): Promise<unknown> =>
      by === "payer"
        ? group.send(this.payerOf(index), "removeProvider", [provider])
        : group.send(operator, "giveNotice", [provider]);
    return this.both(`group ${index} provider ${provider} leaves`, real, () =>
      agreed
        ? this.payer(index).removeProvider(provider)
        : this.chain.call((draft, block) => {
            const { committee } = found(draft.group(index).service, "service");
            draft
              .group(index)
              .leave(provider, boundaryFrom(draft.committee(committee).rhythm, block + lockup));
          }),
    );
  }

  async move(index: number, to: number): Promise<string> {
    const { address } = this.committee(to);
    return this.pays(index, "enter", [address, sizes.length], () => this.payer(index).move(to));
  }

  async terminate(index: number): Promise<string> {
    return this.pays(index, "terminate", [], () => this.payer(index).terminate());
  }

  /** R38: by a member of the committee that serves the group. */
  async release(index: number): Promise<string> {
    const { committee, number } = found(this.model(index).service, "service");
    const { operator } = found(this.committee(committee).members[1], "member");
    const real = async (): Promise<unknown> =>
      this.committee(committee).send(operator, "releaseGroup", [number]);
    return this.both(`group ${index} is released`, real, () => this.payer(index).release());
  }

  /** R37: a keeper gets a seat. The last consent, which completes the version, is played on both. */
  async replace(index: number, seat: number, newcomer: number): Promise<string> {
    const committee = this.committee(index);
    const next = [...committee.members];
    next[seat] = found(this.keepers[newcomer], "keeper");
    const version = await committee.propose(next);
    const consenting = committee.members.filter((_, i) => i !== seat);
    for (const { operator } of consenting) await committee.send(operator, "consent", [version]);
    const operator = found(this.keepers[newcomer], "keeper").operator;
    return this.both(
      `version ${version} of committee ${index}`,
      async () => committee.send(operator, "consent", [version]),
      () =>
        this.chain.call((draft, block) => {
          const members = [...draft.committee(index).members];
          members[seat] = newcomer;
          draft.committee(index).complete(block, members);
        }),
    );
  }

  async resign(index: number, seat: number): Promise<string> {
    const { operator } = found(this.committee(index).members[seat], "member");
    const keeper = found(this.chain.committeeAt(index).members[seat], "keeper");
    return this.both(
      `keeper ${keeper} resigns`,
      async () => this.committee(index).send(operator, "resign"),
      () => this.chain.call((draft) => draft.committee(index).resign(keeper)),
    );
  }

  /** R38: a group with all providers enters a committee, in one block, with the money that R32 asks for. @returns its index */
  async join(committee: number): Promise<number> {
    const index = this.groups.length;
    const payer = found(this.payers[index % 2], "payer");
    const { chain, token } = this.world;
    const group = await this.world.group(this.committee(committee), {
      config: terms,
      ceiling: 0,
      deposit: 0n,
      payer,
    });
    await send(token, payer, "approve", [await group.address(), 1n << 255n]);
    this.groups.push(group);
    const model = (): string | undefined => {
      const outcome = this.chain.call((draft, block) => {
        const entered = draft.committee(committee).firstSlotFrom(block);
        this.chain.found(draft, committee, block + 1, entered);
      });
      this.simulated.push(new Payer(this.chain, index));
      this.payer(index).runShort();
      return outcome;
    };
    const real = async (): Promise<void> => {
      const { address } = this.committee(committee);
      const adding = await Promise.all(
        sizes.map(async (size, i) => {
          const operator = await this.world.provider(labelOf(i));
          group.providers.push(operator);
          const asked = await group.terms(operator.address, { size, price });
          return [operator.address, asked, await group.consent(operator, asked, address)];
        }),
      );
      const { deposited } = found(this.chain.next.groups[index], "simulated group");
      const calls: [string, unknown[]][] = [
        ["deposit", [deposited]],
        ["enter", [address, sizes.length]],
        ...adding.map((args): [string, unknown[]] => ["addProvider", args]),
      ];
      await chain.rpc("evm_setAutomine", [false]);
      const nonce = await payer.getNonce();
      const sent = await Promise.all(
        calls.map(async ([method, args], i) =>
          (group.contract.connect(payer) as Contract)
            .getFunction(method)
            .send(...args, { gasLimit: 2_000_000, nonce: nonce + i }),
        ),
      );
      await chain.rpc("evm_mine");
      await chain.rpc("evm_setAutomine", [true]);
      for (const call of sent) await call.wait();
    };
    await this.both(`group ${index} joins committee ${committee}`, real, model);
    return index;
  }
}

function labelOf(provider: number): string {
  return `simulated provider ${provider}`;
}
