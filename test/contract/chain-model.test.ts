/** Compares the simulator's chain with the real contract: valid and invalid settlements have the same outcome on both. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Hex } from "../../protocol/hash.ts";
import type { Submission } from "../../keeper/ports/chain.ts";
import { ChainModel } from "../../sim/chain/chain-model.ts";
import { computeSettlementDigest } from "../support/contracts/digest.ts";
import { refusal, send } from "../support/contracts/chain.ts";
import { certify } from "../support/contracts/keys.ts";
import { Player } from "../support/contracts/sequence-player.ts";
import {
  bitmap,
  range,
  root,
  World,
  type Group,
  type Keeper,
  type Settlement,
} from "../support/contracts/world.ts";

const long = process.env["WHITEPAY_LONG"] === "1";
const config = { interval: 24, turn: 24, slot: 3, answer: 1, confirmations: 0, lockup: 96 };
const price = 1_000_003n;

let world: World;
let keepers: Keeper[];
beforeAll(async () => {
  world = await World.open();
  keepers = await world.keepers(10);
});
afterAll(() => world.chain.close());

/** Defects of a settlement, each with the change that causes it. */
const flaws: Record<string, (s: Settlement, n: number) => Partial<Settlement> & { sender?: number }> = {
  none: () => ({}),
  "stale start": ({ ts, te }) => ({ ts: ts - 24, te }),
  "an end between turns": ({ te }) => ({ te: te + 1 }),
  "the turn before": ({ te }) => ({ te: te - 24 }),
  "the turn after": ({ te }) => ({ te: te + 24 }),
  "another committee": ({ committee }) => ({ committee: committee + 1 }),
  "no such leader": (_, n) => ({ leader: n }),
  "a payee beyond the committee": ({ payees }, n) => ({ payees: payees | (1n << BigInt(n)) }),
  "one failed too many": ({ failed, leader }, n) => ({ failed: failed | (1n << BigInt((leader + 1) % n)) }),
  "a failed payee": ({ payees, failed }) => ({ payees: payees | failed }),
  "a failed leader": ({ leader }) => ({ failed: 1n << BigInt(leader), payees: 0n }),
  "another sender": ({ leader }, n) => ({ sender: (leader + 1) % n }),
  "a stranger": () => ({ sender: -1 }),
  "an item too few": ({ items }) => ({ items: items.slice(1) }),
  "items in disorder": ({ items }) => ({ items: items.toReversed() }),
  "an item of nobody": ({ items }) => ({
    items: items.map((one, i) => (i === 0 ? { ...one, provider: 77 } : one)),
  }),
};

type Play = {
  lapsed: number;
  offset: number;
  leader: number;
  payees: number;
  permilles: number[];
  absent: number;
  badSignature: boolean;
  flaw: string;
  deposit: bigint;
};

const play: fc.Arbitrary<Play> = fc.record({
  lapsed: fc.constantFrom(0, 0, 0, 1, 2, 3),
  offset: fc.nat(22),
  leader: fc.nat(30),
  payees: fc.nat(1023),
  permilles: fc.array(fc.constantFrom(0, 1, 500, 999, 1000, 1500), { minLength: 3, maxLength: 3 }),
  absent: fc.nat(4),
  badSignature: fc.constantFrom(false, false, false, true),
  flaw: fc.oneof(fc.constant("none"), fc.constantFrom(...Object.keys(flaws))),
  deposit: fc.constantFrom(0n, 0n, 1n << 24n, 1n << 40n),
});

/** Runs the contract and the model of the chain in step, block by block. */
class Both {
  readonly group: Group;
  readonly chain: ChainModel;
  readonly outcomes = new Map<string, number>();

  private constructor(group: Group, chain: ChainModel) {
    this.group = group;
    this.chain = chain;
  }

  static async open(n: number): Promise<Both> {
    const group = await world.group(n, { config: { ...config, price }, deposit: 0n });
    const allowance = world.token.connect(world.payer) as typeof world.token;
    await (await allowance.getFunction("approve")(await group.address(), 1n << 95n)).wait();
    const chain = new ChainModel({
      seed: 1,
      params: {
        ...config,
        originBlock: group.created.blockNumber,
        price,
        keeperShareBps: 1000,
        toleranceBps: 100,
      },
      keepers: keepers.map(({ operator }) => ({
        operator: operator.address.toLowerCase() as Hex,
        blsKey: "0x",
      })),
      committee: n,
      providers: [],
      operatorOfProvider: () => "0x",
      dataOf: () => ({ listRoot: root as Hex, receiptKey: "0x" }),
      verify: (_digest, _signers, signature) => signature === "0x01",
    });
    const both = new Both(group, chain);
    for (const [i, size] of [3n << 30n, 12_345_678_901n, 77n].entries()) {
      const label = `chain model provider ${n} ${i}`;
      const operator = await world.provider(label);
      await both.deposit((size * BigInt(config.lockup + 24) * price) / (1n << 30n) + 1n);
      await group.add(label, size);
      await both.catchUp(() => chain.call((next, block) => next.addProvider(block, operator.address, size)));
    }
    return both;
  }

