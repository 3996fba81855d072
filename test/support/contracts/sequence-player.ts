/** Plays random calls of a group, each on the contract and on the model. */
import type { Interface, Wallet } from "ethers";
import { refusal, send } from "./chain.ts";
import { computeSettlementDigest } from "./digest.ts";
import { certify } from "./keys.ts";
import type { Model, Outcome } from "../../../sim/chain/contract-model.ts";
import type { SettleInput } from "../../../sim/chain/contract-state.ts";
import { bitmap, range, root, type Group, type Keeper } from "./world.ts";
import { nobody, type Choice, type Step, type SuccessionStep } from "./sequence-steps.ts";

/** Plays steps on a contract and on the model. @throws at the first difference */
export class Player {
  readonly group: Group;
  readonly keepers: Keeper[];
  readonly operators: Wallet[];
  model: Model;
  calls = 0;
  /** Names of the calls that succeeded, and errors of those that were refused. */
  readonly outcomes = new Set<string>();

  constructor(group: Group, model: Model, keepers: Keeper[], operators: Wallet[]) {
    this.group = group;
    this.model = model;
    this.keepers = keepers;
    this.operators = operators;
  }

  get #abi(): Interface {
    return this.group.contract.interface;
  }

  /** Sends a call in the next block; both sides must accept it, or refuse it with the same error. */
  async #both(
    from: Wallet | "payer",
    method: string,
    args: readonly unknown[],
    step: (next: Model, block: number) => void,
  ): Promise<void> {
    const { world, contract } = this.group;
    const block = (await world.chain.block()) + 1;
    const expected: Outcome = this.model.after((next) => step(next, block));
    const call = send(contract, from === "payer" ? world.payer : from, method, args);
    this.calls += 1;
    if (expected.refused === undefined) {
      await call.catch((error: unknown) => {
        throw new Error(`${method}: the model accepts, the contract refuses: ${(error as Error).message}`);
      });
    } else {
      const { error } = await refusal(call, this.#abi);
      if (error !== expected.refused)
        throw new Error(`${method}: expected ${expected.refused}, actual ${error}`);
    }
    this.outcomes.add(expected.refused ?? method);
    this.model = expected.next;
  }

  /** Index of an existing provider; for `nobody`, or in a group without providers, an index that does not exist. */
  #index(who: number): number {
    return who === nobody ? this.model.providers.length : who % Math.max(1, this.model.providers.length);
  }

  #operator(index: number): Wallet {
    const provider = this.model.providers[index];
    return (
      this.operators.find(({ address }) => address === provider?.operator) ?? (this.operators[0] as Wallet)
    );
  }

  async play(step: Step): Promise<void> {
    const { world } = this.group;
    switch (step.kind) {
      case "deposit": {
        return this.#both("payer", "deposit", [step.amount], (next) => next.deposit(step.amount));
      }
      // R32: deposits a part or a multiple of the missing amount.
      case "fund": {
        const lacking = this.model.required(await world.chain.block()) - this.model.free;
        const amount = ((lacking > 0n ? lacking : this.model.free / 4n) * BigInt(step.permille)) / 1000n;
        return this.#both("payer", "deposit", [amount], (next) => next.deposit(amount));
      }
      case "withdraw": {
        const block = (await world.chain.block()) + 1;
        const amount = (this.model.withdrawable(block) * BigInt(step.permille)) / 1000n;
        return this.#both("payer", "withdrawPayer", [amount], (next) => next.withdrawPayer(block, amount));
      }
      case "mine": {
        await world.chain.rpc("hardhat_mine", [`0x${step.blocks.toString(16)}`]);
        return;
      }
      case "settle":
        return this.#settle(step.choice);
      case "abandon":
        return this.#abandon(step);
      case "terminate":
        return this.#both("payer", "terminate", [], (next, block) => next.terminate(block));
      case "add":
      case "resize":
        return step.kind === "add"
          ? this.#data(step.kind, step.who, step.size)
          : this.#data(step.kind, this.#index(step.who), step.size);
      case "remove":
      case "pull":
      case "collect":
      case "touch":
        return this.#provider(step.kind, this.#index(step.who));
      case "pullKeeper":
        return this.#pullKeeper(step.version, step.who);
      case "propose":
      case "accept":
      case "cancel":
      default:
        return this.#succession(step);
    }
  }

  async #provider(kind: "remove" | "pull" | "collect" | "touch", index: number): Promise<void> {
    switch (kind) {
      case "remove":
        return this.#both("payer", "removeProvider", [index], (next, block) =>
          next.changeSize(block, index, 0n),
        );
      case "pull":
        return this.#both(this.#operator(index), "withdrawProvider", [index], (next) =>
          next.withdrawProvider(index),
        );
      case "collect":
        return this.#both("payer", "collectArrears", [index], (next, block) =>
          next.collectArrears(block, index),
        );
      case "touch":
        return this.#both("payer", "touch", [index], (next) => next.touch(index));
    }
  }

  async #data(kind: "add" | "resize", index: number, size: bigint): Promise<void> {
    const operator =
      kind === "add"
        ? (this.operators[Math.abs(index) % this.operators.length] as Wallet)
        : this.#operator(index);
    const sequence = Number(await this.group.read("consentSequence", operator.address)) + 1;
    const consent = [
      root,
      size,
      operator.address,
      sequence,
      await this.group.consent(operator, size, sequence),
    ];
    if (kind === "add") {
      return this.#both("payer", "addProvider", [operator.address, ...consent], (next, block) =>
        next.addProvider(block, operator.address, size),
      );
    }
    return this.#both("payer", "changeData", [index, ...consent], (next, block) =>
      next.changeSize(block, index, size),
    );
  }

  async #abandon({ wait, byProvider }: { wait: boolean; byProvider: boolean }): Promise<void> {
    const { interval, lockup } = this.model.config;
    if (wait && !this.model.ended) await this.#reach(this.model.ts + interval + lockup);
    const present = this.model.unsettled?.operator;
    const from = byProvider
      ? (this.operators.find(({ address }) => address === present) ?? this.operators[5] ?? "payer")
      : "payer";
    return this.#both(from, "abandon", [], (next, block) => next.abandon(block, byProvider));
  }

  async #reach(block: number): Promise<void> {
    const { chain } = this.group.world;
    if ((await chain.block()) + 1 < block) await chain.before(block);
  }

  async #settle(choice: Choice): Promise<void> {
    const { model } = this;
    const { interval, turn: turnBlocks } = model.config;
    const { n, f } = model;
    const first = model.ts + interval;
    await this.#reach(
      first + Math.min(choice.lapsed, 3) * turnBlocks + (choice.flaw === "sender" ? 0 : choice.absent % 3),
    );
    const block = (await this.group.world.chain.block()) + 1;
    const turn = Math.floor((block - first) / turnBlocks) + 1 + (choice.flaw === "early" ? 1 : 0);
    const te = first + (turn - 1) * turnBlocks;
    const leader = choice.leader % n;
    const others = range(n).filter((index) => index !== leader);
    const failed = range(Math.min(turn - 1, f)).map(
      (i) => others[(choice.failedFrom + i) % (n - 1)] as number,
    );
    const payees = range(n).filter((index) => (choice.payees >> index) % 2 === 1 && !failed.includes(index));
    const late = block >= te + Math.ceil((2 * turnBlocks) / 3);
    const sender = late || choice.flaw === "sender" ? choice.sender % n : leader;
    const due = model.due(te);
    const values = due.map((index, i) => {
      const provider = model.providers[index];
      if (provider === undefined) throw new Error(`provider ${index}: expected in the model`);
      return (model.committed(provider, model.ts, te) * BigInt(choice.permilles[i % 12] as number)) / 1000n;
    });
    const listed = choice.flaw === "count" ? due.slice(1) : due;
    await this.#send(
      { turn, leader, sender, failed, payees, values: values.slice(due.length - listed.length) },
      te,
      listed,
      choice,
    );
  }

  async #send(input: SettleInput, te: number, due: number[], { absent }: Choice): Promise<void> {
    const { model, group } = this;
    const { members } = model.committee;
    const settlement = {
      ts: model.ts,
      te,
      committee: model.active,
      leader: input.leader,
      failed: bitmap(input.failed),
      payees: bitmap(input.payees),
      items: due.map((provider, i) => ({ provider, spaceTime: input.values[i] as bigint })),
    };
    const signers = range(model.n).filter((index) => (index + absent) % model.n >= absent % (model.f + 1));
    const secrets = signers.map((index) => this.#keeper(members[index] as number).secret);
    const digest = computeSettlementDigest(group.world.chain.chainId, await group.address(), settlement);
    const sender = this.#keeper(members[input.sender] as number).operator;
    await this.#both(
      sender,
      "settle",
      [settlement, bitmap(signers), certify(secrets, digest)],
      (next, block) => next.settle(block, input),
    );
  }

  #keeper(index: number): Keeper {
    const keeper = this.keepers[index];
    if (keeper === undefined) throw new Error(`keeper ${index}: expected fewer than ${this.keepers.length}`);
    return keeper;
  }

  async #pullKeeper(version: number, index: number): Promise<void> {
    const named = (version % this.model.lastVersion) + 1;
    const members = this.model.committees.get(named)?.members ?? [];
    const seat = Math.abs(index) % members.length;
    return this.#both(
      this.#keeper(members[seat] as number).operator,
      "withdrawKeeper",
      [named, seat],
      (next) => next.withdrawKeeper(named, seat),
    );
  }

  async #succession(step: SuccessionStep): Promise<void> {
    if (step.kind === "cancel")
      return this.#both("payer", "cancelCommittee", [], (next) => next.cancelCommittee());
    if (step.kind === "propose") {
      const members = range(step.large ? 7 : 4, step.offset);
      const addresses = members.map((index) => this.#keeper(index).operator.address);
      return this.#both("payer", "proposeCommittee", [addresses], (next) => next.proposeCommittee(members));
    }
    const pending = this.model.committees.get(this.model.pending);
    if (pending?.accepted === pending?.members.length && pending !== undefined) return;
    const member = this.#keeper(pending?.members[pending.accepted] ?? 0);
    return this.#both(member.operator, "acceptSeat", [this.model.pending], (next, block) =>
      next.acceptNext(block),
    );
  }

  /** Compares all that can be read with the model, and the token's balance with both (S2). */
  async compare(): Promise<void> {
    const { group, model } = this;
    const block = await group.world.chain.block();
    const [escrow, state, providers, held] = await Promise.all([
      group.read("escrow"),
      group.read("state"),
      group.read("providers", 0, 99),
      group.world.token.getFunction("balanceOf")(await group.address()) as Promise<bigint>,
    ]);
    const balance = model.deposited - model.paidOut;
    const wanted: Record<string, unknown> = {
      deposited: model.deposited,
      paidOut: model.paidOut,
      balance,
      unallocated: model.free,
      credits: balance - model.free,
      arrears: model.arrears,
      reserve: model.reserve(block),
      withdrawable: model.withdrawable(block),
    };
    expectSame("escrow", { ...escrow.toObject() }, wanted);
    expectSame("token", { held }, { held: balance });
    expectSame(
      "state",
      {
        ts: state.settledThrough,
        committee: state.committee,
        pending: state.pendingCommittee,
        ended: state.ended,
        listed: state.listedProviders,
      },
      {
        ts: BigInt(model.ts),
        committee: BigInt(model.active),
        pending: BigInt(model.pending),
        ended: model.ended,
        listed: BigInt(model.providers.filter(({ closed }) => !closed).length),
      },
    );
    let owned = 0n;
    model.providers.forEach((provider, i) => {
      const { credited, withdrawn, arrears, closed, removedAt } = providers[i];
      const { credit, withdrawn: taken } = provider;
      expectSame(
        `provider ${i}`,
        { credited, withdrawn, arrears, closed, removedAt },
        {
          credited: credit + taken,
          withdrawn: taken,
          arrears: provider.arrears + provider.uncutArrears,
          closed: provider.closed,
          removedAt: BigInt(provider.removedAt),
        },
      );
      owned += credit;
    });
    for (const [version, { accounts }] of model.committees) {
      const found = await group.read("keeperAccounts", version, 0, 99);
      accounts.forEach(({ earned, withdrawn }, i) => {
        expectSame(
          `keeper ${i} of version ${version}`,
          { earned: found[i].earned, withdrawn: found[i].withdrawn },
          { earned, withdrawn },
        );
        owned += earned - withdrawn;
      });
    }
    expectSame("S2", { credits: escrow.credits }, { credits: owned });
  }

  /** Ends the group and withdraws all credits: the group must then be empty. */
  async windUp(): Promise<void> {
    const { model } = this;
    if (model.terminatedAt === 0) await this.play({ kind: "terminate" });
    // An abandon credits blocks up to the last slot boundary only.
    await this.#reach(this.model.endBlock + this.model.config.slot);
    if (!this.model.ended) await this.play({ kind: "abandon", wait: true, byProvider: false });
    for (const index of range(this.model.providers.length)) await this.play({ kind: "touch", who: index });
    // A deposit of the arrears lets the providers collect all of them.
    await this.play({ kind: "deposit", amount: this.model.arrears });
    for (const index of range(this.model.providers.length)) {
      for (const kind of ["collect", "pull"] as const) await this.play({ kind, who: index });
    }
    for (const [version, { accounts }] of this.model.committees) {
      for (const index of accounts.keys()) await this.#pullKeeper(version - 1, index);
    }
    await this.play({ kind: "withdraw", permille: 1000 });
    await this.compare();
    const { balance, arrears, unallocated } = await this.group.read("escrow");
    if (balance + arrears !== 0n)
      throw new Error(
        `expected an empty group, actual ${balance} left, ${unallocated} free, ${arrears} owed`,
      );
  }
}

function expectSame(what: string, actual: Record<string, unknown>, expected: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(expected)) {
    if (actual[name] !== value)
      throw new Error(`${what}.${name}: expected ${String(value)}, actual ${String(actual[name])}`);
  }
}
