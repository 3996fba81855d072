/** One turn of one keeper. The messages of the others are built here from proven records. */
import { fromHex, keccakWords } from "../../protocol/hash.ts";
import type { Hex } from "../../protocol/hash.ts";
import { commitmentOf, revealedRoot } from "../../protocol/messages.ts";
import type { Body, FullProof, Message, MessageOf, RevealedValues } from "../../protocol/messages.ts";
import { recordTree, treePath } from "../../protocol/records.ts";
import { valuePageHash, valuePages } from "../../protocol/values.ts";
import { uniqueDraws } from "../../keeper/core/stages/audit.ts";
import type { RoundState, TurnState, Way } from "../../keeper/core/state.ts";
import { roundKeyOf } from "../../keeper/core/turn.ts";
import { committeeAt, hashAt, Machine } from "./machine.ts";
import { memberOf } from "../../sim/signatures/cheap-signatures.ts";

const ts = 10;
/** Of the group's first turn, with the default parameters. */
export const te = 70;
export const confirmations = 1;
/** The scope of two providers of group 1, as an announcement names it. */
export const scopeName = { count: 2, root: keccakWords(1, 0, 1, 1) };
/** a = ⌊t/12⌋ for t = 30. */
export const delivery = 2;

let said = 0;

function inPages(values: readonly bigint[]): RevealedValues {
  return { kind: "pages", count: values.length, pages: valuePages(values).map(valuePageHash) };
}

export function messageOf<B extends Body>(keeper: number, body: B): Message<B> {
  const hash = keccakWords(0x5a1d, said++);
  return { keeper, version: 1, body, hash, signature: hash, bytes: fromHex(hash) };
}

/** Options for the start of a round. */
type Start = {
  /** Seed of the committee. Another seed gives another turn order. */
  readonly seed?: number;
  /** Head of the first block; by default the first head of the turn, so that this keeper may sign nothing new in it (R23). */
  readonly firstHead?: number;
};

export class Round {
  readonly machine = new Machine();
  /** Bytes that a keeper's records prove in every slot. */
  bytesOf = (_keeper: number): bigint => 1_600n;
  /** False: no check of openings ends. */
  checksEnd = true;
  /** Whether the values of a reveal travel as pages. */
  valuesInPages = false;
  #others = new Map<number, { readonly commitment: Hex; readonly salt: Hex }>();

  constructor({ seed = 1, firstHead = te + confirmations }: Start = {}) {
    const members = [0, 1, 2, 3].map(memberOf);
    const version = { version: 1, seed: hashAt(seed), members, resigned: [] };
    this.machine.step({ kind: "committee", snapshot: committeeAt(ts, { version }) });
    this.machine.jump(ts + 1, firstHead);
  }

  /** A round that another keeper leads. */
  static followed(firstHead?: number): Round {
    for (let seed = 1; ; seed++) {
      const round = new Round({ seed });
      if (round.turn.leader === round.turn.me) continue;
      return firstHead === undefined ? round : new Round({ seed, firstHead });
    }
  }

  /** A followed round with all commits, closed with audit block P + 4, at the head that confirms that block. */
  static audited(): Round {
    const round = Round.followed();
    round.announce();
    for (const keeper of round.others) round.commit(keeper);
    const auditBlock = te + confirmations + 4;
    round.close(auditBlock);
    round.walkTo(auditBlock + confirmations);
    return round;
  }

  /** A round of a keeper that started early enough to sign in it (R23). `leads`: this keeper leads it. */
  static signing(leads: boolean): Round {
    for (let seed = 1; ; seed++) {
      const { turn } = new Round({ seed });
      if ((turn.leader === turn.me) !== leads) continue;
      const round = new Round({ seed, firstHead: ts + 1 });
      round.walkTo(te - 5);
      round.machine.vouch();
      round.walkTo(te + confirmations);
      return round;
    }
  }

  get turn(): TurnState {
    return this.machine.state.turn as TurnState;
  }

  get state(): RoundState {
    return this.turn.round as RoundState;
  }

  get head(): number {
    return this.machine.state.head;
  }

  /** All but this keeper. */
  get others(): number[] {
    return this.turn.order.filter((keeper) => keeper !== this.turn.me).sort((a, b) => a - b);
  }

  /** Returns this keeper's broadcasts to it, as gossip does. */
  hear(message: Message, way: Way = "gossip"): void {
    this.#return(this.machine.step({ kind: "message", message, way }));
  }