  /** The model's blocks up to the chain's, with `act` in the last one. */
  async catchUp(act: () => void): Promise<void> {
    const head = await world.chain.block();
    while (this.chain.head < head - 1) this.chain.mine();
    act();
    this.chain.mine();
  }

  async deposit(amount: bigint): Promise<void> {
    if (amount === 0n) return;
    await this.group.send(world.payer, "deposit", [amount]);
    await this.catchUp(() => this.chain.call((next) => next.deposit(amount)));
  }

  async settle(one: Play): Promise<void> {
    const { chain, group } = this;
    const { n, f } = group;
    const now = chain.at(chain.head);
    const first = now.ts + config.interval;
    const target = first + one.lapsed * config.turn + one.offset;
    if ((await world.chain.block()) + 1 < target) await world.chain.before(target);
    const block = (await world.chain.block()) + 1;
    const turn = Math.max(1, Math.floor((block - first) / config.turn) + 1);
    const te = first + (turn - 1) * config.turn;
    const leader = one.leader % n;
    const failed = bitmap(range(Math.min(turn - 1, f)).map((i) => (leader + 1 + i) % n));
    const items = now.due(te).map((provider, i) => {
      const committed = now.committed(now.providers[provider] as never, now.ts, te);
      return { provider, spaceTime: (committed * BigInt(one.permilles[i] as number)) / 1000n };
    });
    const payees = BigInt(one.payees % 2 ** n) & ~failed;
    const right: Settlement = { ts: now.ts, te, committee: now.active, leader, failed, payees, items };
    const { sender = leader, ...changed } = (flaws[one.flaw] as (typeof flaws)[string])(right, n);
    await this.#send({ ...right, ...changed }, sender, one);
  }

  async #send(settlement: Settlement, sender: number, { absent, badSignature }: Play): Promise<void> {
    const { group, chain } = this;
    const signing = range(group.n).slice(absent % (group.f + 2));
    const digest = computeSettlementDigest(world.chain.chainId, await group.address(), settlement);
    const secrets = signing.map((i) => (keepers[i] as Keeper).secret);
    const certificate = certify(badSignature ? secrets.slice(1) : secrets, digest);
    const from = sender < 0 ? (keepers[9] as Keeper).operator : (keepers[sender] as Keeper).operator;
    const call = send(group.contract, from, "settle", [settlement, bitmap(signing), certificate]);
    const actual = await call.then(
      () => "settled",
      async () => (await refusal(call, group.contract.interface)).error,
    );
    const submission: Submission = {
      group: "0x",
      settlement,
      signers: bitmap(signing),
      signature: badSignature ? "0x00" : "0x01",
      windowEnd: 0,
    };
    const block = await world.chain.block();
    // A refused call may be refused before it is in a block.
    while (this.chain.head < block - 1) chain.mine();
    const result = chain.settle(submission, from.address.toLowerCase() as Hex);
    const expected = "refused" in result ? result.refused : "settled";
    if (chain.head < block) chain.mine();
    if (actual !== expected) throw new Error(`expected ${expected}, as the model says, actual ${actual}`);
    this.outcomes.set(actual, (this.outcomes.get(actual) ?? 0) + 1);
    await new Player(group, chain.at(chain.head), keepers, []).compare();
  }
}

describe("the chain that simulations run on", () => {
  it(
    "accepts and refuses the same settlements as the real contract, for the same reason, and pays the same",
    async () => {
      const outcomes = new Map<string, number>();
      const games = fc.asyncProperty(
        fc.constantFrom(4, 4, 7),
        fc.array(play, { minLength: 15, maxLength: 25, size: "max" }),
        async (n, plays) => {
          const both = await Both.open(n);
          for (const one of plays) {
            await both.deposit(one.deposit);
            await both.settle(one);
          }
          for (const [name, count] of both.outcomes) outcomes.set(name, (outcomes.get(name) ?? 0) + count);
        },
      );
      await fc.assert(games, { numRuns: long ? 300 : 24, seed: 11, endOnFailure: true });
      const seen = [...outcomes.keys()].sort().map((name) => name.replace("Upkeeping_", ""));
      expect(outcomes.get("settled")).toBeGreaterThan(20);
      expect(seen).toEqual(
        expect.arrayContaining(
          "BadSignature BitmapOutOfRange FailedPayee LeaderFailed NoSuchLeader NotLeader StaleStart TooEarly TooLate TooFewSigners WrongCommittee WrongEnd WrongFailedCount WrongItemCount".split(
            " ",
          ),
        ),
      );
    },
    long ? 1_200_000 : 120_000,
  );
});
