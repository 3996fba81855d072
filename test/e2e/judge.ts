/** Checks a demo's document with its own arithmetic, written from the rules and from the form of the document. */
import { AbiCoder, getAddress, keccak256 } from "ethers";
import { expect } from "vitest";
import { z } from "zod";

const address = z
  .string()
  .refine((text) => text === getAddress(text), "expected an address in EIP-55 spelling");
const hash = z.string().regex(/^0x[0-9a-f]{64}$/);
const decimal = z.string().regex(/^(0|[1-9]\d*)$/);
const count = z.int().min(0);

const member = z.strictObject({ index: count, operator: address, payee: address });

const committee = z.strictObject({
  address,
  params: z.strictObject({
    interval: count,
    turn: count,
    slot: count,
    answer: count,
    confirmations: count,
    toleranceBps: count,
    originBlock: count,
    committeeSeed: hash,
  }),
  members: z.array(member),
});

const round = z.strictObject({
  ts: count,
  te: count,
  turn: count,
  leader: count,
  block: count,
  tx: hash,
  txs: z.array(hash).min(1),
  gasUsed: z.int().min(21_000),
  failed: z.array(count),
  payees: z.array(count),
  signers: z.array(count),
  groups: z.array(address),
});

const settlement = z.strictObject({
  ts: count,
  te: count,
  tx: hash,
  items: z.array(
    z.strictObject({ provider: count, spaceTime: decimal, amount: decimal, toProvider: decimal }),
  ),
  keeperCut: decimal,
  keeperFee: decimal,
  shares: z.record(z.string().regex(/^\d+$/), decimal),
});

const group = z.strictObject({
  address,
  payer: address,
  token: address,
  params: z.strictObject({ lockup: count, keeperShareBps: count, keeperFee: decimal }),
  providers: z.array(member.extend({ bytes: decimal, price: decimal })),
  settlements: z.array(settlement),
  escrow: z.strictObject({ deposited: decimal, balance: decimal, withdrawn: decimal, credited: decimal }),
});

/** The form on which other tools rely: no member is missing, and there is no other. */
const schema = z.strictObject({
  rpc: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/),
  chainId: z.literal(31_337),
  committee,
  rounds: z.array(round),
  groups: z.array(group),
  challenges: z.strictObject({ asked: count, whole: count, partial: count, failed: count }),
  ok: z.literal(true),
});

export type Document = z.infer<typeof schema>;
export type Group = Document["groups"][number];
export type Round = Document["rounds"][number];

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The only line of a demo's output. */
export function parseDocument(stdout: string): Document {
  expect(stdout.indexOf("\n")).toBe(stdout.length - 1);
  return schema.parse(JSON.parse(stdout));
}

export type Sizes = { readonly keepers: number; readonly providers: number; readonly groups: number };

/** The document's plain fields. */
export function expectShape(document: Document, { keepers, providers, groups }: Sizes): void {
  const { members, params } = document.committee;
  expect(params).toMatchObject({ interval: 40, turn: 30, slot: 10, answer: 5, confirmations: 1 });
  expect(document.groups).toHaveLength(groups);
  for (const [parties, size] of [
    [members, keepers] as const,
    ...document.groups.map((one) => [one.providers, providers] as const),
  ]) {
    expect(parties.map(({ index }) => index)).toEqual(upTo(size));
    expect(new Set(parties.map(({ operator }) => operator)).size).toBe(size);
  }
  // Every group has a contract and a payer of its own.
  expect(new Set(document.groups.flatMap((one) => [one.address, one.payer])).size).toBe(2 * groups);
  const { asked, whole, partial, failed } = document.challenges;
  expect(whole + partial + failed).toBe(asked);
  expect(whole).toBeGreaterThan(0);
}

