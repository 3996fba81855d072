/** Random calls of committees and groups, and the weight of each. */
import fc from "fast-check";
import { gibibyte, perGibibyteBlock } from "./group-world.ts";

/** Indices count modulo what there is. */
export type Step =
  | { kind: "certify"; committee: number; choice: Choice }
  | {
      kind: "settle";
      committee: number;
      pick: number;
      first: number;
      length: number;
      sender: number;
      proof: ProofFlaw;
    }
  | { kind: "fund" | "withdraw"; group: number; permille: number }
  | { kind: "add" | "change"; group: number; who: number; size: bigint; price: bigint; flaw: ConsentFlaw }
  | { kind: "burst" | "remove" | "notice" | "collect" | "pull"; group: number; who: number }
  | { kind: "collectKeepers" | "pullKeeper"; group: number; account: number; seat: number }
  | { kind: "enter"; group: number; committee: number; ceiling: number }
  | { kind: "raise"; group: number; by: number }
  | { kind: "terminate"; group: number }
  | { kind: "collectAll"; group: number }
  | { kind: "abandon"; group: number; by: number; wait: boolean; offset: number; named: number }
  | { kind: "release" | "reclaim"; committee: number; number: number }
  | { kind: "propose"; committee: number; offset: number; withdraw: boolean }
  | { kind: "rotate" | "resign"; committee: number; keeper: number }
  | { kind: "invite"; committee: number; group: number; invited: boolean }
  | { kind: "pullMany" | "pullKeepers"; who: number }
  | Scene
  | { kind: "mine"; blocks: number };

/** Runs of calls that single steps rarely come to in a row. */
export type Scene =
  | { kind: "comeBack"; group: number; move: boolean }
  | { kind: "starve"; group: number; permille: number }
  | { kind: "settleLate"; group: number; delay: number; offset: number };

export type ConsentFlaw = "none" | "sequence" | "deadline" | "signer";

/** What is wrong with a certificate, or with what it says of its first group. */
export type CertificateFlaw =
  | "none"
  | "early"
  | "sender"
  | "version"
  | "signers"
  | "forged"
  | "failed"
  | "payee"
  | "count"
  | "extra"
  | "proof";

/** What is wrong with the proof of the groups that are handed in. */
export type ProofFlaw = "none" | "longer" | "shorter" | "shifted" | "items";

export type Choice = {
  lapsed: number;
  late: boolean;
  delay: number;
  leader: number;
  sender: number;
  failedFrom: number;
  payees: number;
  absent: number;
  permilles: number[];
  hand: "all" | "none" | "some";
  first: number;
  length: number;
  flaw: CertificateFlaw;
  proof: ProofFlaw;
};

const flaws: CertificateFlaw[] = [
  "early",
  "sender",
  "version",
  "signers",
  "forged",
  "failed",
  "payee",
  "count",
  "count",
  "extra",
  "proof",
];

const proofFlaws: ProofFlaw[] = ["longer", "shorter", "shifted", "items"];

/** More than any committed space-time. */
export const everything = -1;

const choice: fc.Arbitrary<Choice> = fc.record({
  lapsed: fc.constantFrom(0, 0, 0, 0, 1, 2, 4),
  late: fc.constantFrom(false, false, true),
  delay: fc.nat(4),
  leader: fc.nat(6),
  sender: fc.nat(6),
  failedFrom: fc.nat(6),
  payees: fc.oneof({ weight: 2, arbitrary: fc.nat(127) }, { weight: 1, arbitrary: fc.constant(127) }),
  absent: fc.nat(6),
  permilles: fc.array(fc.constantFrom(0, 1, 500, 999, 1000, 1000, 1000, 1250, everything), {
    minLength: 12,
    maxLength: 12,
  }),
  hand: fc.constantFrom("all", "all", "all", "none", "some", "some"),
  first: fc.nat(5),
  length: fc.nat(5),
  flaw: fc.oneof(
    { weight: 8, arbitrary: fc.constant<CertificateFlaw>("none") },
    { weight: 1, arbitrary: fc.constantFrom(...flaws) },
  ),
  proof: fc.constantFrom(...proofFlaws),
});

/** A certificate in time, with all paid and everything proven. */
export const calm: Choice = {
  lapsed: 0,
  late: false,
  delay: 0,
  leader: 0,
  sender: 0,
  failedFrom: 0,
  payees: 127,
  absent: 0,
  permilles: Array(12).fill(1000),
  hand: "all",
  first: 0,
  length: 0,
  flaw: "none",
  proof: "none",
};

const kind = <Kind extends string>(...kinds: Kind[]): fc.Arbitrary<Kind> => fc.constantFrom(...kinds);
const group = fc.nat(5);
const committee = fc.nat(1);
const who = fc.nat(7);
const size = fc.oneof(fc.bigInt(1n, gibibyte << 4n), fc.constantFrom(1n, gibibyte, (1n << 56n) - 1n));
const price = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0n) },
  { weight: 4, arbitrary: fc.bigInt(0n, perGibibyteBlock(3_000n)) },
  { weight: 2, arbitrary: fc.constant(perGibibyteBlock(1_000n)) },
  { weight: 1, arbitrary: fc.constantFrom(1n, (1n << 80n) - 1n) },
);
const flaw = fc.oneof(
  { weight: 12, arbitrary: fc.constant<ConsentFlaw>("none") },
  { weight: 1, arbitrary: kind<ConsentFlaw>("sequence", "deadline", "signer") },
);

