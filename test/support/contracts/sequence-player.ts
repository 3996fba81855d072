/** Plays random calls of committees and groups, each on the contracts and on the model. */
import type { Contract, Wallet } from "ethers";
import * as committees from "./model/committee.ts";
import * as funds from "./model/funds.ts";
import * as service from "./model/service.ts";
import { attempt, committeeOf, found, groupOf, never, type Refused, type World } from "./model/world.ts";
import { CertificatePlayer } from "./sequence-certificates.ts";
import { compare } from "./sequence-compare.ts";
import { Invariants } from "./sequence-invariants.ts";
import { MemberPlayer } from "./sequence-members.ts";
import { ProviderPlayer } from "./sequence-providers.ts";
import type { Receipt, Stage } from "./sequence-stage.ts";
import { ScenePlayer } from "./sequence-scenes.ts";
import { WithdrawalPlayer } from "./sequence-withdrawals.ts";
import type { Beginning, Cast, Step } from "./sequence-steps.ts";

/** What both sides of a call agreed on. */
export type Agreed<Result> = { result: Result; receipt: Receipt } | undefined;

/** Plays steps on the contracts and on the model. @throws at the first difference */
export class Player {
  readonly stage: Stage;
  model: World;
  readonly groups: Contract[] = [];
  /** The two committees of this sequence. */
  readonly committees: readonly number[];
  /** Its money is the chain's coin. */
  readonly coin: boolean;
  readonly invariants: Invariants;
  /** Every call with its block and its outcome, for who reads a failure. */
  readonly log: string[] = [];
  readonly outcomes = new Set<string>();
  calls = 0;
  readonly #certificates: CertificatePlayer;
  readonly #providers: ProviderPlayer;
  readonly #members: MemberPlayer;
  readonly #withdrawals: WithdrawalPlayer;
  readonly #scenes: ScenePlayer;

  private constructor(stage: Stage, model: World, cast: Cast) {
    this.stage = stage;
    this.model = model;
    this.committees = stage.committeesOf(cast);
    this.coin = cast.coin;
    this.outcomes.add(`n = ${cast.n}`).add(cast.coin ? "coin" : "token");
    this.invariants = new Invariants(this);
    this.#certificates = new CertificatePlayer(this);
    this.#providers = new ProviderPlayer(this);
    this.#members = new MemberPlayer(this);
    this.#withdrawals = new WithdrawalPlayer(this);
    this.#scenes = new ScenePlayer(this, this.#certificates);
  }

  static async begin(stage: Stage, cast: Cast, beginnings: readonly Beginning[]): Promise<Player> {
    const player = new Player(stage, await stage.begin(), cast);
    for (const [i, beginning] of beginnings.entries()) {
      player.groups.push(await stage.group(player.model, beginning, cast.coin));
      await player.#enterFirst(i, beginning);
    }
    await player.compare();
    return player;
  }

