/** Certificates that go to the contracts and to the simulated chain. */
import type { TransactionReceipt, Wallet } from "ethers";
import { bitmap } from "../../../protocol/bitmap.ts";
import type { Certificate, CertifiedGroup } from "../../../protocol/certificate.ts";
import type { Hex } from "../../../protocol/hash.ts";
import type { HandingIn } from "../../../keeper/ports/chain.ts";
import { addressOfCommittee } from "../../../sim/chain/snapshots.ts";
import { found, range, type Keeper } from "./basics.ts";
import { rhythm } from "./committee-world.ts";
import { everything } from "./service-world.ts";
import { same } from "./simulated-views.ts";
import { n } from "./simulated-sides.ts";
import { rightSignature, type SimulatedWorld } from "./simulated-world.ts";

/** A certificate with the groups that it settles. */
export type Signed = { readonly certificate: Certificate; readonly scope: readonly CertifiedGroup[] };

export type Certifying = {
  /** Turn of the interval, from 1; the turn that the next block is in, if that is later. */
  turn?: number;
  /** Blocks from te to the transaction, at least 1. */
  after?: number;
  /** Index of the sender among all keepers; the leader, unless said otherwise. −1: the convener. */
  sender?: number;
  leader?: number;
  failed?: readonly number[];
  unpaid?: readonly number[];
  signers?: readonly number[];
  /** Part of each provider's committed space-time that keepers signed; everything, unless said otherwise. */
  permille?: (provider: number) => number;
  first?: number;
  length?: number;
  /** Changes the certificate before it is signed. */
  flaw?: Partial<Certificate>;
  forged?: boolean;
};

export class SimulatedCertificates {
  readonly #world: SimulatedWorld;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  /** A certificate of the committee's next interval with everything in scope, sent to both. */
  async certify(index: number, options: Certifying = {}): Promise<Signed> {
    const committee = this.#world.committee(index);
    // Those that sign are the members of the version in force (R37).
    committee.members = this.#world.chain
      .committeeAt(index)
      .members.map((keeper) => found(this.#world.keepers[keeper], "keeper"));
    const { interval, turn: blocks } = rhythm;
    const start = await committee.certifiedThrough();
    const present = Math.floor(((await this.#world.head) + 1 - start - interval) / blocks) + 1;
    const turn = Math.max(options.turn ?? 1, present);
    const [ts, te] = [start, start + interval + (turn - 1) * blocks];
    await this.#world.reach(te + (options.after ?? 1));
    await this.#world.catchUp();
    const scope = await this.#world.views.scopeOf(index, ts, te, (group, provider) => {
      const { permille } = options;
      if (permille === undefined) return everything;
      const model = this.#world.model(group);
      const known = found(model.providers[provider], "provider");
      return (model.committed(known, model.settledThrough, te) * BigInt(permille(provider))) / 1_000n;
    });
    const lapsed = Math.min(turn - 1, (n - 1) / 3);
    const failed = bitmap(options.failed ?? range(lapsed, 1));
    const unpaid = bitmap(options.unpaid ?? []);
    const payees = (2n ** BigInt(n) - 1n) & ~failed & ~unpaid;
    const { leader = 0, flaw = {} } = options;
    const certificate = {
      ...(await committee.certificate(scope, { te, turn, leader, failed, payees })),
      ...flaw,
    };
    const signers = options.signers ?? range(n);
    const signature = committee.sign(certificate, options.forged === true ? signers.slice(1) : signers);
    const { first = 0, length = scope.length - first } = options;
    const sender = this.#sender(options.sender, committee.members[certificate.leader]);
    const submission: HandingIn = {
      kind: "certify",
      committee: addressOfCommittee(index),
      certificate,
      groups: scope,
      run: { first, length },
      turn,
      windowEnd: te + rhythm.turn,
      signers: bitmap(signers),
      signature: options.forged === true ? "0x00" : rightSignature,
    };
    let receipt: TransactionReceipt | undefined;
    const name = `certify [${ts}, ${te}) of committee ${index}`;
    await this.#submit(name, index, submission, sender, async () => {
      receipt = await committee.certify(certificate, scope, {
        signers,
        signature,
        sender,
        first,
        length,
        block: 0,
      });
      return receipt;
    });
    return { certificate, scope };
  }

  /** Hands in groups of a remembered certificate. */
  async settle(
    index: number,
    { certificate, scope }: Signed,
    options: { sender?: number; first?: number; length?: number } = {},
  ): Promise<string> {
    const { first = 0, length = scope.length - first } = options;
    const sender = this.#sender(options.sender, undefined);
    const submission: HandingIn = {
      kind: "settle",
      committee: addressOfCommittee(index),
      certificate,
      groups: scope,
      run: { first, length },
      turn: 1,
    };
    return this.#submit(
      `settle ${certificate.ts} of committee ${index}`,
      index,
      submission,
      sender,
      async () => this.#world.committee(index).settle(certificate, scope, { sender, first, length }),
    );
  }

  #sender(keeper: number | undefined, leader: Keeper | undefined): Wallet {
    if (keeper === undefined) return leader?.operator ?? this.#world.world.payer;
    return this.#world.keepers[keeper]?.operator ?? this.#world.world.payer;
  }

  /** Both must name the same groups that refused. */
  async #submit(
    name: string,
    index: number,
    submission: HandingIn,
    sender: Wallet,
    real: () => Promise<TransactionReceipt>,
  ): Promise<string> {
    const { errors } = this.#world.world.committees;
    let actual: string[] = [];
    const before = this.#world.chain.refusedGroups.length;
    const outcome = await this.#world.both(
      name,
      async () => {
        const events = this.#world.committee(index).events(await real());
        actual = events.flatMap(({ name: event, args }) =>
          event === "GroupRefused" ? [errors.parseError(String(args[3]))?.name ?? String(args[3])] : [],
        );
      },
      () => {
        const result = this.#world.chain.submit(submission, sender.address.toLowerCase() as Hex);
        return "refused" in result ? result.refused : undefined;
      },
    );
    const expected = this.#world.chain.refusedGroups.slice(before).map(({ error }) => error);
    same(`${name} refused`, { groups: actual.join() }, { groups: expected.join() });
    for (const error of actual) this.#world.outcomes.set(error, (this.#world.outcomes.get(error) ?? 0) + 1);
    return outcome;
  }
}