const weighted: readonly (readonly [number, fc.Arbitrary<Step>])[] = [
  [18, fc.record({ kind: kind("certify"), committee, choice })],
  [
    7,
    fc.record({
      kind: kind("settle"),
      committee,
      pick: fc.nat(3),
      first: fc.nat(3),
      length: fc.integer({ min: 1, max: 3 }),
      sender: fc.nat(7),
      proof: fc.oneof(
        { weight: 6, arbitrary: fc.constant<ProofFlaw>("none") },
        { weight: 1, arbitrary: fc.constantFrom(...proofFlaws) },
      ),
    }),
  ],
  [4, fc.record({ kind: kind("fund"), group, permille: kindOf(1, 300, 1000, 1000, 2000) })],
  [2, fc.record({ kind: kind("withdraw"), group, permille: kindOf(0, 500, 1000, 1000, 1001, 1200) })],
  [6, fc.record({ kind: kind("add"), group, who, size, price, flaw })],
  [6, fc.record({ kind: kind("change"), group, who, size, price, flaw })],
  [3, fc.record({ kind: kind("remove", "notice"), group, who })],
  [1, fc.record({ kind: kind("burst"), group, who })],
  [5, fc.record({ kind: kind("pull", "collect"), group, who })],
  [4, fc.record({ kind: kind("pullKeeper", "collectKeepers"), group, account: fc.nat(4), seat: fc.nat(6) })],
  [5, fc.record({ kind: kind("enter"), group, committee, ceiling: fc.integer({ min: 1, max: 9 }) })],
  [1, fc.record({ kind: kind("raise"), group, by: fc.integer({ min: -1, max: 6 }) })],
  [1, fc.record({ kind: fc.constant("terminate" as const), group })],
  [1, fc.record({ kind: fc.constant("collectAll" as const), group })],
  [
    4,
    fc.record({
      kind: kind("abandon"),
      group,
      by: fc.integer({ min: -2, max: 7 }),
      wait: fc.boolean(),
      offset: kindOf(-1, 0, 0, 0, 2),
      named: kindOf(0, 0, 0, 1),
    }),
  ],
  [1, fc.record({ kind: kind("release", "reclaim"), committee, number: fc.nat(8) })],
  [
    1,
    fc.record({ kind: kind("propose"), committee, offset: fc.nat(3), withdraw: kindOf(false, false, true) }),
  ],
  [2, fc.record({ kind: kind("rotate", "resign"), committee, keeper: fc.nat(9) })],
  [1, fc.record({ kind: kind("invite"), committee, group, invited: kindOf(true, true, false) })],
  [2, fc.record({ kind: kind("pullMany", "pullKeepers"), who: fc.nat(9) })],
  [1, fc.record({ kind: kind("comeBack"), group, move: fc.boolean() })],
  [1, fc.record({ kind: kind("starve"), group, permille: kindOf(0, 500, 999, 1000) })],
  [1, fc.record({ kind: kind("settleLate"), group, delay: fc.nat(60), offset: fc.nat(60) })],
  [4, fc.record({ kind: kind("mine"), blocks: fc.integer({ min: 1, max: 40 }) })],
];

function kindOf<Value>(...values: Value[]): fc.Arbitrary<Value> {
  return fc.constantFrom(...values);
}

/** Most steps are those of running groups; those that end one are rare. */
export const steps: fc.Arbitrary<Step> = fc.oneof(
  ...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })),
);

/** How a group of a sequence begins. */
export type Beginning = {
  lockup: number;
  keeperShareBps: number;
  keeperFee: bigint;
  committee: number;
  ceiling: number;
  /** Its payer is not the committees' convener, and needs an invitation. */
  foreign: boolean;
  /** First providers: bytes and price. */
  data: { size: bigint; price: bigint }[];
  /** Parts of 1,000 of what R32 asks for: 1,000 runs short soon. */
  permille: number;
};

/** Size and money of a sequence's two committees. */
export type Cast = { n: number; coin: boolean };

export const casts: fc.Arbitrary<Cast> = fc.constantFrom(
  { n: 4, coin: false },
  { n: 4, coin: false },
  { n: 4, coin: true },
  { n: 7, coin: false },
  { n: 7, coin: false },
);

export const beginnings: fc.Arbitrary<Beginning[]> = fc.array(
  fc.record({
    lockup: fc.integer({ min: 132, max: 145 }),
    keeperShareBps: kindOf(0, 1000, 1000, 3333, 10_000),
    keeperFee: kindOf(0n, 1n, 1_000_003n, 10n ** 12n),
    committee,
    ceiling: fc.integer({ min: 2, max: 6 }),
    foreign: kindOf(false, false, true),
    data: fc.array(
      fc.record({
        size: fc.bigInt(1n, gibibyte << 3n),
        price: kindOf(0n, perGibibyteBlock(1000n), perGibibyteBlock(777n) + 5n),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    permille: kindOf(1000, 1000, 1100, 3000, 20_000),
  }),
  { minLength: 2, maxLength: 4 },
);