/** R30 from the document's own space-time and prices; every unit is accounted for (S2). */
export function expectMoney({ groups, rounds, committee: { members } }: Document): void {
  for (const { params, providers, settlements, escrow } of groups) {
    let credited = 0n;
    for (const [i, { ts, te, items, keeperCut, keeperFee, shares }] of settlements.entries()) {
      const { failed, payees } = rounds[i] as Round;
      let cut = 0n;
      for (const item of items) {
        const price = BigInt(providers[item.provider]?.price ?? 0);
        const amount = (BigInt(item.spaceTime) * price) / 18_446_744_073_709_551_616n;
        const part = (amount * BigInt(params.keeperShareBps)) / 10_000n;
        cut += part;
        expect(item).toMatchObject({ amount: `${amount}`, toProvider: `${amount - part}` });
        credited += amount - part;
      }
      expect(keeperCut).toBe(`${cut}`);
      // A payer of the demo reserves as many providers as it has.
      const fee = (BigInt(params.keeperFee) * BigInt(providers.length * (te - ts))) / 65_536n;
      expect(keeperFee).toBe(`${fee}`);
      expect(fee).toBeGreaterThan(0n);
      const share = (cut + fee) / BigInt(members.length - failed.length);
      expect(shares).toEqual(Object.fromEntries(payees.map((keeper) => [String(keeper), `${share}`])));
      credited += share * BigInt(payees.length);
    }
    expect(escrow).toEqual({
      deposited: escrow.deposited,
      balance: escrow.deposited,
      withdrawn: "0",
      credited: `${credited}`,
    });
    expect(BigInt(escrow.deposited)).toBeGreaterThan(credited);
  }
}

/** R5, computed from the rule. */
function order(ts: number, { params, members }: Document["committee"]): number[] {
  const key = (operator: string): string =>
    keccak256(
      AbiCoder.defaultAbiCoder().encode(
        ["uint64", "bytes32", "address"],
        [ts, params.committeeSeed, operator],
      ),
    );
  return members
    .map(({ index, operator }) => ({ index, key: key(operator) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ index }) => index);
}

function expectRound(document: Document, one: Round, ts: number): void {
  const { params, members } = document.committee;
  const n = members.length;
  const f = (n - 1) / 3;
  const { te, turn, block, leader, failed, payees, signers, tx, txs } = one;
  expect(one.ts).toBe(ts);
  expect(te).toBe(ts + params.interval + (turn - 1) * params.turn);
  expect(block).toBeGreaterThanOrEqual(te);
  expect(block).toBeLessThan(te + params.turn);
  const turns = order(ts, document.committee);
  expect(leader).toBe(turns[(turn - 1) % n]);
  const lapsed = Array.from({ length: Math.min(turn - 1, f) }, (_, i) => turns[(turn - 2 - i) % n]);
  expect(new Set(failed)).toEqual(new Set(lapsed));
  expect(failed).toHaveLength(lapsed.length);
  expect(failed.filter((keeper) => payees.includes(keeper))).toEqual([]);
  expect(signers.length).toBeGreaterThanOrEqual(2 * f + 1);
  for (const indices of [failed, payees, signers]) {
    expect(new Set(indices).size).toBe(indices.length);
    for (const index of indices) expect(index).toBeLessThan(n);
  }
  expect(txs[0]).toBe(tx);
  expect(new Set(txs).size).toBe(txs.length);
  // R38: every group has data committed in every interval of the demo.
  expect([...one.groups].sort()).toEqual(document.groups.map((each) => each.address).sort());
}

function expectSettlements({ settlements, providers }: Group, rounds: readonly Round[]): void {
  const spans = (list: readonly { ts: number; te: number }[]): number[][] =>
    list.map(({ ts, te }) => [ts, te]);
  expect(spans(settlements)).toEqual(spans(rounds));
  for (const [i, { ts, te, tx, items }] of settlements.entries()) {
    expect(rounds[i]?.txs).toContain(tx);
    expect(items.map(({ provider }) => provider)).toEqual(providers.map(({ index }) => index));
    for (const { provider, spaceTime } of items) {
      const whole = BigInt(providers[provider]?.bytes ?? 0) * BigInt(te - ts);
      expect(BigInt(spaceTime)).toBeLessThanOrEqual(whole);
    }
  }
}

/** S1, S3, R5 to R7, R29 and R38 from the document alone. */
export function expectTurns(document: Document): void {
  const { rounds, groups, committee: of } = document;
  let ts = rounds[0]?.ts ?? -1;
  // R5, R38: the first interval begins with the groups' service, at a slot boundary after the committee's origin.
  expect(ts).toBeGreaterThanOrEqual(of.params.originBlock);
  expect((ts - of.params.originBlock) % of.params.slot).toBe(0);
  for (const one of rounds) {
    expectRound(document, one, ts);
    ts = one.te;
  }
  for (const one of groups) expectSettlements(one, rounds);
}