  #return(effects: ReturnType<Machine["step"]>): void {
    for (const effect of effects) {
      if (effect.kind === "broadcast" && effect.body.kind !== "hello") {
        this.hear(messageOf(this.turn.me, effect.body));
      } else if (effect.kind === "open") {
        this.#return(
          this.machine.step({ kind: "opened", round: effect.round, receipts: [], proof: undefined }),
        );
      } else if (effect.kind === "check-openings" && this.checksEnd) {
        const { round, reveal } = effect;
        this.#return(
          this.machine.step({
            kind: "openings-checked",
            round,
            reveal: reveal.hash,
            keeper: reveal.keeper,
            fault: undefined,
          }),
        );
      }
    }
  }

  walkTo(head: number): void {
    while (this.head < head) this.#return(this.machine.jump(this.head + 1, this.head + 1));
  }

  /** @param round of a keeper that is in the turn already */
  announce(
    head = te + confirmations,
    round = roundKeyOf(this.turn),
    scope: { readonly count: number; readonly root: Hex } = scopeName,
  ): void {
    this.hear(messageOf(round.leader, { kind: "announce", round, head, ...scope }));
  }

  #tree(keeper: number) {
    const { records } = this.turn.scope;
    const bytes = this.bytesOf(keeper);
    const leaves = Array.from({ length: records.leafCount }, (_, i) => {
      return { kind: "proven", bytes, receiptHash: hashAt(i) } as const;
    });
    const values = records.ranges.map(({ fromSlot, toSlot }) => BigInt(toSlot - fromSlot) * bytes * 5n);
    return { tree: recordTree(records, leaves), values: { kind: "inline" as const, values } };
  }

  /** @param id of the round, where this keeper has not heard of it yet */
  commit(keeper: number, way: Way = "gossip", id = this.state.id): void {
    const { tree, values } = this.#tree(keeper);
    const salt = hashAt(1000 + keeper);
    const commitment = commitmentOf(id, keeper, revealedRoot(values), tree.root, salt);
    this.#others.set(keeper, { commitment, salt });
    this.hear(messageOf(keeper, { kind: "commit", round: roundKeyOf(this.turn), commitment }), way);
  }

  /** Closes all commits heard. */
  close(auditBlock: number): void {
    const commits = [...this.state.commits]
      .sort(([a], [b]) => a - b)
      .map(([keeper, { message }]) => {
        return { keeper, commitment: message.body.commitment, signature: message.signature };
      });
    const round = roundKeyOf(this.turn);
    this.hear(messageOf(this.turn.leader, { kind: "close", round, commits, auditBlock }));
  }

  /** @param proofAt which of the drawn leaves its full proof is about */
  reveal(keeper: number, proofAt = 0, way: Way = "gossip"): MessageOf<"reveal"> {
    const { tree, values } = this.#tree(keeper);
    const [close] = this.state.closes;
    const draws = uniqueDraws(close?.audit?.draws ?? []);
    const opened = draws.map((draw) => {
      const index = tree.scope.indexOf(draw) ?? -1;
      const leaf = tree.leaves[index];
      if (leaf === undefined) throw new Error("a leaf was drawn that is not in the scope");
      return { ...draw, leaf, path: treePath(tree, index), receipt: new Uint8Array() };
    });
    const about = draws[proofAt];
    const proof: FullProof | undefined =
      about === undefined ? undefined : { ...about, seed: new Uint8Array(48), proof: new Uint8Array() };
    const message = messageOf(keeper, {
      kind: "reveal" as const,
      round: roundKeyOf(this.turn),
      closedSet: close?.hash ?? "0x",
      values: this.valuesInPages ? inPages(values.values) : values,
      recordsRoot: tree.root,
      salt: this.#others.get(keeper)?.salt ?? "0x",
      opened,
      proof,
    });
    this.hear(message, way);
    return message;
  }

  /** The turn through the bundle, with all keepers in time. A leader announces, closes and bundles by itself. */
  decide(): void {
    const leads = this.turn.leader === this.turn.me;
    if (!leads) this.announce();
    for (const keeper of this.others) this.commit(keeper);
    if (!leads) this.close(te + confirmations + 4);
    this.walkTo(te + confirmations + 4 + confirmations);
    for (const keeper of this.others) this.reveal(keeper);
    if (!leads) this.bundle([0, 1, 2, 3]);
  }

  bundle(keepers: readonly number[]): void {
    const { closes, reveals } = this.state;
    const named = keepers.map((keeper) => {
      const found = [...reveals.values()].find(({ message }) => message.keeper === keeper);
      return { keeper, hash: found?.message.hash ?? hashAt(keeper) };
    });
    const round = roundKeyOf(this.turn);
    const closedSet = closes[0]?.hash ?? "0x";
    this.hear(messageOf(this.turn.leader, { kind: "bundle", round, closedSet, reveals: named }));
  }

  details = (code: Parameters<Machine["details"]>[0]): string[] => this.machine.details(code);
}