  /** The first deposit is measured by what R32 asks for after the first providers. */
  async #enterFirst(index: number, beginning: Beginning): Promise<void> {
    const { committee, ceiling, data, permille, foreign } = beginning;
    await this.deposit(index, 1n << 95n);
    if (foreign) {
      await this.play({ kind: "enter", group: index, committee, ceiling });
      await this.play({ kind: "invite", group: index, committee, invited: true });
    }
    await this.play({ kind: "enter", group: index, committee, ceiling });
    for (const [who, { size, price }] of data.entries())
      await this.play({ kind: "add", group: index, who: index + who, size, price, flaw: "none" });
    const group = groupOf(this.model, index);
    const block = (await this.block()) + 1;
    const kept = (funds.requiredOf(group, block) * BigInt(permille)) / 1000n;
    const amount = funds.availableOf(group) - kept;
    await this.#withdraw(index, amount);
  }

  async #withdraw(index: number, amount: bigint): Promise<void> {
    const payer = this.payerOf(index);
    await this.both(payer, this.group(index), "withdrawPayer", [amount, payer.address], (next, at) =>
      funds.withdrawPayer(groupOf(next, index), at, amount),
    );
  }

  /** Convener of the committees. */
  get convener(): Wallet {
    return this.stage.world.convener;
  }

  payerOf(index: number): Wallet {
    return groupOf(this.model, index).foreign ? this.stage.other : this.convener;
  }

  group(index: number): Contract {
    return found(this.groups[index], `group ${index}`);
  }

  /** Address of a group. */
  addressOf(index: number): string {
    return this.group(index).target as string;
  }

  async block(): Promise<number> {
    return this.stage.world.chain.block();
  }

  /** Mines until the next call is in `block`, if that lies ahead. */
  async reach(block: number): Promise<void> {
    const { chain } = this.stage.world;
    const head = await chain.block();
    if (head + 1 >= block) return;
    this.invariants.noteBlocks(head + 1, block - 1);
    await chain.before(block);
  }

  /** Sends a call in the next block; both sides must accept it, or refuse it for a reason that the rules give. */
  async both<Result>(
    from: Wallet,
    contract: Contract,
    method: string,
    args: readonly unknown[],
    play: (next: World, block: number) => Result,
    value = 0n,
  ): Promise<Agreed<Result>> {
    const block = (await this.block()) + 1;
    this.invariants.noteBlocks(block, block);
    const outcome = attempt(this.model, (next) => play(next, block));
    const played = await this.stage.call(from, contract, method, args, value);
    this.calls += 1;
    const expected = "refused" in outcome ? outcome.refused : undefined;
    const actual = "refused" in played ? played.refused.error : "accepted";
    this.log.push(`block ${block}: ${method}(${shown(args)}) ${actual}`);
    if ("refused" in played !== "refused" in outcome || (expected !== undefined && !allows(expected, played)))
      throw new Error(
        `${method}: the model ${expected?.message ?? "accepts"}, the contract ${described(played)}`,
      );
    if ("refused" in played || "refused" in outcome) {
      this.outcomes.add(actual);
      return undefined;
    }
    this.outcomes.add(method);
    const before = this.model;
    this.model = outcome.next;
    this.invariants.afterCall(before, played.receipt, block);
    return { result: outcome.result, receipt: played.receipt };
  }

  async compare(): Promise<void> {
    const { stage, model, groups, committees, coin } = this;
    await compare({ stage, model, groups, committees, coin });
  }

  async deposit(index: number, amount: bigint): Promise<void> {
    const value = this.coin ? amount : 0n;
    const play = (next: World): void => funds.deposit(groupOf(next, index), amount);
    await this.both(this.payerOf(index), this.group(index), "deposit", [amount], play, value);
  }

  async play(step: Step): Promise<void> {
    const index = "group" in step ? step.group % this.groups.length : 0;
    switch (step.kind) {
      case "mine":
        return this.reach((await this.block()) + 1 + step.blocks);
      case "certify":
        return this.#certificates.certify(this.#committee(step.committee), step.choice);
      case "settle":
        return this.#certificates.settle(this.#committee(step.committee), step);
      case "fund":
      case "withdraw":
        return this.#money(step.kind, index, BigInt(step.permille));
      case "add":
      case "change":
        return this.#providers.data(step.kind, index, step);
      case "burst":
        return this.#providers.burst(index, step.who);
      case "remove":
      case "notice":
      case "collect":
      case "pull":
        return this.#providers.call(step.kind, index, step.who);
      case "collectKeepers":
      case "pullKeeper":
        return this.#keeper(step.kind, index, step.account, step.seat);
      case "enter":
      case "raise":
      case "terminate":
      case "collectAll":
        return this.#service(step, index);
      case "abandon":
        return this.#abandon(step, index);
      case "release":
      case "reclaim":
        return this.#members.membership(step.kind, this.#committee(step.committee), step.number);
      case "propose":
        return this.#members.propose(this.#committee(step.committee), step.offset, step.withdraw);
      case "rotate":
      case "resign":
        return this.#members[step.kind](this.#committee(step.committee), step.keeper);
      case "invite":
        return this.#members.invite(this.#committee(step.committee), index, step.invited);
      case "pullMany":
        return this.#withdrawals.ofProvider(step.who);
      case "pullKeepers":
        return this.#withdrawals.ofKeeper(step.who);
      case "comeBack":
      case "starve":
      case "settleLate":
        return this.#scenes.play(step, index);
    }
  }

  #committee(index: number): number {
    return this.committees[index % 2] as number;
  }

  async #money(kind: "fund" | "withdraw", index: number, permille: bigint): Promise<void> {
    const block = (await this.block()) + 1;
    const group = groupOf(this.model, index);
    const [required, available] = [funds.requiredOf(group, block), funds.availableOf(group)];
    if (kind === "fund") {
      const lacking = required > available ? required - available : available / 4n;
      return this.deposit(index, (lacking * permille) / 1000n);
    }
    await this.#withdraw(
      index,
      ((available > required ? available - required : required) * permille) / 1000n,
    );
  }

  /** An index that may be one beyond the last. */
  providerAt(index: number, who: number): number {
    return who % (groupOf(this.model, index).providers.length + 1);
  }

  operatorOf(index: number, provider: number): number {
    return groupOf(this.model, index).providers[provider]?.operator ?? 0;
  }

  async #keeper(
    kind: "collectKeepers" | "pullKeeper",
    index: number,
    account: number,
    seat: number,
  ): Promise<void> {
    const keys = [...groupOf(this.model, index).accounts.keys()];
    const [committee, version] = (keys[account % Math.max(1, keys.length)] ?? `${this.#committee(0)}/1`)
      .split("/")
      .map(Number) as [number, number];
    const contract = this.group(index);
    const address = this.stage.committees[committee]?.address;
    if (kind === "collectKeepers") {
      await this.both(this.stage.stranger, contract, "collectKeeperArrears", [address, version], (next, at) =>
        funds.collectKeeperArrears(next, groupOf(next, index), at, { committee, version }),
      );
      return;
    }
    const { n } = committeeOf(this.model, committee);
    const claim = { committee, version, seat: seat % n };
    const keeper =
      committees.versionOf(committeeOf(this.model, committee), version).operators[claim.seat] ?? 0;
    const { operator } = found(this.stage.keepers[keeper], "keeper");
    await this.both(operator, contract, "withdrawKeeper", [address, version, claim.seat], (next) =>
      funds.withdrawKeeper(next, groupOf(next, index), claim),
    );
  }

  async #service(
    step: Extract<Step, { kind: "enter" | "raise" | "terminate" | "collectAll" }>,
    index: number,
  ): Promise<void> {
    const contract = this.group(index);
    if (step.kind === "terminate") {
      await this.both(this.payerOf(index), contract, "terminate", [], (next, at) =>
        service.terminate(next, index, at),
      );
    } else if (step.kind === "collectAll") {
      await this.both(this.stage.stranger, contract, "collectAllArrears", [], (next, at) =>
        funds.collectAllArrears(groupOf(next, index), at),
      );
    } else if (step.kind === "enter") {
      const to = this.#committee(step.committee);
      const address = this.stage.committees[to]?.address;
      await this.both(this.payerOf(index), contract, "enter", [address, step.ceiling], (next, at) =>
        service.enter(next, index, at, to, step.ceiling),
      );
    } else {
      const ceiling = (groupOf(this.model, index).service?.ceiling ?? 1) + step.by;
      if (ceiling < 0) return;
      await this.both(this.payerOf(index), contract, "raiseCeiling", [ceiling], (next, at) =>
        service.raiseCeiling(next, index, at, ceiling),
      );
    }
  }

  async #abandon(step: Extract<Step, { kind: "abandon" }>, index: number): Promise<void> {
    const group = groupOf(this.model, index);
    const committee =
      group.service === undefined ? undefined : committeeOf(this.model, group.service.committee);
    const covering = [...(committee?.remembered.keys() ?? [])].filter(
      (ts) => (committee?.remembered.get(ts)?.certificate.te ?? 0) > group.settledThrough,
    );
    const named = covering[step.named] ?? covering[0] ?? 0;
    const by = step.by === -1 ? "payer" : step.by === -2 ? "stranger" : step.by % this.stage.operators.length;
    const call = { group: index, by, named } as const;
    const from = service.abandonableFrom(this.model, group, named);
    if (step.wait && from !== never) await this.reach(from + step.offset);
    const wallet =
      by === "payer"
        ? this.payerOf(index)
        : by === "stranger"
          ? this.stage.stranger
          : found(this.stage.operators[by], "operator");
    await this.both(wallet, this.group(index), "abandon", [named], (next, at) =>
      service.abandon(next, call, at),
    );
  }
}

type Played = Awaited<ReturnType<Stage["call"]>>;

function allows({ reasons }: Refused, played: Played): boolean {
  if (!("refused" in played)) return false;
  const { error, args } = played.refused;
  return reasons.some(
    (reason) =>
      reason.error === error &&
      (reason.args === undefined || reason.args.every((value, i) => args[i] === value)),
  );
}

function described(played: Played): string {
  if (!("refused" in played)) return "accepts";
  return `refuses with ${played.refused.error}(${shown(played.refused.args)})`;
}

function shown(args: readonly unknown[]): string {
  const text = JSON.stringify(args, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}`;
    return typeof value === "string" && value.length > 12 && value.startsWith("0x")
      ? `${value.slice(0, 8)}…`
      : value;
  });
  return text.slice(1, -1);
}
